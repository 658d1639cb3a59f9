/** The second leg of the authorization code flow. */
import type { OAuth2Method } from '../../connectors/definition/definition.ts';
import { keepFields } from './answer.ts';
import { begin, grantedScopes, type OAuthContext, type TokenSet, usesPkce } from './context.ts';
import { fillParams } from './endpoints.ts';
import { standardCode, transientCodes } from './error-codes.ts';
import { garbled, refusal, unableNow } from './failures.ts';
import { type AuthorizationServer, resolveServer } from './server.ts';
import { askForTokens, atTokenEndpoint } from './token-request.ts';

type AuthorizationResponse = {
  /** The redirect URI as it was sent. */
  readonly redirectUri: string;
  /** The query as it was received. */
  readonly received: URLSearchParams;
  /** The state that was sent. */
  readonly state: string;
  readonly codeVerifier: string;
  /** The redirect URI is that of other servers, too: nothing but `iss` tells whose answer this is. */
  readonly shared?: boolean;
};

/**
 * Turns what came back to the redirect URI into tokens (RFC 6749 §4.1.3). The code goes nowhere unless state and `iss`
 * are right: `iss` (RFC 9207) is compared when present, and demanded when the server says that it sends it. At a redirect
 * URI of several servers it is demanded whatever the server says by now.
 */
export async function exchangeCode(
  given: OAuthContext<OAuth2Method>,
  callback: AuthorizationResponse,
): Promise<TokenSet> {
  const context = begin(given);
  const { auth } = context;
  const { received, redirectUri } = callback;
  if (single(received, 'state') !== callback.state) throw garbled(context, 'sent back a state that is not ours');
  const callbackKept = keepFields(auth.callbackParams, Object.fromEntries(received));
  const server = await resolveServer(context, ['authorizationEndpoint', 'tokenEndpoint'], callbackKept);
  checkIssuer(context, server, received, callback.shared === true);
  const error = single(received, 'error');
  if (error !== null) {
    const verdict = standardCode(error, auth.tokenResponse.errorCodes);
    throw verdict !== null && transientCodes.has(verdict)
      ? unableNow(context, verdict)
      : refusal(context, verdict, { redirectUri });
  }
  const code = single(received, 'code');
  if (code === null) throw garbled(context, 'sent the person back without a code');

  const currentUrl = new URL(redirectUri);
  currentUrl.search = new URLSearchParams({ code, state: callback.state }).toString();
  const answer = await askForTokens(
    context,
    { ...atTokenEndpoint(context, server, 'once'), kept: callbackKept },
    (openid, configuration) =>
      openid.authorizationCodeGrant(
        configuration,
        currentUrl,
        {
          expectedState: callback.state,
          ...(usesPkce(context) ? { pkceCodeVerifier: callback.codeVerifier } : {}),
        },
        fillParams(context, auth.tokenParams, callbackKept),
      ),
    { redirectUri },
  );
  return {
    ...answer,
    scopes: grantedScopes(context, answer.scopes),
    kept: { ...callbackKept, ...answer.kept },
  };
}

/**
 * RFC 9207 §2.4. A definition without issuer can still tell a stranger: `iss` must lie at the origin of the endpoint
 * that the person was sent to.
 */
function checkIssuer(
  context: OAuthContext,
  server: AuthorizationServer,
  received: URLSearchParams,
  shared: boolean,
): void {
  const iss = single(received, 'iss');
  if (iss === null) {
    if (!shared && !server.issDemanded && !received.has('iss')) return;
    throw garbled(context, 'did not say which authorization server answered');
  }
  const own = server.authorizationEndpoint?.origin;
  const genuine = server.issuer === null ? URL.canParse(iss) && new URL(iss).origin === own : iss === server.issuer;
  if (!genuine) throw garbled(context, 'did not send this answer: another authorization server did');
}

/** A parameter that is there exactly once and not empty, else null (RFC 6749 §3.1: none may be repeated). */
function single(params: URLSearchParams, name: string): string | null {
  const values = params.getAll(name);
  return values.length === 1 && values[0] ? values[0] : null;
}
