/** Headers on their way out and back. */
import { KeywardError } from '../errors.ts';
import { headerName, isFraming, isHopByHop } from '../header-names.ts';

/** RFC 9110 §5.5. */
const allowedValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Refuses headers that would change how the request is framed, with which a caller could smuggle another one, and those
 * that hold characters that HTTP forbids.
 *
 * @throws KeywardError `invalid_input`
 */
export function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!headerName.test(name)) throw badHeader('A header name holds a forbidden character.');
    if (isFraming(name) || name.toLowerCase() === 'proxy-authorization')
      throw badHeader(`The header ${name} can't be set.`);
    if (!allowedValue.test(value)) throw badHeader(`The header ${name} holds a forbidden character.`);
  }
}

function badHeader(message: string): KeywardError {
  return new KeywardError('invalid_input', message, {
    hint: 'Leave it out, or send a plain value without line breaks.',
  });
}

/** What a proxy says to the client that is next to it (RFC 9110 §11.7). */
const ofProxy = /^proxy-authenticat(e|ion-info)$/;

/**
 * What a browser would take for the word of Keyward's own origin: cookies, what pages of other sites may read, what a
 * document of this origin may do or load, where it reports to, and what is kept for the whole origin. All that is about
 * CORS and isolation goes by its kind (Fetch §3.2, HTML §7.1), so that what browsers add later is not passed on either.
 */
const forOrigin = new RegExp(
  [
    '(access-control|cross-origin|origin|sec|secure|attribution-reporting|ad-auction|x-permitted)-.*',
    '(x-)?((content-security|permissions|(require-)?document|document-isolation|feature|referrer|integrity)-policy|webkit-csp|frame-options).*',
    'set-cookie2?|set-login|clear-site-data|strict-transport-security|alt-svc|expect-ct|public-key-pins.*|p3p',
    'nel|report-to|reporting-endpoints|timing-allow-origin|service-worker-.*|activate-storage-access',
    'refresh|speculation-rules|supports-loading-mode|no-vary-search|use-as-dictionary|accept-ch(-lifetime)?|critical-ch',
    'observe-browsing-topics|x-dns-prefetch-control|x-xss-protection|x-content-type-options|(x-)?sourcemap',
  ]
    .map((names) => `^(${names})$`)
    .join('|'),
);
/**
 * Orders to the proxy in front of a server: which file or inner address it is to answer instead (nginx, Apache, lighttpd,
 * LiteSpeed, Perlbal), and what it may keep for everybody, whatever `cache-control` says (RFC 9213, Edge Architecture).
 */
const forProxy =
  /^(x-accel-.*|x-sendfile|x-lighttpd-.*|x-litespeed-.*|x-reproxy-.*|surrogate-control|(.*-)?cdn-cache-control|edge-control)$/;

/**
 * The headers of an answer that somebody else may see: neither those of the connection, nor those that it names as such,
 * nor what a service may say at its own origin and to its own proxy only.
 */
export function passedOn(headers: AnswerHeaders): (readonly [name: string, value: string])[] {
  const named = (headers.get('connection') ?? '').toLowerCase().split(',');
  return [...headers].filter(([name]) => {
    const ours = isHopByHop(name) || ofProxy.test(name) || named.some((one) => one.trim() === name);
    return !ours && !forOrigin.test(name) && !forProxy.test(name);
  });
}

/** By name in lower case; values of the same name are joined by commas (RFC 9110 §5.3). A `Headers` takes longer to make than to use. */
export type AnswerHeaders = ReadonlyMap<string, string>;

/**
 * The answer's headers. What HTTP does not allow in one is left out.
 *
 * @param decoded the body is decoded here, so what described its encoded form goes; an answer without a body keeps it
 */
export function readHeaders(
  raw: Readonly<Record<string, string | string[] | undefined>>,
  { decoded = true } = {},
): AnswerHeaders {
  const headers = new Map<string, string>();
  for (const [name, values] of Object.entries(raw)) {
    if (decoded && (name === 'content-encoding' || name === 'content-length')) continue;
    if (!headerName.test(name)) continue;
    for (const value of Array.isArray(values) ? values : [values ?? '']) {
      if (!allowedValue.test(value)) continue;
      const before = headers.get(name);
      headers.set(name, before === undefined ? value.trim() : `${before}, ${value.trim()}`);
    }
  }
  return headers;
}
