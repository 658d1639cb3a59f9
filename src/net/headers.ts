/** Headers on their way out and back. */
import { KeywardError } from '../errors.ts';

/** Framing is the HTTP client's own business (RFC 9110 §7.6.1, RFC 9112 §6): a caller who sets it can smuggle. */
const framing: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Refuses headers that would change how the request is framed, or hold characters that HTTP forbids (RFC 9110 §5.5).
 *
 * @throws KeywardError `invalid_input`
 */
export function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) throw badHeader('A header name holds a forbidden character.');
    if (framing.has(name.toLowerCase())) throw badHeader(`The header ${name} can't be set.`);
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) throw badHeader(`The header ${name} holds a forbidden character.`);
  }
}

function badHeader(message: string): KeywardError {
  return new KeywardError('invalid_input', message, {
    hint: 'Leave it out, or send a plain value without line breaks.',
  });
}

/** Headers of one connection, not of the message (RFC 9110 §7.6.1); none of them is passed on. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Cookies, which would be set at Keyward's own host, and what a browser takes for the word of a whole origin. */
const forOrigin =
  /^(set-cookie2?|clear-site-data|strict-transport-security|alt-svc|nel|report-to|reporting-endpoints|service-worker-allowed|set-login)$/;
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
export function passedOn(headers: Headers): [name: string, value: string][] {
  const named = (headers.get('connection') ?? '').toLowerCase().split(',');
  return [...headers].filter(([name]) => {
    const ours = hopByHop.has(name) || named.some((one) => one.trim() === name);
    return !ours && !forOrigin.test(name) && !forProxy.test(name);
  });
}

/** The answer's headers without those that described the encoded body. One that a Headers can't hold is left out. */
export function readHeaders(raw: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(raw)) {
    if (name === 'content-encoding' || name === 'content-length') continue;
    for (const value of [values ?? []].flat()) {
      try {
        headers.append(name, value);
      } catch {
        // Not a name or value that HTTP allows; nobody can rely on it.
      }
    }
  }
  return headers;
}
