/** A server of the bare SDK with one tool: what a start costs at least. Bundled by the bench, like Keyward itself. */
import { McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import * as z from 'zod';

serveStdio(() => {
  const server = new McpServer({ name: 'bare', version: '1.0.0' });
  server.registerTool(
    'list_credentials',
    {
      description: 'Lists nothing.',
      inputSchema: z.object({ limit: z.number().optional() }),
      outputSchema: z.object({ credentials: z.array(z.string()) }),
    },
    () => ({ content: [{ type: 'text', text: '{"credentials":[]}' }], structuredContent: { credentials: [] } }),
  );
  return server;
});
