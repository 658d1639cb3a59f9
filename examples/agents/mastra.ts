import { MCPClient } from '@mastra/mcp';

const { MCP_URL = 'http://127.0.0.1:7355/mcp', MCP_TOKEN } = process.env;
const requestInit = { headers: { Authorization: `Bearer ${MCP_TOKEN}` } };
const client = new MCPClient({ servers: { keyward: { url: new URL(MCP_URL), requestInit } } });
const tools = await client.listTools(); // For new Agent({ …, tools })

// Without a model: one call.
const answer = await tools.keyward_list_credentials?.execute?.({}, {} as never);
console.log(Object.keys(tools).length, 'tools;', JSON.stringify(answer));
await client.disconnect();
