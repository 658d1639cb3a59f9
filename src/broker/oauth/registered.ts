/** Whether a service knows a client with its redirect URI, as far as it lets anybody see that. */
import { randomBytes } from 'node:crypto';
import type { OAuth2Method } from '../../connectors/definition/definition.ts';
import { authorizationUrl } from './authorize.ts';
import type { OAuthContext } from './context.ts';

const askWithinMs = 10_000;

/**
 * Asks the authorization endpoint as nobody (OpenID Connect Core §3.1.2.1: `prompt=none`). A server sends errors to a
 * redirect URI that it knows with this client, and shows them itself otherwise (RFC 6749 §4.1.2.1): true where it redirects
 * there, false where it refuses, null where it shows a page that may be anything.
 */
export async function knowsRedirectUri(
  context: OAuthContext<OAuth2Method>,
  redirectUri: string,
): Promise<boolean | null> {
  const [state, codeVerifier] = [randomBytes(32), randomBytes(32)].map((bytes) => bytes.toString('base64url'));
  try {
    const url = await authorizationUrl(context, { redirectUri, state: state ?? '', codeVerifier: codeVerifier ?? '' });
    url.searchParams.set('prompt', 'none');
    const answer = await context.egress.request({ url, hosts: [url.host], timeoutMs: askWithinMs });
    if (answer.headers.get('location')?.startsWith(`${redirectUri}?`)) return true;
    return [400, 401].includes(answer.status) ? false : null;
  } catch {
    // It can not be reached, or answers more than anybody reads: nothing was learnt.
    return null;
  }
}
