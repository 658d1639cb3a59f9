/** Who a request to a page is from. */
import type { Context } from 'hono';
import type { Visitor } from '../../broker/visitors/visitor.ts';

/** Who is there: whoever is signed in to that browser; the pages of stdio answer `local`. */
export type VisitorOf = (c: Context) => Promise<Visitor>;
