/** The redirect URI that is registered at a service, the page address that goes with it, and where a caller may send a person. */
import { createHash } from 'node:crypto';
import type { AuthMethod, Connector } from '../../connectors/definition/definition.ts';
import { KeywardError } from '../../errors.ts';
import { loopbackNames } from '../../hosts.ts';
import type { BrokerSettings, Pages } from '../broker.ts';

/**
 * `<public url>/oauth/callback`, in the form that the service accepts. Servers found by discovery get one of their own,
 * so that an answer can't be passed off as another server's (mix-up, RFC 9700 §4.4).
 *
 * @param server the authorization server where the connection names it
 * @param callbackOrigin origin of the callback, such as `http://127.0.0.1:7355`
 * @throws KeywardError `invalid_input` where the service takes https alone and Keyward has none
 */
export function redirectUriFor(
  callbackOrigin: string,
  connector: Connector,
  auth: AuthMethod,
  server: string | null,
): string {
  if (auth.authenticationType !== 'oauth2') return `${callbackOrigin}/oauth/callback`;
  const origin = new URL(callbackOrigin);
  const loopback = origin.protocol === 'http:';
  if (loopback && auth.loopbackRedirect === 'none') {
    const others = connector.auth.map((one) => one.authenticationType).filter((type) => type !== 'oauth2');
    const instead = others.length > 0 ? ` Or use another authentication type: ${others.join(', ')}.` : '';
    // No fault of Keyward: whoever asks can choose another way, or have the operator make this one possible.
    throw new KeywardError('invalid_input', `${connector.name} accepts only https redirect URIs.`, {
      details: { fields: { authenticationType: 'needs an https address of this Keyward' } },
      hint: `Set KEYWARD_PUBLIC_URL to an https address that forwards to ${origin.host}.${instead}`,
    });
  }
  // RFC 8252 §8.3 prefers the IP address; some services register only the name.
  if (loopback && auth.loopbackRedirect === 'localhost') origin.hostname = 'localhost';
  if (server !== null) return `${origin.origin}/oauth/callback/${clientName(connector, server)}`;
  const path = auth.authorizationEndpoint === null ? `/oauth/callback/${connector.id}` : '/oauth/callback';
  return `${origin.origin}${path}`;
}

/** What Keyward calls itself towards a server that the connection names: the same at every start. */
export function clientName(connector: Connector, server: string): string {
  return `${connector.id}.${createHash('sha256').update(server).digest('hex').slice(0, 16)}`;
}

/**
 * The redirect URI of the one metadata document that stands for Keyward at every server: a file on somebody's web space
 * can't list one for each. An answer there counts only with `iss` (RFC 9207), so that it can't be passed off as another
 * server's all the same.
 */
export function sharedRedirectUri(callbackOrigin: string): string {
  return `${callbackOrigin}${sharedPath}`;
}

/** True for the redirect URI of several servers. */
export function isShared(redirectUri: string): boolean {
  return new URL(redirectUri).pathname === sharedPath;
}

const sharedPath = '/oauth/callback/client';

/**
 * The connect page's address. Where nobody signs in, on loopback, it uses the callback's host name, because a cookie
 * belongs to a host name. A callback on https in front of such pages is a tunnel, which passes the browser on to the
 * pages' own name, as `keyward http` does with a callback under another name of loopback.
 */
export function connectUrlFor(
  { showLocally }: Pick<Pages, 'showLocally'>,
  pageOrigin: string,
  redirectUri: string,
  attemptId: string,
): string {
  const url = new URL(`/connect/${attemptId}`, pageOrigin);
  const callback = new URL(redirectUri);
  if (showLocally !== null && callback.protocol === 'http:') url.hostname = callback.hostname;
  return url.href;
}

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
  if (
    url &&
    isAsWritten(url, redirectUri) &&
    (loopbackNames.includes(url.hostname) || isListed(settings.redirectUris, url))
  )
    return url.href;
  throw new KeywardError('invalid_input', 'redirectUri may not point there.', {
    hint: 'Use a loopback address, or have the person who runs Keyward add it to KEYWARD_REDIRECT_URIS. Without one, the person sees Keyward’s own result page.',
    details: { fields: { redirectUri: 'must be a loopback address or one of KEYWARD_REDIRECT_URIS' } },
  });
}

/** No credentials, no fragment (RFC 6749 §3.1.2), and nothing that a URL parser quietly mended. */
function isAsWritten(url: URL, given: string): boolean {
  const mended = /[\\\s]/.test(given) || !given.toLowerCase().startsWith(`${url.protocol}//`);
  return !mended && url.username === '' && url.password === '' && url.hash === '' && /^https?:$/.test(url.protocol);
}

/** An entry without a path allows its whole origin; an entry with one allows exactly that URI, whatever the query. */
function isListed(entries: readonly string[], url: URL): boolean {
  return entries.some((entry) => {
    const allowed = new URL(entry);
    const sameOrigin = allowed.origin === url.origin;
    return allowed.pathname === '/' ? sameOrigin : sameOrigin && allowed.pathname === url.pathname;
  });
}
