/** Which header names a definition, or a connection that names its own header, may use. */

/** A header name (RFC 9110 §5.6.2). */
export function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name);
}

/** True for headers that steer the connection or the message frame. */
export function isFraming(name: string): boolean {
  return framing.has(name.toLowerCase());
}

const framing = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
