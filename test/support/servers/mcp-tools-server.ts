/** An MCP server of the SDK 2.x, in both eras, that lists what a test lets it, and wants a key. */
import { createAdaptorServer } from '@hono/node-server';
import { createMcpHandler, Server } from '@modelcontextprotocol/server';

type Listed = Record<string, unknown>;

/** What the server lists at this moment; a test changes it. */
export type Served = { tools: Listed[]; prompts: Listed[]; resources: Listed[]; resourceTemplates: Listed[] };

export type McpToolsServer = {
  readonly url: string;
  readonly served: Served;
  /** The JSON-RPC methods that were asked for with the key, in order. */
  readonly asked: string[];
  /** Answers in place of the server, when a test sets it. */
  answer: ((request: Request) => Response | Promise<Response>) | null;
  close(): Promise<void>;
};

/** A tool as it is listed. */
export function servedTool(name: string, description = `What ${name} does.`, more: Listed = {}): Listed {
  return { name, description, inputSchema: { type: 'object' }, ...more };
}

/** @param pageSize tools of one page */
export async function startMcpToolsServer(key: string, { pageSize = 100 } = {}): Promise<McpToolsServer> {
  const served: Served = { tools: [servedTool('read')], prompts: [], resources: [], resourceTemplates: [] };
  const asked: string[] = [];
  const handler = createMcpHandler(() => {
    const capabilities = { tools: {}, prompts: {}, resources: {} };
    const server = new Server({ name: 'toolbox', version: '1.0.0' }, { capabilities });
    server.setRequestHandler('tools/list', ({ params }) => {
      const at = Number(params?.cursor ?? 0);
      const next = at + pageSize < served.tools.length ? { nextCursor: String(at + pageSize) } : {};
      return { tools: served.tools.slice(at, at + pageSize) as never, ...next };
    });
    server.setRequestHandler('prompts/list', () => ({ prompts: served.prompts as never }));
    server.setRequestHandler('resources/list', () => ({ resources: served.resources as never }));
    server.setRequestHandler('resources/templates/list', () => ({
      resourceTemplates: served.resourceTemplates as never,
    }));
    return server;
  });
  const remote: { answer: McpToolsServer['answer'] } = { answer: null };
  const listening = createAdaptorServer({
    fetch: async (request: Request) => {
      if (remote.answer !== null) return remote.answer(request);
      if (request.headers.get('authorization') !== `Bearer ${key}`) {
        return new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } });
      }
      if (request.method === 'POST') asked.push(((await request.clone().json()) as { method: string }).method);
      return handler.fetch(request);
    },
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    served,
    asked,
    get answer() {
      return remote.answer;
    },
    set answer(answer) {
      remote.answer = answer;
    },
    close: () =>
      new Promise((resolve) => {
        listening.close(() => resolve());
        if ('closeAllConnections' in listening) listening.closeAllConnections();
      }),
  };
}
