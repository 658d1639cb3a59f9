/** Who a request to a page is from, and what to do where nobody has signed in. */
import type { Context } from 'hono';
import type { Visitor } from '../../broker/visitors/visitor.ts';
import { hasCode } from '../../errors.ts';

/** Who is signed in to that browser; the pages of stdio answer `local`. */
export type VisitorOf = (c: Context) => Promise<Visitor>;

/** Null when the person has to sign in before anything is shown; any other error goes on. */
export function askedToSignIn(error: unknown): null {
  if (hasCode(error, 'unauthenticated')) return null;
  throw error;
}
