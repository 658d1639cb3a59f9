/**
 * Fresh access tokens. Refresh happens before expiry and once: readers of one process share a promise, processes take
 * turns on a lease, everybody re-reads inside it, and new tokens are stored before anyone uses them. Strict services
 * kill the whole grant when a refresh token is used twice (RFC 9700 §4.14.2).
 */
import { hasCode, KeywardError } from '../errors.ts';
import type { Credential, CredentialSecret } from '../vault/vault.ts';
import type { Broker, Opened } from './broker.ts';
import { clientCredentials } from './oauth/client-credentials.ts';
import type { TokenSet } from './oauth/context.ts';
import { refreshTokens } from './oauth/refresh.ts';
import { oauthContext } from './oauth-context.ts';
import { who } from './policy.ts';
import { reread, storeFresh } from './rotate.ts';

/** Longer than one token request may take, so that a waiter outlasts the holder. */
const leaseWaitMs = 70_000;
/** How long a service that failed is left alone, unless it says otherwise; and the most it can ask for. */
const coolDownMs = 5_000;
const maxCoolDownMs = 60_000;
/** A token that claims to be obtained later than this from now was obtained before the clock was set back. */
const clockToleranceMs = 60_000;

type Tokens = Extract<CredentialSecret, { kind: 'tokens' }>;

/**
 * The credential with a secret that is good to use now. Throws `reconnect_required` when only a person can help, and
 * the service's failure when it can't be reached and the token at hand has expired.
 *
 * @param force refresh although the token looks valid, because the service refused it
 */
export async function fresh(
  broker: Broker,
  credential: Credential,
  options: { force?: boolean } = {},
): Promise<Opened> {
  if (credential.status === 'reconnect_required') throw reconnectError(credential);
  const secret = await broker.vault.open('credential', credential);
  if (secret.kind !== 'tokens' || !(options.force || isDue(broker, credential, secret))) return { credential, secret };

  const cooling = broker.coolDowns.get(credential.id);
  if (cooling && Date.now() < cooling.until) return fallBack({ credential, secret }, cooling.error);

  const flight = broker.flights.get(credential.id) ?? launch(broker, credential, options.force ?? false);
  try {
    return await flight;
  } catch (error) {
    return fallBack({ credential, secret }, error);
  }
}

/** A service that is down costs nothing while the token at hand still works. */
function fallBack(opened: Opened, error: unknown): Opened {
  const { secret } = opened;
  const usable = secret.kind === 'tokens' && (secret.expiresAt === null || secret.expiresAt > Date.now());
  if (usable && hasCode(error, 'provider_unavailable', 'provider_garbled', 'vault_busy')) return opened;
  throw error;
}

function launch(broker: Broker, seen: Credential, force: boolean): Promise<Opened> {
  const flight = broker.vault
    .withLease(`refresh:${seen.id}`, { waitMs: leaseWaitMs }, () => refreshHolding(broker, seen, force))
    .catch((error: unknown) => {
      if (hasCode(error, 'provider_unavailable', 'provider_garbled')) {
        const asked = (error.details.retryAfterSeconds ?? 0) * 1000;
        const until = Date.now() + Math.min(Math.max(asked, coolDownMs), maxCoolDownMs);
        broker.coolDowns.set(seen.id, { until, error });
      }
      throw error;
    })
    .finally(() => broker.flights.delete(seen.id));
  broker.flights.set(seen.id, flight);
  return flight;
}

