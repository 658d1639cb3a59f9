/** The cookies of signing in: who the browser is, and the value that its sign-in form is bound to. */
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';

/** `person`: who signed in. `form`: binds the sign-in form to this browser, against signing somebody in as the attacker. */
const names = { person: 'keyward', form: 'keyward-sign-in' } as const;
type Which = keyof typeof names;

export function readCookie(c: Context, which: Which, secure: boolean): string | undefined {
  return secure ? getCookie(c, names[which], 'host') : getCookie(c, names[which]);
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
