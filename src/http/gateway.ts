/**
 * The gateway: `ANY /proxy/{connectionId}/{path}` is the service of that connection, for programs. Keyward's bearer token
 * lets them in and goes no further; the secret goes in on the way. Both bodies stream, as fast as the slower side takes them.
 */
import type { IncomingMessage } from 'node:http';
import { type Context, Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { type Broker, forRequest } from '../broker/broker.ts';
import { callService } from '../broker/calls/call-service.ts';
import { errorCodes, hasCode, KeywardError, toPublic } from '../errors.ts';
import type { Scope } from '../principal.ts';
import type { Bearer, BearerEnv } from './bearer.ts';
import { allowSlowBody, brokenOff } from './body-time.ts';
import type { Bindings } from './streamed.ts';

/** Answers of models take minutes, and their streams longer. */
const timeoutMs = 3_600_000;
const silenceMs = 600_000;
/** A body up to this size is read first: it can be sent again after a token was renewed. */
const maxRepeatable = 256 * 1024;
const needed: Scope = 'credentials:use';

export type GatewayRoutes = { readonly broker: () => Broker; readonly bearer: Bearer };

export function gatewayRoutes({ broker, bearer }: GatewayRoutes): Hono<BearerEnv> {
  const routes = new Hono<BearerEnv>();
  routes.all('/proxy/:connectionId/*', bearer.middleware([needed]), async (c) => {
    const { principal } = c.var;
    if (!principal.scopes.has(needed)) return bearer.lacking(c, 'credential.call', needed);
    const connectionId = c.req.param('connectionId');
    const scoped = forRequest(broker(), c.get('requestId'));
    try {
      const env = c.env as Bindings;
      const { incoming, outgoing } = env;
      allowSlowBody(env);
      if (incoming.headers.upgrade !== undefined) throw upgrade();
      const answer = await callService(scoped, principal, {
        connectionId,
        method: c.req.method,
        path: pathOf(incoming, connectionId),
        headers: headersOf(incoming),
        reserved: 'drop',
        ...(await bodyOf(incoming)),
        signal: goneSignal(outgoing),
        timeoutMs,
        silenceMs,
      });
      const { status, headers, body, redirect } = answer;
      // A redirect below the base URL stays within the gateway.
      if (redirect !== null) headers.set('location', `/proxy/${connectionId}${redirect}`);
      if (c.req.method === 'HEAD' || [204, 205, 304].includes(status)) {
        await answer.discard();
        return new Response(null, { status, headers });
      }
      const { log } = scoped;
      env.streamed = { headers, body, onCut: (error) => log.warn('gateway.cut', { code: toPublic(error).code }) };
      return new Response(null, { status });
    } catch (error) {
      return failureOf(c, scoped, error);
    }
  });
  return routes;
}

/** What the program wrote: a parsed URL has dot segments resolved that Keyward has to refuse. */
function pathOf({ url = '', headers }: IncomingMessage, connectionId: string): string {
  const prefix = `/proxy/${connectionId}`;
  if (!url.startsWith(`${prefix}/`) || url.includes(tokenOf(headers))) {
    throw new KeywardError('invalid_input', 'The path is not one of this connection.', {
      hint: 'Give /proxy/, the connection’s id, and the path below the service’s base URL, without Keyward’s token.',
    });
  }
  return url.slice(prefix.length);
}

/** Without those of this connection, and those that hold Keyward's token, which some clients send in several. */
function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const token = tokenOf(headers);
  const named = (headers.connection ?? '').toLowerCase().split(',');
  const kept = Object.entries(headers).flatMap(([name, values]) => {
    const value = [values ?? []].flat().join(', ');
    return value.includes(token) || named.some((one) => one.trim() === name) ? [] : [[name, value]];
  });
  return Object.fromEntries(kept);
}

/** The bearer check has seen that there is one. */
function tokenOf({ authorization = '' }: IncomingMessage['headers']): string {
  return authorization.replace(/^Bearer +/i, '').trim();
}

async function bodyOf(incoming: IncomingMessage) {
  const { 'content-length': length, 'transfer-encoding': chunked } = incoming.headers;
  if (chunked !== undefined || Number(length) > maxRepeatable) {
    return { body: incoming, ...(length === undefined ? {} : { bodyLength: Number(length) }) };
  }
  if (length === undefined || length === '0') return {};
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return { body: Buffer.concat(chunks) };
}

/** Fires when the program goes away before it has the whole answer: the service need not go on then. */
function goneSignal(outgoing: Bindings['outgoing']): AbortSignal {
  const controller = new AbortController();
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) controller.abort();
  });
  return controller.signal;
}

/** JSON, as everywhere: `{ error: { code, message, hint } }`. */
function failureOf(c: Context<BearerEnv>, { log }: Broker, error: unknown): Response {
  const shown = toPublic(error);
  if (!(error instanceof KeywardError) && brokenOff(c) === null) {
    log.error('gateway.failed', { name: error instanceof Error ? error.name : typeof error });
  }
  if (hasCode(error, 'provider_unavailable', 'vault_busy') && error.details.retryAfterSeconds !== undefined) {
    c.header('Retry-After', String(Math.ceil(error.details.retryAfterSeconds)));
  }
  return c.json({ error: shown }, errorCodes[shown.code] as ContentfulStatusCode);
}

function upgrade(): KeywardError {
  return new KeywardError('invalid_input', 'WebSockets and other upgrades do not go through the gateway.', {
    hint: 'Use the HTTP interface of the service.',
  });
}
