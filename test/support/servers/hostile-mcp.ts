/** A server at the address of an MCP server that answers whatever a test says. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export type HostileMcp = {
  readonly url: string;
  /** What came, newest last. */
  readonly seen: {
    readonly method: string;
    readonly url: string;
    readonly headers: IncomingMessage['headers'];
    readonly body: string;
  }[];
  /** What the next requests are answered. */
  answer: (response: ServerResponse, body: string, request: IncomingMessage) => unknown;
  close(): Promise<void>;
};

export async function startHostileMcp(): Promise<HostileMcp> {
  const http = createServer(async (incoming, response) => {
    const body = await text(incoming);
    const { method = '', url = '', headers } = incoming;
    hostile.seen.push({ method, url, headers, body });
    response.on('error', () => {});
    await hostile.answer(response, body, incoming);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const hostile: HostileMcp = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    seen: [],
    answer: (response) => response.writeHead(500).end(),
    close: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
  return hostile;
}

/** Answers as an honest server with these tools does, when a connection to it is made. */
export function honest(tools: readonly unknown[]): HostileMcp['answer'] {
  return (response, body, { method }) => {
    const { id, method: asked } = (method === 'POST' ? JSON.parse(body) : {}) as { id?: unknown; method?: string };
    if (method !== 'POST') return response.writeHead(405).end();
    if (id === undefined) return response.writeHead(202).end();
    const serverInfo = { name: 'hostile', version: '1' };
    const results: Record<string, unknown> = {
      initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo },
      'tools/list': { tools },
    };
    const result = results[asked ?? ''];
    if (result !== undefined) return sendJson(response, { jsonrpc: '2.0', id, result });
    return sendJson(response, { jsonrpc: '2.0', id, error: { code: -32_601, message: 'Method not found' } });
  };
}

/** Answers with JSON. */
export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  const body = typeof value === 'string' ? value : JSON.stringify(value);
  response.writeHead(status, { 'content-type': 'application/json' }).end(body);
}

/** Answers with these events, each the data of one. */
export function sendEvents(response: ServerResponse, ...data: readonly unknown[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const [index, one] of data.entries()) {
    response.write(`id: ${index}\ndata: ${typeof one === 'string' ? one : JSON.stringify(one)}\n\n`);
  }
  response.end();
}
