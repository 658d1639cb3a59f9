/** A remote MCP server, made with the 1.x SDK: sessions, streams that can be resumed, and a key that has to be sent along. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { InMemoryEventStore } from '@modelcontextprotocol/sdk/examples/shared/inMemoryEventStore.js';
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import * as z from 'zod';

export type RemoteMcp = {
  readonly url: string;
  /** What was sent with each request: method, headers. */
  readonly seen: readonly { readonly method: string; readonly headers: IncomingMessage['headers'] }[];
  /** The servers of the sessions, newest last. */
  readonly sessions: readonly McpServer[];
  /** Cancelled calls of `slow`. */
  readonly cancelled: () => number;
  /** Cuts every open stream, as a server that restarts does. */
  cut(): void;
  close(): Promise<void>;
};

/** @param accepts whether this value of `authorization` is let in */
export async function startRemoteMcp(
  accepts: (authorization: string) => boolean,
  add: (server: McpServer) => void = () => {},
): Promise<RemoteMcp> {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const sessions: McpServer[] = [];
  const seen: { method: string; headers: IncomingMessage['headers'] }[] = [];
  const open = new Set<ServerResponse>();
  let cancelled = 0;
  const eventStore = new InMemoryEventStore();

  function made(): McpServer {
    const server = new McpServer({ name: 'remote', version: '1' }, { capabilities: { logging: {} } });
    const said = (text: string) => ({ content: [{ type: 'text' as const, text }] });
    server.registerTool(
      'echo',
      { inputSchema: { text: z.string() }, outputSchema: { text: z.string() } },
      async ({ text }) => ({ ...said(text), structuredContent: { text } }),
    );
    server.registerTool('count', { inputSchema: { to: z.number() } }, async ({ to }, { sendNotification, _meta }) => {
      for (let progress = 1; progress <= to; progress += 1) {
        const params = { progressToken: _meta?.progressToken ?? 0, progress, total: to };
        await sendNotification({ method: 'notifications/progress', params });
      }
      return said(`counted to ${to}`);
    });
    server.registerTool('slow', {}, async ({ signal }) => {
      await sleep(20_000, undefined, { signal }).catch(() => {});
      if (signal.aborted) cancelled += 1;
      return said('late');
    });
    server.registerTool('ask', {}, async () => {
      const requestedSchema = { type: 'object' as const, properties: { name: { type: 'string' as const } } };
      const { content } = await server.server.elicitInput({ message: 'Who?', requestedSchema });
      return said(`asked ${String(content?.name)}`);
    });
    server.registerTool('sample', {}, async () => {
      const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: 'Say hi' } }];
      const { content } = await server.server.createMessage({ messages, maxTokens: 10 });
      return said(JSON.stringify(content));
    });
    server.registerTool('late', { inputSchema: { text: z.string() } }, async ({ text }, { sendNotification }) => {
      await sendNotification({ method: 'notifications/message', params: { level: 'info', data: 'begun' } });
      await sleep(300);
      return said(text);
    });
    server.registerPrompt('greet', { argsSchema: { who: z.string() } }, ({ who }) => ({
      messages: [{ role: 'user', content: { type: 'text', text: `Hello ${who}` } }],
    }));
    const read = (uri: URL) => ({ contents: [{ uri: uri.href, text: `of ${uri.href}` }] });
    server.registerResource('readme', 'file:///readme', {}, read);
    server.registerResource('note', new ResourceTemplate('note:///{id}', { list: undefined }), {}, read);
    add(server);
    return server;
  }

  const http = createServer(async (incoming, answer) => {
    const { method = '', headers } = incoming;
    seen.push({ method, headers });
    open.add(answer.on('close', () => open.delete(answer)));
    if (!accepts(headers.authorization ?? '')) {
      answer.writeHead(401, { 'www-authenticate': 'Bearer resource_metadata="https://elsewhere.example/x"' }).end();
      return;
    }
    const body = method === 'POST' ? await json(incoming) : undefined;
    const id = headers['mcp-session-id'];
    let transport = transports.get(String(id));
    if (transport === undefined) {
      if (id !== undefined) return void answer.writeHead(404).end();
      const fresh = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        eventStore,
        onsessioninitialized: (session) => void transports.set(session, fresh),
        onsessionclosed: (session) => void transports.delete(session),
      });
      transport = fresh;
      const server = made();
      sessions.push(server);
      await server.connect(fresh as Transport);
    }
    await transport.handleRequest(incoming, answer, body);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    seen,
    sessions,
    cancelled: () => cancelled,
    cut: () => {
      for (const answer of open) answer.destroy();
    },
    close: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
