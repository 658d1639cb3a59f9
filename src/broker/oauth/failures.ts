/**
 * What a service's refusal means to a person, and what to do about it. Only Keyward's own words: a service's
 * description or a library's message may quote the request, and with it the code or the secret.
 */
import { clientsAt, serverInputName } from '../../connectors/auth-kinds.ts';
import { type ErrorDetails, KeywardError } from '../../errors.ts';
import { clockProblem } from './clock.ts';
import { type OAuthContext, scopesOf } from './context.ts';

/** What is said besides the code. */
export type RefusalFacts = {
  readonly redirectUri?: string;
  readonly status?: number;
  /** The service's own time, in milliseconds since 1970; null when it did not say. */
  readonly serviceTime?: number | null;
};

type Explanation = { readonly message: string; readonly hint: string };

/**
 * `provider_refused` for a standard error code; null when the service gave none that can be read.
 * `details.providerError` holds the code.
 */
export function refusal(context: OAuthContext, code: string | null, facts: RefusalFacts = {}): KeywardError {
  const { message, hint } = explain(context, code, facts);
  const details: ErrorDetails = {
    ...(code === null ? {} : { providerError: code }),
    ...(facts.status === undefined ? {} : { status: facts.status }),
  };
  const clock = clockProblem(facts.serviceTime ?? null);
  return new KeywardError('provider_refused', message, { hint: clock === null ? hint : `${clock} ${hint}`, details });
}

function explain(context: OAuthContext, code: string | null, { redirectUri, status }: RefusalFacts): Explanation {
  const { name } = context.connector;
  const appUrl = clientsAt(context.connector, context.auth, context.values);
  const register = redirectUri === undefined ? '' : ` Register exactly this redirect URI: ${redirectUri}`;
  switch (code) {
    case 'invalid_client':
      return {
        message: `${name} does not accept the OAuth client: its client id or client secret is wrong.`,
        hint: `Compare both with ${appUrl}. To enter them again, connect again and press “use another one” on Keyward’s page, or change them in the environment if they come from there.`,
      };
    case 'invalid_grant':
      return {
        message: `${name} no longer accepts this authorization: it expired, was revoked or was used before.`,
        hint: `Connect again.${register === '' ? '' : ` If it happens every time:${register}`}`,
      };
    case 'redirect_uri_mismatch':
      return {
        message: `${name} does not know the redirect URI.`,
        hint: `Open ${appUrl}.${register}`,
      };
    case 'access_denied':
      return {
        message: `Access to ${name} was not granted.`,
        hint: 'Connect again and allow access; an organisation may have to approve the app first.',
      };
    case 'invalid_scope':
      return {
        message: `${name} refused the scopes: ${scopesOf(context).join(', ') || 'none were asked for'}.`,
        hint: `Enable these scopes for the OAuth client at ${appUrl}, or connect again with other scopes.`,
      };
    case 'unauthorized_client':
    case 'unsupported_grant_type':
    case 'unsupported_response_type':
      return {
        message: `${name} does not let this OAuth client authorize in this way.`,
        hint: `Check at ${appUrl} which kind of app it is and which grants are switched on.`,
      };
    case 'expired_token':
      return { message: `The code for ${name} expired before it was entered.`, hint: 'Connect again.' };
    case 'authorization_pending':
    case 'slow_down':
      return { message: `${name} is still waiting for the person.`, hint: 'Ask again in a few seconds.' };
    default:
      return {
        message: `${name} refused the request${status === undefined ? '' : ` with status ${status}`}.`,
        hint: `Check the OAuth client at ${appUrl}: client id, client secret and scopes.${register}`,
      };
  }
}

/** `provider_unavailable`: the person came back with the word that the service can't do it now (RFC 6749 §4.1.2.1). */
export function unableNow(context: OAuthContext, code: string): KeywardError {
  return new KeywardError('provider_unavailable', `${context.connector.name} is having trouble.`, {
    hint: 'Connect again in a few minutes.',
    details: { providerError: code },
  });
}

/** `provider_unavailable`: the service is there but can't answer now. */
export function serverUnavailable(
  context: OAuthContext,
  status: number,
  details: { readonly retryAfterSeconds: number | null; readonly ambiguous: boolean },
): KeywardError {
  const { retryAfterSeconds, ambiguous } = details;
  const when = retryAfterSeconds === null ? 'in a few minutes' : `in ${retryAfterSeconds} s`;
  const reason = status === 429 ? 'gets too many requests' : 'is having trouble';
  return new KeywardError('provider_unavailable', `${context.connector.name} ${reason} (status ${status}).`, {
    hint: `Try again ${when}.`,
    details: { status, ambiguous, ...(retryAfterSeconds === null ? {} : { retryAfterSeconds }) },
  });
}

/** `provider_garbled`: an answer that the protocol does not allow. `what` completes “<name> …”. */
export function garbled(context: OAuthContext, what: string, details: ErrorDetails = {}): KeywardError {
  return new KeywardError('provider_garbled', `${context.connector.name} ${what}.`, {
    hint:
      serverInputName(context.auth) === null
        ? 'Try again later. If it stays, the connector file does not fit the service any more.'
        : 'Check the address. If it is right, the server has to be mended by whoever runs it.',
    details,
  });
}
