/** Refreshing an access token. */
import type { OAuth2Method } from '../../connectors/definition/definition.ts';
import { begin, type Kept, type OAuthContext, scopeParams, type TokenSet } from './context.ts';
import { fillParams } from './endpoints.ts';
import { resolveServer } from './server.ts';
import { askForTokens, atTokenEndpoint } from './token-request.ts';

/** What is stored from the answer before. */
type RefreshGrant = {
  readonly refreshToken: string;
  readonly kept: Kept;
  readonly scopes?: readonly string[] | null;
  readonly refreshExpiresAt?: number | null | undefined;
};

/**
 * New tokens for a refresh token (RFC 6749 §6). What the service does not send again stays as it was: refresh token,
 * scopes, kept fields. Never sent twice by itself: after a lost answer the token may have rotated
 * (`provider_unavailable` with `details.ambiguous`), and what to do then is the caller's decision.
 */
export async function refreshTokens(given: OAuthContext<OAuth2Method>, grant: RefreshGrant): Promise<TokenSet> {
  const context = begin(given);
  const { auth } = context;
  const server = await resolveServer(context, ['refreshEndpoint'], grant.kept);
  const answer = await askForTokens(
    context,
    { ...atTokenEndpoint(context, server, 'once', 'refreshEndpoint'), kept: grant.kept },
    (openid, configuration) =>
      openid.refreshTokenGrant(configuration, grant.refreshToken, {
        ...fillParams(context, auth.refreshParams, grant.kept),
        ...(auth.scopeOnRefresh ? scopeParams(context) : {}),
      }),
  );
  return {
    ...answer,
    refreshToken: answer.refreshToken ?? grant.refreshToken,
    // A refresh token that stays ends when it was to end; a new one has a life of its own.
    refreshExpiresAt:
      answer.refreshExpiresAt ?? (answer.refreshToken === null ? (grant.refreshExpiresAt ?? null) : null),
    scopes: answer.scopes ?? grant.scopes ?? null,
    kept: { ...grant.kept, ...answer.kept },
  };
}
