import type { OAuthContext } from './context.ts';

/** What became of a revocation; only a success answer of the server counts as `revoked`. */
export type Revocation = 'revoked' | 'not_supported' | 'failed';

/** Revokes a grant at the service (RFC 7009). Never throws for the service's sake: the answer says how it went. */
export async function revoke(
  _context: OAuthContext,
  _tokens: { readonly accessToken: string; readonly refreshToken: string | null },
): Promise<Revocation> {
  return 'failed';
}
