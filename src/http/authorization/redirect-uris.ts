/** Where a program may have a person sent back to, and what a program may say of itself when it registers. */
import { isLoopback } from '../../hosts.ts';

/** Longest redirect URI, in characters: each is kept for a stranger. */
const maxLength = 300;

/**
 * Schemes of programs that are known to have one without a dot; RFC 8252 §7.1 wants one that belongs to a domain, such as
 * `com.example.app`. All of them are registered with the system by the program of that name.
 */
const knownSchemes: ReadonlySet<string> = new Set([
  'claude:',
  'cursor:',
  'vscode:',
  'vscode-insiders:',
  'vscodium:',
  'windsurf:',
  'zed:',
]);

/** Why this can't be a redirect URI, as the end of a sentence; null for one that can. */
export function redirectProblem(uri: unknown): string | null {
  if (typeof uri !== 'string' || !URL.canParse(uri)) return 'must be an absolute URI';
  if (uri.length > maxLength) return `must have at most ${maxLength} characters`;
  // RFC 3986 §2 knows no others, and a browser would read them otherwise than they are written.
  if (!/^[!-[\]-~]*$/.test(uri)) return 'must be ASCII, without spaces, control characters and backslashes';
  const { protocol, hostname, username, password } = new URL(uri);
  if (uri.includes('#')) return 'must have no fragment';
  if (username !== '' || password !== '') return 'must hold no user name or password';
  if (protocol === 'https:') return isLoopback(hostname) ? 'must be http for a program on this computer' : null;
  if (protocol === 'http:') return isLoopback(hostname) ? null : 'must be https, unless it is on loopback';
  const own = /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/.test(protocol) || knownSchemes.has(protocol);
  return own ? null : 'must be https, loopback, or a scheme that belongs to a domain, such as com.example.app';
}

/** Where a redirect URI leads, as a person reads it. */
export function destinationOf(uri: string): { readonly kind: 'site' | 'computer' | 'app'; readonly text: string } {
  const { protocol, host, hostname } = new URL(uri);
  if (protocol === 'https:') return { kind: 'site', text: host };
  if (protocol === 'http:' && isLoopback(hostname)) return { kind: 'computer', text: host };
  return { kind: 'app', text: protocol.slice(0, -1) };
}
