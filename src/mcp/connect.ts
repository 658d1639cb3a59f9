/** The way of create_credential through a client: link by URL elicitation where the client has it, else in the result. */
import { isRequest } from '../broker/approvals/link.ts';
import { cancelAttempt, checkAttempt, resumeAttempt } from '../broker/connect/attempts.ts';
import { createCredential } from '../broker/connect/create.ts';
import type { CreateInput, StartedAttempt } from '../broker/connect/create-input.ts';
import { type ConnectOutcome, outcomeOf } from '../broker/credentials/outcome.ts';
import { KeywardError } from '../errors.ts';
import { waitSeconds } from './approval.ts';
import type { LinkAnswer, LinkRequired } from './links.ts';
import type { ToolCall } from './tools/tool.ts';

type Output = ConnectOutcome | LinkOutput;
type LinkOutput = { oauthUrl?: string; connectUrl?: string; attemptId: string; expiresAt: string; userCode?: string };

/** Starts connecting, or goes on with the attempt that an earlier round of the same call started. */
export async function connect(call: ToolCall, input: CreateInput): Promise<Output | LinkRequired> {
  const { broker, principal, links } = call;
  // An approval may have come first; its answer is not one to the link of an attempt.
  const approved = links.state !== undefined && (await isRequest(broker, principal, links.state));
  if (links.state !== undefined && !approved) {
    return settle(call, await resumeAttempt(broker, principal, links.state, input), links.answer, waitSeconds);
  }
  if (links.answer !== 'none' && !approved) {
    throw new KeywardError('invalid_input', 'An answer to a link came without the requestState that belongs to it.', {
      hint: 'Call create_credential anew, and send requestState back unchanged.',
    });
  }
  const started = await createCredential(broker, principal, input, {
    obtainedBy: links.offered ? 'elicitation' : 'tool',
  });
  if (started.kind === 'created') return outcomeOf(broker, principal, started.credentialId);
  if (!links.offered) return linkOutput(started);
  const startedAt = performance.now();
  const shown = await links.show({
    url: started.url,
    message: messageFor(broker.catalogue.require(input.connectorId).name),
    state: started.attemptId,
  });
  if (typeof shown !== 'string') return shown;
  const elapsed = Math.ceil((performance.now() - startedAt) / 1_000);
  return settle(call, started, shown, Math.max(0, waitSeconds - elapsed));
}

/** Waits for a person who agreed to open the link; asking again at once would only burn rounds. */
async function settle(call: ToolCall, attempt: StartedAttempt, answer: LinkAnswer, seconds: number): Promise<Output> {
  const { broker, principal, signal, onWait } = call;
  const { attemptId } = attempt;
  if (answer === 'decline' || answer === 'cancel') {
    await cancelAttempt(broker, principal, attemptId);
    throw new KeywardError('cancelled', 'The person did not agree to open the link, so nothing was connected.', {
      hint: 'Ask whether they want to connect before calling create_credential again.',
    });
  }
  const wait = answer === 'accept' ? seconds : 0;
  const { status, error, ...outcome } = await checkAttempt(
    broker,
    principal,
    { attemptId, waitSeconds: wait },
    { signal, onWait },
  );
  if (outcome.credentialId !== undefined) return { ...outcome, credentialId: outcome.credentialId };
  if (error) throw new KeywardError(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint });
  if (status === 'pending') return linkOutput(attempt);
  throw new KeywardError('attempt_expired', 'The link expired before the person had finished.', {
    hint: 'Call create_credential again for a new link.',
  });
}

function linkOutput({ page, url, attemptId, expiresAt, userCode }: StartedAttempt): LinkOutput {
  return {
    ...(page === 'oauth' ? { oauthUrl: url } : { connectUrl: url }),
    attemptId,
    expiresAt: new Date(expiresAt).toISOString(),
    ...(userCode === undefined ? {} : { userCode }),
  };
}

/** Shown by the client beside the link. */
function messageFor(service: string): string {
  return `Keyward asks you to connect ${service}. Open the link and finish there: what you enter does not pass through the assistant.`;
}
