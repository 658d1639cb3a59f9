/** An answer of an MCP server that is trouble with the connection or the server, in words with the next step. */
import { KeywardError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import { waitOf } from '../../net/retry-after.ts';
import type { Credential } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { type StepUp, stepUpFor } from '../grants/step-up.ts';
import { quoted } from '../input/text.ts';
import { isObject } from '../mcp-servers/messages.ts';
import type { ServiceAnswer } from './service-call.ts';

/** What a server says of its trouble is looked for in this much of its answer. */
const lookedInto = 16_384;

/**
 * What is wrong, or null for an answer that is the client's to read. A challenge names another way in, which is not the
 * client's: it has Keyward's.
 *
 * @param own whether whoever calls can connect the connection again
 */
export async function troubleOf(
  broker: Broker,
  { status, headers, body, service, discard }: ServiceAnswer,
  credential: Credential,
  own: boolean,
): Promise<KeywardError | null> {
  const stepUp = [401, 403].includes(status) ? stepUpFor(broker, credential, headers.get('www-authenticate')) : null;
  if (stepUp !== null) {
    await discard();
    return lacking(stepUp, own);
  }
  if (status === 401) {
    await discard();
    return new KeywardError(
      'reconnect_required',
      `${quoted(credential.name)} has to be connected again: ${service} does not accept its token or key.`,
      {
        hint: again(credential, own),
      },
    );
  }
  const details = { status };
  if (status === 429) {
    const seconds = waitOf(headers);
    return new KeywardError('rate_limited', `${service} wants fewer calls.${await wordsIn(body)}`, {
      hint: seconds === null ? 'Wait before the next call.' : `Wait ${seconds} s before the next call.`,
      details: { ...details, ...(seconds !== null && { retryAfterSeconds: seconds }) },
    });
  }
  if (status === 403) {
    return new KeywardError('provider_refused', `${service} refuses this with status 403.${await wordsIn(body)}`, {
      hint: 'The account of this connection may lack a right there, or an administrator has to allow it.',
      details,
    });
  }
  if (status >= 500) {
    return new KeywardError(
      'provider_unavailable',
      `${service} answered with status ${status}.${await wordsIn(body)}`,
      {
        hint: 'Try again in a moment. If it keeps failing, look at the status page of the service.',
        details: { ...details, ambiguous: true },
      },
    );
  }
  if (status >= 300 && status < 400 && status !== 304) {
    await discard();
    return new KeywardError('provider_refused', `${service} sends this to another address, which is not followed.`, {
      hint: 'If the server has moved, connect again with its new address.',
      details,
    });
  }
  return null;
}

/** The next step where a connection is good for nothing any more, for somebody who may never have seen Keyward. */
export function again({ id }: Credential, own: boolean): string {
  if (!own) return 'Ask the owner of the connection to connect it again.';
  return `Its owner connects it again: on Keyward’s page, with keyward connect --reconnect ${id}, or by create_credential with credentialId ${id}.`;
}

function lacking({ message, hint, command, scopes }: StepUp, own: boolean): KeywardError {
  const named = scopes.length === 0 ? '' : ` with the scopes ${scopes.join(' ')}`;
  return new KeywardError('provider_refused', message, {
    hint: own
      ? `${hint} A person can also run: ${command}`
      : `Ask the owner of the connection to connect it again${named}.`,
    details: { providerError: 'insufficient_scope' },
  });
}

/** What the server says itself, as a quotation; empty where it says nothing that can be read. */
async function wordsIn(body: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of body) {
      pieces.push(piece);
      size += piece.length;
      if (size > lookedInto) return '';
    }
    const answer = parseJson(Buffer.concat(pieces).toString('utf8'));
    const error = isObject(answer) ? (isObject(answer.error) ? answer.error.message : answer.message) : undefined;
    return typeof error === 'string' && error !== '' ? ` It says ${quoted(error, 300)}.` : '';
  } catch {
    return '';
  }
}
