/** `/mcp`: what is checked before the protocol sees a request. */
import { Hono } from 'hono';
import type { Broker } from '../broker/broker.ts';
import { actingFor } from '../broker/policy/policy.ts';
import { type Principal, type Scope, usualScopes } from '../principal.ts';
import { answerRefusal, type Bearer, type BearerEnv } from './auth/bearer.ts';
import { headOfContext, readIdentity, userHeader } from './listener/request-head.ts';
import { RequestError, readJson } from './middleware/json-body.ts';

/** The protocol, as the MCP side provides it. */
export type Protocol = {
  answer(
    request: Request,
    body: Record<string, unknown> | undefined,
    caller: { readonly principal: Principal; readonly requestId: string },
  ): Promise<Response>;
  toolOf(body: Record<string, unknown>): { readonly name: string; readonly scope: Scope } | null;
};

type McpRoutes = { readonly broker: Broker; readonly bearer: Bearer; readonly protocol: Protocol };

export function mcpRoutes({ broker, bearer, protocol }: McpRoutes): Hono<BearerEnv> {
  const routes = new Hono<BearerEnv>();
  routes.on('ALL', ['/mcp', '/mcp/'], bearer.middleware({ scopes: usualScopes }), async (c) => {
    const named = readIdentity(headOfContext(c), userHeader);
    const principal = await actingFor(broker, c.get('principal'), named, userHeader);
    const caller = { principal, requestId: c.get('requestId') };
    if (c.req.method !== 'POST') return protocol.answer(withAccept(c.req.raw), undefined, caller);
    let body: Record<string, unknown>;
    try {
      body = await readJson(c);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return c.json(invalidRequest(error.message), error.status);
    }
    const tool = protocol.toolOf(body);
    // Step-up: the client may come back with a token that has the scope.
    if (tool !== null && !caller.principal.scopes.has(tool.scope)) {
      return answerRefusal(c, await bearer.lacking(caller.principal, `tool.${tool.name}`, tool.scope));
    }
    return protocol.answer(withAccept(c.req.raw), body, caller);
  });

  return routes;
}

/**
 * A request whose client takes anything (RFC 9110 §12.5.1: no `Accept`, or one with `*\/*`), in the form that the protocol
 * looks for. Its body was read before.
 */
function withAccept(request: Request): Request {
  const accept = request.headers.get('accept') ?? '*/*';
  if (!/(^|[\s,])\*\/\*(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(accept)) return request;
  const headers = new Headers(request.headers);
  headers.set('accept', 'application/json, text/event-stream');
  return new Request(request.url, { method: request.method, headers, signal: request.signal });
}

/** JSON-RPC 2.0 §5.1: no id, since nothing was read. */
function invalidRequest(message: string) {
  return { jsonrpc: '2.0', id: null, error: { code: -32600, message } };
}
