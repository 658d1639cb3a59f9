import { MultiServerMCPClient } from '@langchain/mcp-adapters';

const { MCP_URL: url = 'http://127.0.0.1:7355/mcp', MCP_TOKEN } = process.env;
const headers = { Authorization: `Bearer ${MCP_TOKEN}` };
const client = new MultiServerMCPClient({ mcpServers: { keyward: { url, headers } } });
const tools = await client.getTools(); // For createAgent({ model, tools })

// Without a model: one call.
const list = tools.find(({ name }) => name === 'list_credentials');
console.log(tools.length, 'tools;', JSON.stringify(await list?.invoke({})));
await client.close();
