/** A tool call as a client over HTTP sends it. */
import type { Target } from './load.ts';

/** A call of revision 2026-07-28, as one request. */
export function toolCall(origin: string, name: string, args: object, headers: Record<string, string> = {}): Target {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 'keyward-bench', version: '1.0.0' },
  };
  return {
    origin,
    method: 'POST',
    path: '/mcp',
    headers: {
      ...headers,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': name,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name, arguments: args, _meta: meta },
    }),
  };
}
