/** Renewing a grant at the service, and what follows from its answer. The caller holds the grant's lease. */
import { clientsAt } from '../../connectors/auth-kinds.ts';
import { hasCode, KeywardError } from '../../errors.ts';
import type { Credential, TokenSecret } from '../../vault/vault.ts';
import type { Broker, Opened } from '../broker.ts';
import { quoted } from '../input/text.ts';
import { clientCredentials } from '../oauth/client-credentials.ts';
import type { TokenSet } from '../oauth/context.ts';
import { refreshTokens } from '../oauth/refresh.ts';
import { amendSame, reread } from './amend.ts';
import { endRegistration, unknownRegistration } from './auth-configs.ts';
import { storeFresh } from './fresh-tokens.ts';
import { findAuth, oauthContext, ownerOf } from './oauth-context.ts';
import { verdictOfRefresh } from './verdict.ts';

/** Limit of asking a service, the second try included. */
const askLimitMs = 30_000;
/** That limit while further refreshes of this user may be waiting for their turn. */
const crowdedLimitMs = 10_000;
/** Less than this left is no time for a second try. */
const leastAskMs = 1_000;

/** Asks the service and stores its answer. A lost answer is asked for once more: servers with a grace period repeat it. */
export async function renew(broker: Broker, credential: Credential, secret: TokenSecret): Promise<Opened> {
  const begun = performance.now();
  const limitMs = broker.underWay.refreshes.crowded(ownerOf(credential)) ? crowdedLimitMs : askLimitMs;
  let interrupted = credential.refreshStartedAt !== null;
  let tokens: TokenSet;
  try {
    tokens = await requestTokens(broker, credential, secret, limitMs).catch((error: unknown) => {
      const left = limitMs - (performance.now() - begun);
      const lost = hasCode(error, 'provider_unavailable') && error.details.ambiguous === true;
      interrupted ||= lost;
      if (!lost || error.details.retryAfterSeconds !== undefined || left < leastAskMs) throw error;
      return requestTokens(broker, credential, secret, left);
    });
  } catch (error) {
    if (hasCode(error, 'provider_refused')) return adoptOrGiveUp(broker, credential, error, interrupted);
    // Nothing was sent, and a file that is put right makes it work again: the record stays as it is.
    if (hasCode(error, 'reconnect_required')) {
      if (!interrupted) await forgetStart(broker, credential);
      throw reconnectError({ ...credential, statusReason: `${error.message} ${error.hint ?? ''}`.trim() });
    }
    // What was not readable may have been new tokens.
    const unread =
      !(error instanceof KeywardError) || error.details.ambiguous === true || error.code === 'egress_too_large';
    if (!unread && !interrupted) await forgetStart(broker, credential);
    throw error;
  }
  broker.coolDowns.delete(credential.id);
  // The hosts stay those that the person connected at.
  const { inputs, serverHosts = tokens.serverHosts ?? [] } = secret;
  return storeFresh(broker, credential, { kind: 'tokens', ...tokens, serverHosts, ...(inputs ? { inputs } : {}) });
}

async function requestTokens(
  broker: Broker,
  credential: Credential,
  { refreshToken, kept, scopes, refreshExpiresAt, serverHosts, inputs = {} }: TokenSecret,
  timeoutMs: number,
): Promise<TokenSet> {
  const context = { ...(await oauthContext(broker, credential, serverHosts)), timeoutMs };
  const { auth } = context;
  if (auth.authenticationType === 'oauth2_client_credentials') return clientCredentials({ ...context, auth });
  if (auth.authenticationType === 'oauth2_jwt_bearer') {
    const { jwtBearer } = await import('../oauth/jwt-bearer.ts');
    return jwtBearer({ ...context, auth }, inputs);
  }
  if (refreshToken !== null)
    return refreshTokens({ ...context, auth }, { refreshToken, kept, scopes, refreshExpiresAt });
  throw new KeywardError('provider_refused', 'The service gave no refresh token.', {
    details: { providerError: 'no_refresh_token' },
  });
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
  const { providerError = '' } = error.details;
  const before = broker.coolDowns.get(tried.id)?.error;
  const repeated = hasCode(before, 'provider_refused') && before.details.providerError === providerError;
  const forgotten =
    providerError === 'invalid_client' &&
    (await endRegistration(broker, ownerOf(tried), tried.authConfigId, { patient: !repeated }));
  if (verdictOfRefresh(providerError, { repeated, forgotten }) === 'later') {
    if (!interrupted) await forgetStart(broker, tried);
    throw error;
  }
  const statusReason = forgotten ? unknownRegistration : reasonFor(error, interrupted, clientsOf(broker, tried));
  const noted = await amendSame(broker, tried, (record) => ({
    record: { ...record, status: 'reconnect_required', statusReason, refreshStartedAt: null },
  }));
  if (!noted) return reread(broker, tried);
  throw reconnectError({ ...now.credential, statusReason });
}

/** The service answered and rotated nothing. Best effort: the note only explains things. */
async function forgetStart(broker: Broker, credential: Credential): Promise<void> {
  await amendSame(broker, credential, (record) => ({ record: { ...record, refreshStartedAt: null } })).catch(
    () => false,
  );
}

/** Where the client of a connection is registered. */
function clientsOf(broker: Broker, credential: Credential): string {
  const connector = broker.catalogue.get(credential.connectorId);
  const auth = findAuth(broker, credential);
  return connector === undefined || auth === undefined ? 'the service' : clientsAt(connector, auth, credential.inputs);
}

function reasonFor(error: KeywardError, interrupted: boolean, appUrl: string): string {
  const code = error.details.providerError ?? '';
  if (code === 'no_refresh_token') {
    return `The access token has expired and the service gave no refresh token. If that comes back, allow the app offline access at ${appUrl}.`;
  }
  const asked = peopleReasons[code];
  if (asked !== undefined) return asked;
  return interrupted
    ? 'The service no longer accepts the refresh token. An earlier refresh was interrupted before its answer was stored.'
    : `The service no longer accepts the refresh token: it expired, was revoked, or was used elsewhere. If that comes back every few days, the app may be in testing mode: publish it at ${appUrl}.`;
}

/** What a service wants of the person, by its error code (OpenID Connect Core §3.1.2.6). */
const peopleReasons: Readonly<Record<string, string>> = {
  access_denied: 'The service withdrew the access: the person, or their organisation, has to allow it again.',
  consent_required: 'The service wants the person to agree again.',
  interaction_required: 'The service wants the person to sign in there again, perhaps to confirm it is them.',
  login_required: 'The service wants the person to sign in there again.',
};

/** The error that every use of a dead connection answers. */
export function reconnectError(credential: Credential): KeywardError {
  return new KeywardError(
    'reconnect_required',
    `${quoted(credential.name)} has to be connected again. ${credential.statusReason ?? ''}`.trim(),
    { hint: reconnectHint(credential) },
  );
}

/** The way out of `reconnect_required`. */
export function reconnectHint({ id }: Credential): string {
  return `Call create_credential with credentialId ${id} and give the person the link.`;
}
