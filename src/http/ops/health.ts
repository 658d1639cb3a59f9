/** Whether this process lives, and whether it can serve: for what restarts it and for what sends it requests. */
import { Hono } from 'hono';
import { type ErrorCode, toPublic } from '../../errors.ts';

/** Asked by machines that know the address of a process and not its name. */
export const probePaths = ['/healthz', '/readyz'] as const;

/** A readiness check is asked for by anybody, so the store is asked at most this often. */
const trustedForMs = 1_000;
/** Probes give up after some seconds: a store that is silent for longer can not serve. */
const patienceMs = 2_000;

/** The code of what is wrong; null when nothing is. */
type Finding = ErrorCode | null;

/**
 * `GET /healthz` and `GET /readyz`. However many ask, the store is asked by one at a time: while it is silent, those who
 * come later get the last finding.
 *
 * @param ping resolves while the store can be read and written
 */
export function healthRoutes(ping: () => Promise<void>): Hono {
  const routes = new Hono();
  let last: { readonly at: number; readonly finding: Promise<Finding> } | undefined;
  let asking = false;

  function look(): Promise<Finding> {
    asking = true;
    const answered = ping()
      .then(
        () => null,
        (error: unknown) => toPublic(error).code,
      )
      .finally(() => {
        asking = false;
      });
    return Promise.race([answered, silence()]);
  }

  function current(): Promise<Finding> {
    const now = performance.now();
    if (last === undefined || (!asking && now - last.at > trustedForMs)) last = { at: now, finding: look() };
    return last.finding;
  }

  routes.get('/healthz', (c) => c.json({ status: 'alive' }));
  routes.get('/readyz', async (c) => {
    const code = await current();
    return code === null ? c.json({ status: 'ready' }) : c.json({ status: 'not_ready', code }, 503);
  });
  return routes;
}

function silence(): Promise<Finding> {
  return new Promise((resolve) => {
    setTimeout(resolve, patienceMs, 'store_unavailable').unref();
  });
}