/** Runs inside the lease. */
async function refreshHolding(broker: Broker, seen: Credential, force: boolean): Promise<Opened> {
  const now = await reread(broker, seen);
  if (now.credential.status === 'reconnect_required') throw reconnectError(now.credential);
  if (now.secret.kind !== 'tokens') return now;
  const rotatedMeanwhile = now.credential.secretVersion !== seen.secretVersion;
  if (rotatedMeanwhile || !(force || isDue(broker, now.credential, now.secret))) return now;

  // An answer that an earlier try could not store is better than asking again: the service has already rotated.
  const unsaved = broker.unsaved.get(seen.id);
  if (unsaved?.secretVersion === now.credential.secretVersion)
    return storeFresh(broker, now.credential, unsaved.secret);

  const interrupted = now.credential.refreshStartedAt !== null;
  await broker.vault.audit({
    ...who({ tenant: seen.tenant, user: seen.owner, scopes: new Set() }),
    action: 'credential.refresh',
    subject: seen.id,
    connectorId: seen.connectorId,
    outcome: 'allowed',
  });
  await broker.vault.commit([
    { op: 'update', kind: 'credential', record: { ...now.credential, refreshStartedAt: Date.now() } },
  ]);
  try {
    const tokens = await requestTokens(broker, now.credential, now.secret);
    broker.coolDowns.delete(seen.id);
    return await storeFresh(broker, now.credential, { kind: 'tokens', ...tokens });
  } catch (error) {
    if (!hasCode(error, 'provider_refused')) throw error;
    return adoptOrGiveUp(broker, now.credential, error, interrupted);
  }
}

/** Asks the service. A lost answer is asked for once more: a server with a grace period repeats it. */
async function requestTokens(broker: Broker, credential: Credential, secret: Tokens): Promise<TokenSet> {
  const context = await oauthContext(broker, credential);
  const ask = () => {
    if (context.auth.authenticationType === 'oauth2_client_credentials') {
      return clientCredentials({ ...context, auth: context.auth });
    }
    if (secret.refreshToken === null) {
      throw new KeywardError('provider_refused', 'The service gave no refresh token.', {
        details: { providerError: 'no_refresh_token' },
      });
    }
    return refreshTokens({ ...context, auth: context.auth }, { refreshToken: secret.refreshToken, kept: secret.kept });
  };
  try {
    return await ask();
  } catch (error) {
    if (!(hasCode(error, 'provider_unavailable') && error.details.ambiguous)) throw error;
    return ask();
  }
}

/**
 * The service refused the refresh token. Somebody outside the lease may have rotated it (another machine on the same
 * vault, a restored backup): then the newer tokens are there. Else the grant is gone.
 */
async function adoptOrGiveUp(
  broker: Broker,
  tried: Credential,
  error: KeywardError,
  interrupted: boolean,
): Promise<Opened> {
  const now = await reread(broker, tried);
  if (now.credential.secretVersion !== tried.secretVersion) return now;
  // Only a verdict on the grant is final; a refused client can be mended without connecting again.
  if (!['invalid_grant', 'no_refresh_token'].includes(error.details.providerError ?? '')) throw error;
  const statusReason = reasonFor(error, interrupted);
  const record = { ...now.credential, status: 'reconnect_required' as const, statusReason, refreshStartedAt: null };
  await broker.vault.commit([{ op: 'update', kind: 'credential', record }]);
  throw reconnectError(record);
}

function reasonFor(error: KeywardError, interrupted: boolean): string {
  if (error.details.providerError === 'no_refresh_token') {
    return 'The access token has expired and the service gave no refresh token.';
  }
  return interrupted
    ? 'The service no longer accepts the refresh token. An earlier refresh was interrupted before its answer was stored.'
    : 'The service no longer accepts the refresh token: it expired, was revoked, or was used elsewhere.';
}

/** True when the token should be renewed now. */
function isDue(broker: Broker, credential: Credential, secret: Tokens): boolean {
  if (secret.expiresAt === null) return false;
  const now = Date.now();
  const obtained = credential.refreshedAt ?? credential.createdAt;
  if (obtained > now + clockToleranceMs) return true;
  const auth = broker.catalogue
    .get(credential.connectorId)
    ?.auth.find((one) => one.authenticationType === credential.authenticationType);
  const declared = auth && 'refresh' in auth ? auth.refresh.marginSeconds * 1000 : 300_000;
  // A margin longer than the token lives would refresh at every read.
  const margin = Math.min(declared, Math.max(0, (secret.expiresAt - obtained) / 2));
  return secret.expiresAt - margin <= now;
}

/** The error that every use of a dead connection answers. */
export function reconnectError(credential: Credential): KeywardError {
  return new KeywardError(
    'reconnect_required',
    `${credential.name} has to be connected again. ${credential.statusReason ?? ''}`.trim(),
    { hint: `Call create_credential with credentialId ${credential.id} and give the person the link.` },
  );
}
