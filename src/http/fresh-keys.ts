/** Cookies, forms and approvals are proved under a data key of the vault, which another process may have rotated. */
import type { MiddlewareHandler } from 'hono';
import type { Broker } from '../broker/broker.ts';

/** Answers every request but those to these paths with data keys that are a second old at most. */
export function freshKeys(vault: () => Broker['vault'], except: readonly string[] = []): MiddlewareHandler {
  return async (c, next) => {
    // What needs a vault that can not be reached will say so itself.
    if (!except.includes(c.req.path))
      await vault()
        .refreshKeys()
        .catch(() => undefined);
    await next();
  };
}
