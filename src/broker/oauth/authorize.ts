import type { OAuth2Method } from '../../connectors/definition.ts';
import { KeywardError } from '../../errors.ts';
import type { OAuthContext } from './context.ts';

/** The URL a person opens to authorize (RFC 6749 §4.1.1), with PKCE S256 (RFC 7636) and state. */
export async function authorizationUrl(
  _context: OAuthContext<OAuth2Method>,
  _request: { readonly redirectUri: string; readonly state: string; readonly codeVerifier: string },
): Promise<URL> {
  throw new KeywardError('internal', 'Not built yet.');
}
