/** Beginning anew from the page of an attempt: by the same way once it has ended, or by another way of the same service. */
import { hasCode, KeywardError } from '../../errors.ts';
import type { Attempt } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { requireAuth } from '../grants/oauth-context.ts';
import { takesScopes } from '../input/asked-scopes.ts';
import { answeredAlready } from '../visitors/form-errors.ts';
import type { Sender } from '../visitors/visitor.ts';
import { askedFor, createCredential } from './create.ts';
import { completed, personOf } from './finish.ts';
import { mayBeginAgain, otherWays } from './other-ways.ts';
import { commitForm, openSent, sentTwice } from './sent-form.ts';
import { stateOf } from './state.ts';

/**
 * Begins another attempt in place of this one, for the same person, asker and name; whoever waits for this one waits for
 * that one from now on. All that holds for a new attempt is asked anew. Where nothing is left to ask, this one is completed.
 *
 * @param type another way of the same service; null: the same one, once the attempt has failed or expired
 * @returns the id of the attempt to go on with
 * @throws KeywardError as `createCredential`, `approval_required` among them
 */
export async function beginAgain(
  broker: Broker,
  attemptId: string,
  sender: Sender,
  type: string | null,
): Promise<string> {
  const { attempt } = await openSent(broker, attemptId, sender);
  if (attempt.continuedAs !== undefined) return attempt.continuedAs;
  await requireBeginning(broker, attempt, type);
  const { connectorId, name, reconnects, returnTo, askedScopes, flow, obtainedBy, client } = attempt;
  const connector = broker.catalogue.require(connectorId);
  const auth = requireAuth(connector, type ?? attempt.authenticationType);
  const same = type === null;
  const input = {
    ...askedFor(connector, auth, attempt.inputs),
    connectorId,
    authenticationType: auth.authenticationType,
    ...(name !== null && { name }),
    ...(reconnects !== null && { credentialId: reconnects }),
    ...(returnTo !== null && auth.authenticationType === 'oauth2' && { redirectUri: returnTo }),
    ...(same && flow === 'device' && { flow }),
    ...(same && askedScopes && takesScopes(connector, auth) && { scopes: askedScopes.join(' ') }),
  };
  const created = await createCredential(broker, personOf(attempt), input, {
    obtainedBy,
    askedBy: client,
    alongside: (credentialId) => [completed(attempt, credentialId)],
  }).catch((error: unknown) => {
    throw hasCode(error, 'conflict') ? sentTwice() : error;
  });
  if (created.kind === 'created') return attemptId;
  const pending = stateOf(attempt) === 'pending';
  const ended = pending ? { status: 'failed' as const, error: anotherWay } : {};
  const record = { ...attempt, ...ended, continuedAs: created.attemptId };
  await commitForm(broker, [{ op: 'update', kind: 'attempt', record }]);
  return created.attemptId;
}

const anotherWay = { code: 'cancelled', message: 'The person went on by another way.' } as const;

async function requireBeginning(broker: Broker, attempt: Attempt, type: string | null): Promise<void> {
  if (!mayBeginAgain(attempt)) {
    throw new KeywardError('forbidden', 'This can be started again only by the program that asked for it.', {
      hint: 'Go back to that program and start there.',
    });
  }
  const state = stateOf(attempt);
  if (type === null) {
    if (state === 'failed' || state === 'expired') return;
  } else if (state === 'pending' && attempt.status === 'pending') {
    const ways = await otherWays(broker, attempt);
    if (ways.some(({ form }) => form.authenticationType === type)) return;
  }
  throw answeredAlready();
}
