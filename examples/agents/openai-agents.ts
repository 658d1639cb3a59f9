import { Agent, MCPServerStreamableHttp } from '@openai/agents';

const { MCP_URL: url = 'http://127.0.0.1:7355/mcp', MCP_TOKEN } = process.env;
const headers = { Authorization: `Bearer ${MCP_TOKEN}` };
const keyward = new MCPServerStreamableHttp({ name: 'keyward', url, requestInit: { headers } });
await keyward.connect();
const agent = new Agent({ name: 'Assistant', mcpServers: [keyward] }); // For run(agent, '…')

// Without a model: one call.
const tools = await agent.getMcpTools({} as never);
console.log(tools.length, 'tools;', JSON.stringify(await keyward.callTool('list_credentials', {})));
await keyward.close();
