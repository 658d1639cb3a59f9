/** The cookies of signing in: who the browser is, and the value that its way there is bound to. */
import { randomBytes } from 'node:crypto';
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';

/** `person`: who signed in. `form`: binds the form, and the way to the issuer and back, to this browser, against signing somebody in as the attacker. */
const names = { person: 'keyward', form: 'keyward-sign-in' } as const;
type Which = keyof typeof names;

export function readCookie(c: Context, which: Which, secure: boolean): string | undefined {
  return secure ? getCookie(c, names[which], 'host') : getCookie(c, names[which]);
}

const formSeconds = 3_600;

/** The value that this browser's way of signing in is bound to; it gets one if it has none. */
export function browserOf(c: Context, secure: boolean): string {
  const known = readCookie(c, 'form', secure);
  if (known !== undefined) return known;
  const browser = randomBytes(32).toString('base64url');
  giveCookie(c, 'form', browser, formSeconds, secure);
  return browser;
}

/** Lax, not Strict: a link in a chat window must find the person signed in. */
export function giveCookie(c: Context, which: Which, value: string, seconds: number, secure: boolean): void {
  const options = { httpOnly: true, sameSite: 'Lax', path: '/', maxAge: seconds } as const;
  setCookie(c, names[which], value, secure ? { ...options, secure, prefix: 'host' } : options);
}

export function dropCookie(c: Context, which: Which, secure: boolean): void {
  if (secure) deleteCookie(c, names[which], { path: '/', secure, prefix: 'host' });
  else deleteCookie(c, names[which], { path: '/' });
}
