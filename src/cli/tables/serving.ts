/** Commands that serve, and the page that says how to connect a client. */
import { type CommandTable, jsonFlag } from '../command.ts';

export const servingCommands: CommandTable = {
  title: 'Serve',
  commands: [
    {
      name: 'status',
      words: [],
      help: 'show how to connect a client, and where everything is; the default in a terminal',
      mode: 'stdio',
      examples: ['keyward', 'keyward status --home ~/work-keys'],
      load: async () => (await import('../commands/status.ts')).showStatus,
    },
    {
      name: 'stdio',
      words: [],
      help: 'serve MCP on stdin and stdout, as MCP clients start it; the default without a terminal',
      mode: 'stdio',
      examples: ['keyward stdio', 'keyward stdio --release never'],
      load: async () => (await import('../commands/stdio.ts')).serve,
    },
    {
      name: 'mcp',
      words: ['[connection]'],
      help: 'serve a connected MCP server on stdin and stdout, for clients that only start programs; without a word, list those that are connected',
      flags: { ...jsonFlag },
      mode: 'stdio',
      examples: ['keyward mcp', 'keyward mcp linear'],
      load: async () => (await import('../commands/mcp.ts')).mcp,
    },
    {
      name: 'http',
      words: [],
      help: 'serve MCP and REST over HTTP, to many owners with bearer tokens',
      mode: 'http',
      examples: ['keyward http', 'keyward http --port 8080'],
      load: async () => (await import('../commands/http.ts')).serve,
    },
  ],
};
