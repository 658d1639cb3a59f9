/** What happens around every request: an id, a line in the log, a place in the metrics. */
import { randomUUID } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { Log } from '../../log.ts';
import { brokenOff } from '../listener/body-timeout.ts';
import type { Client } from '../listener/client-address.ts';
import type { ConnectionRefusals } from '../listener/connection-refusals.ts';
import { headOfContext, type RequestHead } from '../listener/request-head.ts';
import type { RequestEnv } from '../request-env.ts';
import type { Limits } from './rate-limits.ts';

/** `route` is the pattern, `/connection/:id`: paths hold ids. */
export type AnsweredRequest = {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
};

type RequestsOptions = {
  readonly log: Log;
  readonly metrics: { request(facts: AnsweredRequest): void };
  readonly clientOf: (asked: RequestHead) => Client;
  readonly limits: Pick<Limits, 'address'>;
  readonly refusals: ConnectionRefusals;
  /** Paths left out of the log: probes, metrics. */
  readonly quiet: readonly string[];
};

/** A request that is being logged. */
export type RequestLogEntry = RequestEnv['Variables'] & {
  /** Its answer begins, with this status. `route` is the pattern: paths hold ids. */
  answered(route: string, status: number): void;
};

/** The pattern of what runs around every route. */
const everywhere = '/*';
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Makes what logs requests: call it when one comes, and `answered` when its answer begins. */
export function createRequestLog(options: RequestsOptions): (asked: RequestHead) => RequestLogEntry {
  const { log, metrics, clientOf, limits, refusals, quiet } = options;
  return (asked) => {
    const started = performance.now();
    const client = clientOf(asked);
    const requestId = (client.behindProxy ? safeId(asked.header('x-request-id')) : null) ?? randomUUID();
    let turnedAway = false;
    return {
      client,
      requestId,
      async admit() {
        try {
          await limits.address(client.address);
        } catch (error) {
          turnedAway = true;
          throw error;
        }
      },
      answered(route, status) {
        const milliseconds = performance.now() - started;
        const method = methods.has(asked.method) ? asked.method : 'other';
        metrics.request({ method, route, status, seconds: milliseconds / 1_000 });
        if (quiet.includes(route)) return;
        if (turnedAway) return refusals.note({ status, reason: 'rate_limited', address: client.address });
        log.info('request', {
          requestId,
          method,
          route,
          status,
          ms: Math.round(milliseconds * 10) / 10,
          address: client.address,
          ...traceOf(asked.header('traceparent')),
        });
      },
    };
  };
}

/** Logs every request of an app. */
export function aroundRequests(requests: (asked: RequestHead) => RequestLogEntry): MiddlewareHandler<RequestEnv> {
  return async (c, next) => {
    const { client, requestId, admit, answered } = requests(headOfContext(c));
    c.set('client', client);
    c.set('requestId', requestId);
    c.set('admit', admit);
    await next();
    c.res.headers.set('X-Request-Id', requestId);
    answered(routeOf(c), brokenOff(c.env) ?? c.res.status);
  };
}

/** The route's pattern; patterns of middleware end in `*`. */
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
 * malformed. It ends here: no service learns who traces what.
 */
function traceOf(traceparent: string | undefined): { traceId?: string; parentSpanId?: string } {
  const [, version, traceId = '', parentSpanId = '', more] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/.exec(traceparent ?? '') ?? [];
  // Later versions may have more fields, this one has none.
  const known = version !== undefined && version !== 'ff' && !(version === '00' && more !== undefined);
  const valid = known && !/^0+$/.test(traceId) && !/^0+$/.test(parentSpanId);
  return valid ? { traceId, parentSpanId } : {};
}
