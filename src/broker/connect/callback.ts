/** What comes back to the redirect URI (RFC 6749 §4.1.2): the point where an attacker would try to get in. */
import { hasCode, KeywardError } from '../../errors.ts';
import type { Attempt, AttemptSecret } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { endRegistration, unknownRegistration } from '../grants/auth-configs.ts';
import { oauthContext, ownerOf } from '../grants/oauth-context.ts';
import { isShared } from '../grants/redirect-uri.ts';
import { exchangeCode } from '../oauth/exchange.ts';
import { auditedRefusal } from '../policy/policy.ts';
import { attemptOf, equalInConstantTime, stateFor } from '../visitors/browser-binding.ts';
import { admit, isUnclaimed, type Visitor } from '../visitors/visitor.ts';
import { finishAttempt, personOf } from './finish.ts';
import { openAttempt } from './page.ts';
import { expired, failAttempt, returnOf, stateOf } from './state.ts';

type Callback = {
  /** The query as it was received. */
  readonly received: URLSearchParams;
  /** The connector id of the path, for servers that have a redirect URI of their own. */
  readonly connectorId: string | null;
  /** The value of the cookie that is bound to an attempt, if this browser has one. */
  readonly cookieOf: (attemptId: string) => string | null;
  readonly visitor: Visitor;
};

/**
 * Finishes the attempt that a callback belongs to and answers which one it was; its page shows the outcome, good or
 * bad. Throws for what can't be trusted to belong to any: nothing has changed then, and the service was not called.
 */
export async function finishCallback(
  broker: Broker,
  callback: Callback,
): Promise<{ attemptId: string; returnTo: string | null }> {
  const { attempt, secret, state } = await recognise(broker, callback);
  const { id: attemptId } = attempt;
  const claimed = await claim(broker, attempt);
  try {
    const context = await oauthContext(broker, claimed);
    if (context.auth.authenticationType !== 'oauth2') throw new KeywardError('internal', 'Not an OAuth authorization.');
    const { redirectUri } = claimed;
    const { codeVerifier } = secret;
    const tokens = await exchangeCode(
      { ...context, auth: context.auth },
      { redirectUri, received: callback.received, state, codeVerifier, shared: isShared(redirectUri) },
    );
    await finishAttempt(broker, claimed, async () => ({ kind: 'tokens', ...tokens }));
  } catch (error) {
    if (!(error instanceof KeywardError))
      broker.log.error('callback.failed', { attemptId, name: error instanceof Error ? error.name : 'unknown' });
    await failAttempt(
      broker,
      claimed,
      error instanceof KeywardError
        ? await explained(broker, claimed, error)
        : new KeywardError('internal', 'Connecting failed unexpectedly.'),
    );
  }
  return { attemptId, returnTo: returnOf((await openAttempt(broker, attemptId)).attempt) };
}

/** A client that registered itself can't be compared with anything, but registered anew. */
async function explained(broker: Broker, attempt: Attempt, error: KeywardError): Promise<KeywardError> {
  const { providerError } = error.details;
  if (providerError !== 'invalid_client' || !(await endRegistration(broker, ownerOf(attempt), attempt.authConfigId)))
    return error;
  return new KeywardError('provider_refused', unknownRegistration, { details: error.details });
}

/** Checks that the callback belongs to a pending attempt of this very browser, at the redirect URI that was sent. */
async function recognise(
  broker: Broker,
  callback: Callback,
): Promise<{ attempt: Attempt; secret: AttemptSecret; state: string }> {
  const state = callback.received.getAll('state').length === 1 ? (callback.received.get('state') ?? '') : '';
  const attemptId = attemptOf(state);
  if (attemptId === null) throw untrusted('The answer carries no state that Keyward sent.');
  const { attempt, secret } = await openAttempt(broker, attemptId);
  const browser = callback.cookieOf(attemptId);
  const genuine = browser !== null && equalInConstantTime(state, stateFor(attemptId, secret.key, browser));
  const path = callback.connectorId === null ? '/oauth/callback' : `/oauth/callback/${callback.connectorId}`;
  const expected = attempt.flow === 'code' && new URL(attempt.redirectUri).pathname === path;
  const claimed = callback.visitor === 'local' || !isUnclaimed(attempt);
  if (!genuine || !expected || !claimed) {
    const error = untrusted('This browser did not start the flow that the answer belongs to.');
    throw await auditedRefusal(
      broker,
      personOf(attempt),
      'attempt.start',
      { subject: attemptId, connectorId: attempt.connectorId },
      error,
    );
  }
  await admit(broker, attempt, callback.visitor, browser);
  const now = stateOf(attempt);
  if (now === 'expired') throw expired(attempt);
  if (now !== 'pending' || attempt.status !== 'pending') throw used();
  return { attempt, secret, state };
}

/** Single use: whoever moves the attempt on first may go to the service. */
async function claim(broker: Broker, attempt: Attempt): Promise<Attempt> {
  try {
    await broker.vault.commit([{ op: 'update', kind: 'attempt', record: { ...attempt, status: 'exchanging' } }]);
  } catch (error) {
    if (hasCode(error, 'conflict')) throw used();
    throw error;
  }
  return (await openAttempt(broker, attempt.id)).attempt;
}

function untrusted(message: string): KeywardError {
  return new KeywardError('forbidden', message, {
    hint: 'Ask your assistant to start connecting again, and open the new link in the same browser all the way.',
  });
}

function used(): KeywardError {
  return new KeywardError('attempt_used', 'This answer was received already.', {
    hint: 'The first one counts. You can close this page.',
  });
}
