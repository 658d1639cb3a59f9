/** `/mcp` within the app: whatever does not come in by the door of door.ts. */
import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { usualScopes } from '../../principal.ts';
import type { BearerEnv } from '../auth/bearer.ts';
import { headOfContext } from '../listener/request-head.ts';
import { type McpParts, paths, readRequest, withAccept } from './request.ts';

export function mcpRoutes(parts: McpParts): Hono<BearerEnv> {
  const routes = new Hono<BearerEnv>();
  routes.on('ALL', [...paths], parts.bearer.middleware({ scopes: usualScopes }), async (c) => {
    const { incoming } = c.env as HttpBindings;
    const caller = { principal: c.get('principal'), requestId: c.get('requestId') };
    const asked = await readRequest(parts, headOfContext(c), incoming, caller);
    if ('status' in asked) return c.json(asked.content, asked.status as ContentfulStatusCode, { ...asked.headers });
    return parts.protocol.answer(withAccept(c.req.raw), asked.body, asked.caller);
  });

  return routes;
}
