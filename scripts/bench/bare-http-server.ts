/**
 * A server of the bare SDK over HTTP with one tool, no authentication, and the answers that it is given: what a call
 * costs at least. A GET is a stream that stays open. `bare-http-server <port>`; the payload comes on stdin.
 */
import { text } from 'node:stream/consumers';
import { createAdaptorServer } from '@hono/node-server';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod';

const payload = JSON.parse(await text(process.stdin)) as { tool: string; answer: Record<string, unknown> };
const content = [{ type: 'text' as const, text: JSON.stringify(payload.answer) }];

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'bare', version: '1.0.0' });
  server.registerTool(
    payload.tool,
    { description: 'Answers what it was given.', inputSchema: z.looseObject({}), outputSchema: z.looseObject({}) },
    () => ({ content, structuredContent: payload.answer }),
  );
  return server;
});

/** The stream of what a server has to say (MCP 2025-11-25, transports): it stays open, and nothing is said. */
function silentStream(): Response {
  return new Response(new ReadableStream({ start: (stream) => stream.enqueue(Buffer.from(': open\n\n')) }), {
    headers: { 'content-type': 'text/event-stream' },
  });
}

const answer = (request: Request) => (request.method === 'GET' ? silentStream() : handler.fetch(request));

createAdaptorServer({ fetch: answer }).listen(Number(process.argv[2]), '127.0.0.1', () => {
  process.stdout.write('serving\n');
});
