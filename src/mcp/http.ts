/** MCP over streamable HTTP, stateless, both protocol eras: a fresh server for each request that needs one. */
import { createMcpHandler, SERVER_INFO_META_KEY } from '@modelcontextprotocol/server';
import { type Broker, forRequest } from '../broker/broker.ts';
import { KeywardError } from '../errors.ts';
import type { Principal, Scope } from '../principal.ts';
import { callToolInJson } from './call.ts';
import { noLinks, roundTripLinks } from './links.ts';
import { type PlainCall, readPlainCall } from './plain-call.ts';
import { implementation, mcpServerFactory, noteError, waiting, withClient } from './server.ts';
import { tools } from './tools/index.ts';

/** Who asks, and the id under which the log knows the request. */
type McpCaller = { readonly principal: Principal; readonly requestId: string };

/** What a call can do while it runs. Both texts are JSON-RPC messages. */
type Meanwhile = {
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** Tells the client something before the answer. */
  notify(message: string): void;
};

/** A call that needs no server. */
type Call = {
  /** The client reads a stream of events (2025-11-25), else JSON unless something is told before. */
  readonly streams: boolean;
  /** Answers the response, as JSON. */
  run(caller: McpCaller, meanwhile: Meanwhile): Promise<string>;
};

type McpEndpoint = {
  /** The call that a request is, if it needs no more than its answer; null for everything else. */
  callIn(header: (name: string) => string | undefined, body: Record<string, unknown>): Call | null;
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
  const server = JSON.stringify({ [SERVER_INFO_META_KEY]: implementation(version) });
  return {
    callIn(header, body) {
      const call = readPlainCall(header, body);
      if (call === null) return null;
      return {
        streams: call.era === 'legacy',
        run: (caller, meanwhile) => run(broker, server, call, caller, meanwhile),
      };
    },
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

/**
 * Runs a plain call. What it answers is, letter for letter, what the SDK would.
 *
 * @param server the `_meta` of a result, as JSON
 */
async function run(
  broker: Broker,
  server: string,
  { id, tool, args, client, era, progressToken }: PlainCall,
  { principal, requestId }: McpCaller,
  meanwhile: Meanwhile,
): Promise<string> {
  const call = {
    broker: forRequest(broker, requestId),
    principal: withClient(principal, client),
    // Asked for when it is needed: making a signal costs more than many a tool.
    get signal() {
      return meanwhile.signal;
    },
    onWait(elapsed: number, total: number) {
      if (progressToken === undefined) return;
      meanwhile.notify(JSON.stringify({ jsonrpc: '2.0', ...waiting(progressToken, elapsed, total) }));
    },
    links: era === 'modern' ? roundTripLinks(client) : noLinks,
  };
  const { members, complete } = await callToolInJson(call, tool, args);
  const more = era === 'legacy' ? '' : `${complete ? ',"resultType":"complete"' : ''},"_meta":${server}`;
  return `{"result":{${members}${more}},"jsonrpc":"2.0","id":${id}}`;
}

function callerIn(extra: Record<string, unknown> | undefined): McpCaller {
  if (extra?.caller === undefined) throw new KeywardError('unauthenticated', 'Nobody is calling.');
  return extra.caller as McpCaller;
}
