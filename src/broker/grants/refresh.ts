/**
 * Fresh access tokens. Refresh happens before expiry and once: readers of one process share a promise, processes take
 * turns on a lease, everybody re-reads inside it, and new tokens are stored before anyone uses them. Strict services
 * kill the whole grant when a refresh token is used twice (RFC 9700 §4.14.2).
 */
import { refreshDefaults } from '../../connectors/definition/defaults.ts';
import { type ErrorCode, hasCode, KeywardError } from '../../errors.ts';
import type { Credential, TokenSecret } from '../../vault/vault.ts';
import type { Broker, Opened } from '../broker.ts';
import { clockToleranceMs } from '../input/lifetime.ts';
import { amendSame, holdingGrant, reread } from './amend.ts';
import { withCurrentInputs } from './current-inputs.ts';
import { storeFresh, unsavedFor } from './fresh-tokens.ts';
import { findAuth, ownerOf, requireAuth } from './oauth-context.ts';
import { reconnectError, renew } from './renew.ts';

/** How long a service that failed is left alone, unless it says otherwise; and the most it can ask for. */
const coolDownMs = 5_000;
const maxCoolDownMs = 300_000;

/** The service's own failures: it is left alone for a while. */
const serviceFailures: readonly ErrorCode[] = [
  'provider_unavailable',
  'provider_garbled',
  'provider_refused',
  'egress_too_large',
];
/** Failures to renew that are no reason to refuse a token which still works. */
const passing: readonly ErrorCode[] = [
  ...serviceFailures,
  'vault_busy',
  'rate_limited',
  'storage_full',
  'storage_readonly',
  'storage_failed',
  'store_unavailable',
];

/**
 * The credential with a secret that is good to use now. Throws `reconnect_required` when only a person can help, and
 * the service's failure when it can't be reached and the token at hand has expired.
 *
 * @param force renew a token that looks valid, because the service refused it; then it is never answered again
 */
export async function fresh(
  broker: Broker,
  credential: Credential,
  options: { force?: boolean } = {},
): Promise<Opened> {
  const { force = false } = options;
  const waiting = unsavedFor(broker, credential) !== undefined;
  if (credential.status === 'reconnect_required' && !waiting) throw reconnectError(credential);
  const secret = await broker.vault.open('credential', credential);
  if (secret.kind !== 'tokens' || !(waiting || force || isDue(broker, credential, secret)))
    return { credential, secret };
  try {
    if (!waiting) leaveAlone(broker, credential);
    // A forced one can't join: the flight may be about the token before the refused one.
    return await ((force ? undefined : broker.flights.get(credential.id)) ?? launch(broker, credential, force));
  } catch (error) {
    const works = secret.expiresAt === null || secret.expiresAt > Date.now();
    if (works && !force && hasCode(error, ...passing)) return { credential, secret };
    throw error;
  }
}

function launch(broker: Broker, seen: Credential, force: boolean): Promise<Opened> {
  const refresh = () => {
    const begun = performance.now();
    return holdingGrant(broker, seen.id, () => refreshHolding(broker, seen, force, performance.now() - begun));
  };
  // One user's slow services take turns with each other, and keep nobody else waiting.
  const flight = broker.underWay.refreshes
    .run(ownerOf(seen), refresh)
    .catch((error: unknown) => {
      coolDown(broker, seen, error);
      throw error;
    })
    .finally(() => {
      if (broker.flights.get(seen.id) === flight) broker.flights.delete(seen.id);
    });
  broker.flights.set(seen.id, flight);
  return flight;
}

/** Leaves a service alone that just failed, as long as it asks for. Measured on a clock that nobody sets. */
function coolDown(broker: Broker, credential: Credential, error: unknown): void {
  if (!hasCode(error, ...serviceFailures)) return;
  const asked = (error.details.retryAfterSeconds ?? 0) * 1000;
  const until = performance.now() + Math.min(Math.max(asked, coolDownMs), maxCoolDownMs);
  const cooling = broker.coolDowns.get(credential.id);
  if (!cooling || cooling.until < until) broker.coolDowns.set(credential.id, { until, error });
}

function leaveAlone(broker: Broker, credential: Credential): void {
  const cooling = broker.coolDowns.get(credential.id);
  if (cooling && performance.now() < cooling.until) throw cooling.error;
}

/** Runs inside the lease, after waiting `waited` milliseconds for it. */
async function refreshHolding(broker: Broker, seen: Credential, force: boolean, waited: number): Promise<Opened> {
  let now = await reread(broker, seen);
  // An answer that an earlier try could not store is better than asking again: the service has already rotated.
  const unsaved = unsavedFor(broker, now.credential);
  if (unsaved) now = await storeFresh(broker, now.credential, unsaved);
  const { credential, secret } = now;
  broker.unsaved.delete(credential.id);
  if (credential.status === 'reconnect_required') throw reconnectError(credential);
  if (secret.kind !== 'tokens') return now;
  const refused = force && credential.secretVersion === seen.secretVersion;
  if (!refused && !isDue(broker, credential, secret)) return now;
  const connector = broker.catalogue.require(credential.connectorId);
  withCurrentInputs(connector, requireAuth(connector, credential.authenticationType), credential, secret);
  leaveAlone(broker, credential);
  // Another process has just tried for long, in vain: asking again at once would double everybody's wait.
  if (waited > coolDownMs && credential.refreshStartedAt !== null) throw noAnswer(broker, credential);

  const { tenant, user } = ownerOf(credential);
  await broker.vault.audit({
    tenant,
    user,
    action: 'credential.refresh',
    subject: credential.id,
    connectorId: credential.connectorId,
    outcome: 'allowed',
  });
  const noted = await amendSame(broker, credential, (record) => ({
    record: { ...record, refreshStartedAt: Date.now() },
  }));
  // Reconnected at this very moment.
  return noted ? renew(broker, credential, secret) : reread(broker, credential);
}

function noAnswer(broker: Broker, { connectorId }: Credential): KeywardError {
  const { name } = broker.catalogue.require(connectorId);
  return new KeywardError('provider_unavailable', `${name} does not answer.`, { hint: 'Try again in a moment.' });
}

/** True when the token should be renewed now. */
function isDue(broker: Broker, credential: Credential, secret: TokenSecret): boolean {
  if (secret.expiresAt === null) return false;
  const now = Date.now();
  const byItself = credential.authenticationType !== 'oauth2';
  // What nothing can renew is good until its last second.
  if (secret.refreshToken === null && !byItself) return secret.expiresAt <= now;
  const obtained = credential.refreshedAt ?? credential.createdAt;
  if (obtained > now + clockToleranceMs) return true;
  const auth = findAuth(broker, credential);
  const { marginSeconds } = auth && 'refresh' in auth ? auth.refresh : refreshDefaults;
  // A margin longer than the token lives would refresh at every read.
  const margin = Math.min(marginSeconds * 1000, Math.max(0, (secret.expiresAt - obtained) / 2));
  return secret.expiresAt - margin <= now;
}
