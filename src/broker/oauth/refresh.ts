import type { OAuth2Method } from '../../connectors/definition.ts';
import { KeywardError } from '../../errors.ts';
import type { OAuthContext, TokenSet } from './context.ts';

/** New tokens for a refresh token (RFC 6749 §6). Keeps the old refresh token when none comes back. */
export async function refreshTokens(
  _context: OAuthContext<OAuth2Method>,
  _grant: { readonly refreshToken: string; readonly kept: Readonly<Record<string, string>> },
): Promise<TokenSet> {
  throw new KeywardError('internal', 'Not built yet.');
}
