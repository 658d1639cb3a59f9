/** Cookies, forms and approvals are proved under a data key of the vault, which another process may have rotated. */
import type { MiddlewareHandler } from 'hono';
import type { Broker } from '../../broker/broker.ts';

/** A vault that takes longer is in trouble; whatever needs it will say so itself. */
const patienceMs = 1_000;

/** Answers every request but those to these paths with data keys that are a second old at most. */
export function freshKeys(vault: Broker['vault'], except: readonly string[] = []): MiddlewareHandler {
  return async (c, next) => {
    if (!except.includes(c.req.path)) await refreshed(vault);
    await next();
  };
}

/** Resolves once the data keys are fresh, or when that takes too long. */
export function refreshed(vault: Broker['vault']): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, patienceMs);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    vault.refreshKeys().then(done, done);
  });
}
