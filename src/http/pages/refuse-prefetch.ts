/** Pages that use something up, and browsers that load ahead of time what a person may open next. */
import type { MiddlewareHandler } from 'hono';
import { errorPage } from './page.ts';

/** Answers 503 to a browser that only looks ahead (Sec-Purpose, Fetch §3): it would use the code up. */
export const refusePrefetch: MiddlewareHandler = async (c, next) => {
  if (!c.req.header('sec-purpose')?.includes('prefetch')) return next();
  return c.html(errorPage('Not yet', { message: 'This page is not shown ahead of time.' }), 503);
};
