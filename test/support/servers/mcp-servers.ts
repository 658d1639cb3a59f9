/** Remote MCP servers of both SDK lines on loopback, behind a bearer token: with sessions (1.x), and without (2.x). */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { getRequestListener } from '@hono/node-server';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import {
  acceptedContent,
  createMcpHandler,
  inputRequired,
  type McpHttpHandler,
  McpServer as McpServerTwo,
} from '@modelcontextprotocol/server';
import { z } from 'zod';

/** One request, as far as tests look at it. */
export type Asked = {
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  /** Method of the JSON-RPC message. */
  readonly says: string | undefined;
};

type Common = {
  readonly url: string;
  readonly host: string;
  readonly asked: readonly Asked[];
  /** What was cancelled. */
  readonly cancelled: string[];
  /** Ends every connection, and takes no new ones until it is started again, on the same port and knowing nothing. */
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
};

export type SessionServer = Common & {
  /** Ids of the sessions that there are. */
  readonly sessions: () => readonly string[];
  readonly ended: readonly string[];
  /** What the session was set to. */
  readonly subscribed: readonly string[];
  /** Forgets every session. */
  forget(): void;
  /** A new tool, in every session; each tells its client. */
  addTool(name: string): void;
};

type Admits = (authorization: string) => boolean | Promise<boolean>;
type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => Promise<void>;

/** What else is at the same address: answers a request, or (false) leaves it to the MCP server. */
export type Beside = (request: IncomingMessage, response: ServerResponse, body: string) => Promise<boolean>;

/** A listener that can go away and come back. */
async function listener(admits: Admits, answer: Answer, forget: () => void, beside?: Beside) {
  const asked: Asked[] = [];
  let server: Server;
  let port = 0;
  const start = async () => {
    server = createServer(async (request, response) => {
      const body = await text(request);
      if (await beside?.(request, response, body)) return;
      const { method = '', headers } = request;
      asked.push({ method, headers, says: body === '' ? undefined : JSON.parse(body).method });
      if (await admits(headers.authorization ?? '')) await answer(request, response, body);
      else response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end();
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  };
  const stop = async () => {
    forget();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  await start();
  return { asked, start, stop, close: stop, url: `http://127.0.0.1:${port}/mcp`, host: `127.0.0.1:${port}` };
}

/** Events by their number, so that they are in order. */
function eventStore() {
  const events: { readonly streamId: string; readonly message: unknown }[] = [];
  return {
    async storeEvent(streamId: string, message: unknown) {
      events.push({ streamId, message });
      return String(events.length);
    },
    async replayEventsAfter(last: string, { send }: { send: (id: string, message: never) => Promise<void> }) {
      const streamId = events[Number(last) - 1]?.streamId ?? '';
      for (const [index, event] of events.entries()) {
        if (index >= Number(last) && event.streamId === streamId) await send(String(index + 1), event.message as never);
      }
      return streamId;
    },
  };
}

/** SDK 1.x, with sessions, resumption, and requests to the client. */
export async function startSessionServer(admits: Admits, beside?: Beside): Promise<SessionServer> {
  const sessions = new Map<string, { transport: StreamableHTTPServerTransport; server: McpServer }>();
  const [ended, cancelled, subscribed]: [string[], string[], string[]] = [[], [], []];

  async function begin(): Promise<StreamableHTTPServerTransport> {
    const server = new McpServer(
      { name: 'remote', version: '1' },
      { capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} } },
    );
    addUsual(server);
    addConversations(server, cancelled);
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      eventStore: eventStore(),
      retryInterval: 100,
      onsessioninitialized: (id) => void sessions.set(id, { transport, server }),
      onsessionclosed: (id) => void ended.push(id),
    });
    await server.connect(transport as never);
    return transport;
  }

  const http = await listener(
    admits,
    async (request, response, body) => {
      const id = request.headers['mcp-session-id'];
      const parsed = body === '' ? undefined : JSON.parse(body);
      if (parsed?.method === 'resources/subscribe') subscribed.push(parsed.params.uri);
      const known = sessions.get(String(id))?.transport;
      if (id !== undefined && known === undefined) return void response.writeHead(404).end();
      const transport = known ?? (parsed?.method === 'initialize' ? await begin() : undefined);
      if (transport === undefined) return void response.writeHead(400).end('Bad Request: No valid session ID provided');
      await transport.handleRequest(request, response, parsed);
    },
    () => sessions.clear(),
    beside,
  );
  return {
    ...http,
    cancelled,
    ended,
    subscribed,
    sessions: () => [...sessions.keys()],
    forget: () => sessions.clear(),
    addTool(name) {
      for (const { server } of sessions.values()) server.registerTool(name, {}, () => said(name));
    },
  };
}

