/** Whether this process lives, and whether it can serve: for whoever restarts it and whoever sends it requests. */
import { Hono } from 'hono';
import { toPublic } from '../errors.ts';

/** Asked by machines that know the address of a process and not its name. */
export const probePaths = ['/healthz', '/readyz'] as const;

/** A readiness check is asked for by anybody, so the store is asked at most this often. */
const trustedForMs = 1_000;

/** @param ping resolves while the store can be read and written */
export function healthRoutes(ping: () => Promise<void>): Hono {
  const routes = new Hono();
  let last: { readonly at: number; readonly answer: Promise<string | null> } | undefined;

  /** The code of what is wrong; null when nothing is. */
  function problem(): Promise<string | null> {
    const now = performance.now();
    if (last === undefined || now - last.at > trustedForMs) {
      const answer = ping().then(
        () => null,
        (error: unknown) => toPublic(error).code,
      );
      last = { at: now, answer };
    }
    return last.answer;
  }

  routes.get('/healthz', (c) => c.json({ status: 'alive' }));
  routes.get('/readyz', async (c) => {
    const code = await problem();
    return code === null ? c.json({ status: 'ready' }) : c.json({ status: 'not_ready', code }, 503);
  });
  return routes;
}
