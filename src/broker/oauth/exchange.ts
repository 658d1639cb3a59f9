import type { OAuth2Method } from '../../connectors/definition.ts';
import { KeywardError } from '../../errors.ts';
import type { OAuthContext, TokenSet } from './context.ts';

/** Turns what came back to the redirect URI into tokens (RFC 6749 §4.1.3, `iss` by RFC 9207). */
export async function exchangeCode(
  _context: OAuthContext<OAuth2Method>,
  _callback: {
    readonly redirectUri: string;
    /** The query as it was received. */
    readonly received: URLSearchParams;
    readonly state: string;
    readonly codeVerifier: string;
  },
): Promise<TokenSet> {
  throw new KeywardError('internal', 'Not built yet.');
}
