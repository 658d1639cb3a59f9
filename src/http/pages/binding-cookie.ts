/**
 * The cookie that binds an attempt to one browser. Cookies ignore ports, so its name carries the attempt: two
 * Keywards on one host never overwrite each other's, and one attempt's value opens no other.
 */
import { randomBytes } from 'node:crypto';
import type { Context } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';

/** A little longer than an attempt lives; the result page needs none. */
const maxAgeSeconds = 900;

/** The value that this browser holds for the attempt, or null. */
export function readBinding(c: Context, attemptId: string, secure: boolean): string | null {
  const value = secure ? getCookie(c, name(attemptId), 'host') : getCookie(c, name(attemptId));
  return value !== undefined && /^[A-Za-z0-9_-]{43}$/.test(value) ? value : null;
}

/** A fresh value: 32 random bytes, base64url. */
export function newBinding(): string {
  return randomBytes(32).toString('base64url');
}

/** Gives this browser its value for the attempt. */
export function giveBinding(c: Context, attemptId: string, value: string, secure: boolean): void {
  // Lax, not Strict: the service sends the person back from another site.
  const options = { httpOnly: true, sameSite: 'Lax', path: '/', maxAge: maxAgeSeconds } as const;
  // `__Host-` (RFC 6265bis §4.1.3.2): no other host, and no page over http, can plant a value.
  setCookie(c, name(attemptId), value, secure ? { ...options, secure, prefix: 'host' } : options);
}

function name(attemptId: string): string {
  return `keyward-${attemptId}`;
}
