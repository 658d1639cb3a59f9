/** What Prometheus may know: how much, how fast, how it went. Never who, and no id of anything. */
import { Hono } from 'hono';
import prom from 'prom-client';
import type { Broker } from '../../broker/broker.ts';
import { beyondLimits } from '../../broker/policy/policy.ts';
import type { Scope } from '../../principal.ts';
import { answerRefusal, type Bearer, type BearerEnv } from '../auth/bearer.ts';
import type { AnsweredRequest } from '../middleware/request-log.ts';

type AuditEvent = Parameters<Broker['vault']['audit']>[0];

export type Metrics = {
  request(facts: AnsweredRequest): void;
  /** One that was refused before it was any; null: its connection was closed without an answer. */
  refused(status: number | null): void;
  /** One audited act. */
  act(event: Pick<AuditEvent, 'action' | 'outcome' | 'count'>): void;
  readonly contentType: string;
  /** Everything so far, in Prometheus' text format. */
  text(): Promise<string>;
};

export function createMetrics(): Metrics {
  const registry = new prom.Registry();
  const registers = [registry];
  prom.collectDefaultMetrics({ register: registry, prefix: 'keyward_' });
  const latency = new prom.Histogram({
    name: 'keyward_http_request_duration_seconds',
    help: 'Time from a request to the headers of its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new prom.Counter({ name: `keyward_${name}_total`, help, labelNames, registers });
  const refused = counter(
    'http_refused',
    'Requests that were refused before they were read: malformed, too long, too late, too many connections.',
    'status',
  );
  const acts = counter('acts', 'Acts in the audit log, by what was done and how it ended.', 'action', 'outcome');
  const refreshes = counter('refreshes', 'Refreshes of access tokens that were begun.');
  const releases = counter('releases', 'Raw secrets handed to their owners.');
  const denials = counter('denials', 'Acts that were refused.', 'action');
  return {
    request({ method, route, status, seconds }) {
      latency.observe({ method, route, status: `${status}` }, seconds);
    },
    refused(status) {
      refused.inc({ status: status === null ? 'none' : `${status}` });
    },
    act({ action, outcome, count = 1 }) {
      acts.inc({ action, outcome }, count);
      if (outcome === 'refused') denials.inc({ action }, count);
      else if (action === 'credential.refresh') refreshes.inc(count);
      else if (action === 'credential.release') releases.inc(count);
    },
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}

export const metricsPath = '/metrics';
const needed: Scope = 'audit:read';

/** `GET /metrics`, for a bearer token that may read the audit log: how busy Keyward is tells a stranger something. */
export function metricsRoutes({ bearer, metrics }: { bearer: Bearer; metrics: Metrics }): Hono<BearerEnv> {
  const routes = new Hono<BearerEnv>();
  routes.get(metricsPath, bearer.middleware({ scopes: [needed] }), async (c) => {
    const { principal } = c.var;
    if (!principal.scopes.has(needed)) return answerRefusal(c, await bearer.lacking(principal, 'metrics.read', needed));
    // They count what everybody does.
    const beyond = beyondLimits(principal, 'audit.read');
    if (beyond !== null) return answerRefusal(c, bearer.refusal(beyond, undefined, { scopes: [needed] }));
    return c.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType });
  });
  return routes;
}
