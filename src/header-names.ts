/** Names of HTTP headers, by what they may do. A leaf: definitions, callers of services and egress share it. */

/** A token (RFC 9110 §5.6.2), as part of a regular expression. */
export const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";

/** A header name is a token. */
export const headerName = new RegExp(`^${token}$`);

/** Headers of one connection, not of the message (RFC 9110 §7.6.1). */
const hopByHop: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Those, and what else says where a request goes and where it ends (RFC 9112 §3.2, §6; RFC 9110 §10.1.1). */
const framing: ReadonlySet<string> = new Set([...hopByHop, 'content-length', 'expect', 'host']);

/** True for a header of one connection, which is never passed on; by its name in lower case. */
export function isHopByHop(name: string): boolean {
  return hopByHop.includes(name);
}

/** True for a header that steers the connection or frames the message: only the HTTP client sets those. */
export function isFraming(name: string): boolean {
  return framing.has(name.toLowerCase());
}
