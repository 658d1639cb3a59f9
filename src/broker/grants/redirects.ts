/** Where Keyward may send a person: the caller's `redirectUri`, checked against the list. */
import { KeywardError } from '../../errors.ts';
import type { BrokerSettings } from '../broker.ts';

const loopbackHosts = new Set(['127.0.0.1', '[::1]', 'localhost']);

/**
 * The caller's `redirectUri`, or null when it gave none. Loopback is allowed (RFC 8252 §7.3), everything else must be
 * on the list; whoever could choose freely would make Keyward an open redirector.
 */
export function readReturnTo(
  settings: Pick<BrokerSettings, 'redirectUris'>,
  redirectUri: string | undefined,
): string | null {
  if (redirectUri === undefined) return null;
  const url = URL.canParse(redirectUri) ? new URL(redirectUri) : null;
  if (url && isPlain(url, redirectUri) && (isLoopback(url) || isListed(settings.redirectUris, url))) return url.href;
  throw new KeywardError('invalid_input', 'redirectUri may not point there.', {
    hint: 'Use a loopback address, or have the person who runs Keyward add it to KEYWARD_REDIRECT_URIS. Without one, the person sees Keyward’s own result page.',
    details: { fields: { redirectUri: 'must be a loopback address or one of KEYWARD_REDIRECT_URIS' } },
  });
}

/** No credentials, no fragment (RFC 6749 §3.1.2), and nothing that a URL parser quietly mended. */
function isPlain(url: URL, given: string): boolean {
  const mended = /[\\\s]/.test(given) || !given.toLowerCase().startsWith(`${url.protocol}//`);
  return !mended && url.username === '' && url.password === '' && url.hash === '' && /^https?:$/.test(url.protocol);
}

function isLoopback(url: URL): boolean {
  return loopbackHosts.has(url.hostname);
}

/** An entry without a path allows its whole origin; an entry with one allows exactly that URI, whatever the query. */
function isListed(entries: readonly string[], url: URL): boolean {
  return entries.some((entry) => {
    const allowed = new URL(entry);
    const sameOrigin = allowed.origin === url.origin;
    return allowed.pathname === '/' ? sameOrigin : sameOrigin && allowed.pathname === url.pathname;
  });
}