const said = (words: string) => ({ content: [{ type: 'text' as const, text: words }] });

function addUsual(server: McpServer): void {
  server.registerTool('echo', { inputSchema: { words: z.string() } }, ({ words }) => said(words));
  server.registerPrompt('greet', { argsSchema: { name: z.string() } }, ({ name }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Hello ${name}` } }],
  }));
  server.registerResource('note', 'note://one', {}, (uri) => ({ contents: [{ uri: uri.href, text: 'a note' }] }));
  server.server.setRequestHandler(
    z.object({ method: z.literal('resources/subscribe'), params: z.any() }) as never,
    async () => ({}),
  );
}

function addConversations(server: McpServer, cancelled: string[]): void {
  server.registerTool('count', {}, async ({ _meta, sendNotification }) => {
    for (let progress = 1; progress <= 3; progress += 1) {
      const params = { progressToken: _meta?.progressToken ?? '', progress, total: 3 };
      await sendNotification({ method: 'notifications/progress', params });
    }
    // SDK 1.x drops progress that it reads together with the result.
    await server.server.listRoots();
    return said('counted');
  });
  server.registerTool('wait', { inputSchema: { name: z.string() } }, async ({ name }, { signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    cancelled.push(name);
    return said('never');
  });
  server.registerTool('ask', {}, async () => {
    const requestedSchema = { type: 'object' as const, properties: { colour: { type: 'string' as const } } };
    const answer = await server.server.elicitInput({ message: 'Which colour?', requestedSchema });
    return said(JSON.stringify(answer));
  });
  server.registerTool('think', {}, async () => {
    const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: 'Think.' } }];
    const { content } = await server.server.createMessage({ messages, maxTokens: 10 });
    return said(JSON.stringify(content));
  });
  server.registerTool('where', {}, async () => said(JSON.stringify((await server.server.listRoots()).roots)));
  // It ends its own stream, as servers do that want no long connections, and answers afterwards.
  server.registerTool('later', {}, async ({ closeSSEStream }) => {
    closeSSEStream?.();
    return said('resumed');
  });
}

/** SDK 2.x, 2026-07-28 alone. */
export async function startModernServer(admits: Admits): Promise<Common & Pick<McpHttpHandler, 'notify'>> {
  const cancelled: string[] = [];
  const handler = createMcpHandler(() => {
    const server = new McpServerTwo(
      { name: 'remote', version: '2' },
      { capabilities: { tools: { listChanged: true } } },
    );
    const answered = (words: string) => ({ content: [{ type: 'text' as const, text: words }] });
    const marked = z.object({ words: z.string().meta({ 'x-mcp-header': 'Words' }) });
    server.registerTool('echo', { inputSchema: marked }, ({ words }) => answered(words));
    server.registerTool('wait', { inputSchema: z.object({ name: z.string() }) }, async ({ name }, ctx) => {
      await new Promise((resolve) => ctx.mcpReq.signal.addEventListener('abort', resolve));
      cancelled.push(name);
      return answered('never');
    });
    server.registerTool('ask', {}, async (ctx) => {
      const given = acceptedContent(ctx.mcpReq.inputResponses, 'colour');
      if (given !== undefined) return answered(JSON.stringify(given));
      const requestedSchema = { type: 'object' as const, properties: { colour: { type: 'string' as const } } };
      return inputRequired({ inputRequests: { colour: inputRequired.elicit({ message: 'Which?', requestedSchema }) } });
    });
    return server;
  });
  const http = await listener(
    admits,
    async (request, response, body) => {
      // The body was read: the SDK takes what it says.
      const answer = getRequestListener((asked) => handler.fetch(asked, { parsedBody: JSON.parse(body || '{}') }));
      await answer(request, response);
    },
    () => {},
  );
  return { ...http, cancelled, notify: handler.notify };
}
