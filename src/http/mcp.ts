/** `/mcp`: what is checked before the protocol sees a request. */
import { type Context, Hono } from 'hono';
import type { Broker } from '../broker/broker.ts';
import { who } from '../broker/policy.ts';
import { KeywardError, toPublic } from '../errors.ts';
import type { Principal, Scope } from '../principal.ts';
import type { Bearer, BearerEnv } from './bearer.ts';
import { RequestError, readJson } from './json-body.ts';

/** The protocol, as the MCP side provides it. */
export type Protocol = {
  answer(request: Request, body: Record<string, unknown> | undefined, principal: Principal): Promise<Response>;
  toolOf(body: Record<string, unknown>): { readonly name: string; readonly scope: Scope } | null;
};

export type McpRoutes = { readonly broker: () => Broker; readonly bearer: Bearer; readonly protocol: Protocol };

export function mcpRoutes({ broker, bearer, protocol }: McpRoutes): Hono<BearerEnv> {
  const routes = new Hono<BearerEnv>();
  routes.all('/mcp', bearer.middleware(), async (c) => {
    const { principal } = c.var;
    if (c.req.method !== 'POST') return protocol.answer(c.req.raw, undefined, principal);
    let body: Record<string, unknown>;
    try {
      body = await readJson(c);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return c.json(invalidRequest(error.message), error.status);
    }
    const tool = protocol.toolOf(body);
    if (tool !== null && !principal.scopes.has(tool.scope)) return lacking(c, tool);
    return protocol.answer(c.req.raw, body, principal);
  });

  /** Step-up: the client may come back with a token that has the scope. */
  const lacking = async (c: Context<BearerEnv>, { name, scope }: { name: string; scope: Scope }) => {
    const { principal } = c.var;
    const code = 'insufficient_scope';
    await broker().refusals.note({ ...who(principal), action: `tool.${name}`, outcome: 'refused', code });
    bearer.challengeScope(c, principal, scope);
    const error = new KeywardError(code, `This needs the scope ${scope}.`, {
      hint: 'Ask for a bearer token that has it.',
    });
    return c.json({ error: toPublic(error) }, 403);
  };
  return routes;
}

/** JSON-RPC 2.0 §5.1: no id, since nothing was read. */
function invalidRequest(message: string) {
  return { jsonrpc: '2.0', id: null, error: { code: -32600, message } };
}
