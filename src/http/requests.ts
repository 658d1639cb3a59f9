/** What happens around every request: an id, a line in the log, a place in the metrics. */
import { randomUUID } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { Log } from '../log.ts';
import { brokenOff } from './body-time.ts';
import type { Client } from './client-address.ts';
import type { Metrics } from './metrics.ts';

/** What every handler finds in the context. */
export type RequestEnv = { Variables: { client: Client; requestId: string } };

export type RequestsOptions = {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clientOf: (c: Parameters<MiddlewareHandler>[0]) => Client;
  /** Paths that are asked for all the time, and of which nobody wants to read. */
  readonly quiet: readonly string[];
};

/** The pattern of what runs around every route. */
const everywhere = '/*';
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export function requests({ log, metrics, clientOf, quiet }: RequestsOptions): MiddlewareHandler<RequestEnv> {
  return async (c, next) => {
    const started = performance.now();
    const client = clientOf(c);
    const requestId = (client.behindProxy ? safeId(c.req.header('x-request-id')) : null) ?? randomUUID();
    c.set('client', client);
    c.set('requestId', requestId);
    await next();
    c.res.headers.set('X-Request-Id', requestId);
    const milliseconds = performance.now() - started;
    const route = routeOf(c);
    const method = methods.has(c.req.method) ? c.req.method : 'other';
    const status = brokenOff(c) ?? c.res.status;
    metrics.request({ method, route, status, seconds: milliseconds / 1_000 });
    if (quiet.includes(route)) return;
    log.info('request', {
      requestId,
      method,
      route,
      status,
      ms: Math.round(milliseconds * 10) / 10,
      address: client.address,
      ...traceOf(c.req.header('traceparent')),
    });
  };
}

/** The pattern: paths hold ids. The gateway's ends in a wildcard, and so does that of a check which came before a route. */
function routeOf(c: Context): string {
  const patterns = matchedRoutes(c).flatMap(({ path }) => (path === everywhere ? [] : [path]));
  return patterns.findLast((path) => !path.endsWith('*')) ?? patterns.at(-1) ?? 'none';
}

/** An id that a proxy made, if it is one: it goes into logs and headers. */
function safeId(given: string | undefined): string | null {
  return given !== undefined && /^[\w-]{1,64}$/.test(given) ? given : null;
}

/**
 * The caller's trace (W3C Trace Context §3.2), so that its spans and these lines find each other; nothing when it is
 * malformed. It ends here: services are not told who traces what.
 */
function traceOf(traceparent: string | undefined): { traceId?: string; parentSpanId?: string } {
  const [, version, traceId = '', parentSpanId = '', more] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/.exec(traceparent ?? '') ?? [];
  // Later versions may have more fields, this one has none.
  const known = version !== undefined && version !== 'ff' && !(version === '00' && more !== undefined);
  const valid = known && !/^0+$/.test(traceId) && !/^0+$/.test(parentSpanId);
  return valid ? { traceId, parentSpanId } : {};
}
