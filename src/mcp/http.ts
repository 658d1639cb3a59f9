/** MCP over streamable HTTP, stateless: a fresh server for each request, both protocol eras. */
import { createMcpHandler } from '@modelcontextprotocol/server';
import type { Broker } from '../broker/broker.ts';
import { KeywardError } from '../errors.ts';
import type { Principal, Scope } from '../principal.ts';
import { mcpServerFactory, noteError } from './server.ts';
import { tools } from './tools/index.ts';

export type McpEndpoint = {
  /** Answers one request of this principal, whose body has been read and bounded; undefined when it has none. */
  answer(request: Request, body: Record<string, unknown> | undefined, principal: Principal): Promise<Response>;
  /** The tool that a body calls and the scope it needs; null for everything else. */
  toolOf(body: Record<string, unknown>): { readonly name: string; readonly scope: Scope } | null;
  close(): Promise<void>;
};

export function createMcpEndpoint(broker: Broker, version: string): McpEndpoint {
  const factory = mcpServerFactory({ broker, version, principal: (authInfo) => principalIn(authInfo?.extra) });
  const handler = createMcpHandler(factory, { onerror: (error) => noteError(broker, error) });
  return {
    answer(request, body, principal) {
      // The token itself goes no further than the bearer check.
      const authInfo = { token: '', clientId: '', scopes: [...principal.scopes], extra: { principal } };
      return handler.fetch(request, body === undefined ? { authInfo } : { authInfo, parsedBody: body });
    },
    toolOf({ method, params }) {
      if (method !== 'tools/call' || typeof params !== 'object' || params === null || !('name' in params)) return null;
      const tool = typeof params.name === 'string' ? tools.get(params.name) : undefined;
      return tool === undefined ? null : { name: tool.name, scope: tool.scope };
    },
    close: () => handler.close(),
  };
}

function principalIn(extra: Record<string, unknown> | undefined): Principal {
  if (extra?.principal === undefined) throw new KeywardError('unauthenticated', 'Nobody is calling.');
  return extra.principal as Principal;
}
