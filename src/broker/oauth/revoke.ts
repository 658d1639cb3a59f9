/** Giving a grant back. */
import { hasCode } from '../../errors.ts';
import { parseAnswer } from './answer.ts';
import { begin, type Kept, type OAuthContext } from './context.ts';
import { authMethodAt, resolveServer } from './server.ts';
import { readAnswer } from './token-answer.ts';
import { callServer } from './token-request.ts';

/** What became of a revocation; only the service's word counts as `revoked`: a success, or that the grant's token is invalid. */
export type Revocation = 'revoked' | 'not_supported' | 'failed';

type RevocableTokens = {
  readonly accessToken: string;
  readonly refreshToken: string | null;
  readonly kept?: Kept;
};

/**
 * Revokes a grant at the service (RFC 7009, or the definition's own way). The answer says how it went; only `cancelled`
 * is thrown.
 */
export async function revoke(given: OAuthContext, tokens: RevocableTokens): Promise<Revocation> {
  const context = begin(given);
  const { revocation, tokenEndpoint } = context.auth;
  const token = tokenToRevoke(context, tokens);
  try {
    // A definition that writes its endpoints out and has none for revocation has nothing to discover.
    if (context.auth.revocationEndpoint === null && tokenEndpoint !== null) return 'not_supported';
    const server = await resolveServer(context, ['revocationEndpoint'], tokens.kept);
    const { revocationEndpoint } = server;
    if (!revocationEndpoint) return 'not_supported';
    await callServer(
      context,
      {
        endpoints: { revocation_endpoint: revocationEndpoint.href },
        authMethod: revocation.authMethod === 'bearer' ? 'none' : authMethodAt(context, server, revocation.authMethod),
        bodyFormat: revocation.bodyFormat,
        repeat: 'repeatable',
        adjust: ({ params, headers }) => {
          params.delete('token');
          if (revocation.tokenParam !== null) params.set(revocation.tokenParam, token);
          // Services with a format of their own refuse what they do not know.
          if (revocation.tokenParam === 'token' && revocation.bodyFormat === 'form') {
            params.set('token_type_hint', token === tokens.refreshToken ? 'refresh_token' : 'access_token');
          }
          if (revocation.authMethod === 'bearer') {
            params.delete('client_id');
            headers.set('authorization', `Bearer ${token}`);
          }
          return { method: revocation.method };
        },
      },
      (response) => {
        const { status, body, headers } = response;
        // RFC 7009 §2.2: the status says it all. A body is read only for errors that come with status 200, and a page
        // is no answer of a revocation endpoint.
        const page = headers.get('content-type')?.includes('html') ?? false;
        const silent = status >= 200 && status < 300 && !page && parseAnswer(body) === null;
        if (!silent) readAnswer(context, response, {});
        return { value: null, standard: {} };
      },
      (openid, configuration) => openid.tokenRevocation(configuration, token),
    );
    return 'revoked';
  } catch (error) {
    if (hasCode(error, 'cancelled')) throw error;
    const code = hasCode(error, 'provider_refused') ? error.details.providerError : null;
    if (code === 'unsupported_token_type') return 'not_supported';
    // Google says so of a grant that ended already. An access token that is over says nothing about its refresh token.
    return code === 'invalid_token' && token === (tokens.refreshToken ?? token) ? 'revoked' : 'failed';
  }
}

function tokenToRevoke({ auth }: OAuthContext, { accessToken, refreshToken }: RevocableTokens): string {
  return auth.revocation.token === 'refresh_token' ? (refreshToken ?? accessToken) : accessToken;
}
