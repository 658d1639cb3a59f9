/** Headers that a caller may add to a call. What says who calls, where it goes or how it is framed is not among them. */
import { KeywardError } from '../../errors.ts';

/** Another method or path than the one that was checked: nobody may ask for that. */
const misleading =
  /^(x-http-method.*|x-method-override|x-original-(url|uri|method|host)|x-rewrite-(url|uri)|x-host|x-override-url)$/;

/** Kinds of headers that say who calls, where it goes or how it is framed. */
const notTheCallers: readonly RegExp[] = [
  // The frame of the message and the connection (RFC 9110 §7.6.1, RFC 9112 §6).
  /^(host|connection|content-length|expect|keep-alive|te|trailers?|transfer-encoding|upgrade|http2-settings|max-forwards)$/,
  // What Keyward itself asks for: it has to read the answer.
  /^accept-encoding$/,
  // Credentials.
  /^(authorization|cookie2?|proxy-.*|sec-.*)$/,
  // Who calls, and from where, as proxies report it.
  /^(forwarded|via|x-forwarded.*|x-real-ip|x-client-ip|x-cluster-client-ip|true-client-ip|cf-.*|fastly-client-ip|origin|referer)$/,
  // Who traces what (W3C Trace Context and Baggage): services are third parties.
  /^(traceparent|tracestate|baggage)$/,
];

/** What becomes of a header that only Keyward sets: a model is told, and a program's client adds some by itself. */
export type Reserved = 'refuse' | 'drop';

/**
 * The caller's headers by name in lower case.
 *
 * @param own names that the connector fills in, in lower case
 * @throws KeywardError `invalid_input` that names the header
 */
export function readHeaders(
  headers: Readonly<Record<string, string>>,
  own: ReadonlySet<string>,
  reserved: Reserved,
): Record<string, string> {
  const read = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    // Some servers take both for the same.
    const spelled = lower.replaceAll('_', '-');
    if (misleading.test(spelled)) throw refused(name, 'is not passed on');
    if (own.has(spelled) || notTheCallers.some((kind) => kind.test(spelled))) {
      if (reserved === 'drop') continue;
      throw refused(name, 'is set by Keyward or by nobody');
    }
    if (read.has(lower)) throw refused(name, 'is given twice');
    read.set(lower, value);
  }
  return Object.fromEntries(read);
}

function refused(name: string, problem: string): KeywardError {
  // A name that is none is told by egress, which looks at the characters.
  const shown = /^[\w-]{1,64}$/.test(name) ? name : 'with that name';
  return new KeywardError('invalid_input', `The header ${shown} ${problem}.`, {
    hint: 'Leave it out: Keyward adds what the service needs to know the caller.',
    details: { fields: { headers: problem } },
  });
}
