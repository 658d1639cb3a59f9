/** MCP over streamable HTTP, stateless: a fresh server for each request, both protocol eras. */
import { createMcpHandler } from '@modelcontextprotocol/server';
import { type Broker, forRequest } from '../broker/broker.ts';
import { KeywardError } from '../errors.ts';
import type { Principal, Scope } from '../principal.ts';
import { mcpServerFactory, noteError } from './server.ts';
import { tools } from './tools/index.ts';

/** Who asks, and the id under which the log knows the request. */
type McpCaller = { readonly principal: Principal; readonly requestId: string };

type McpEndpoint = {
  /** Answers one request, whose body has been read and bounded; undefined when it has none. */
  answer(request: Request, body: Record<string, unknown> | undefined, caller: McpCaller): Promise<Response>;
  /** The tool that a body calls and the scope it needs; null for everything else. */
  toolOf(body: Record<string, unknown>): { readonly name: string; readonly scope: Scope } | null;
  close(): Promise<void>;
};

export function createMcpEndpoint(broker: Broker, version: string): McpEndpoint {
  const factory = mcpServerFactory({
    version,
    caller(authInfo) {
      const { principal, requestId } = callerIn(authInfo?.extra);
      return { principal, broker: forRequest(broker, requestId) };
    },
  });
  const handler = createMcpHandler(factory, { onerror: (error) => noteError(broker, error) });
  return {
    answer(request, body, caller) {
      // The token itself goes no further than the bearer check.
      const authInfo = { token: '', clientId: '', scopes: [...caller.principal.scopes], extra: { caller } };
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

function callerIn(extra: Record<string, unknown> | undefined): McpCaller {
  if (extra?.caller === undefined) throw new KeywardError('unauthenticated', 'Nobody is calling.');
  return extra.caller as McpCaller;
}
