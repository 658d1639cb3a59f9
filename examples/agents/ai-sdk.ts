import { createMCPClient } from '@ai-sdk/mcp';

const { MCP_URL: url = 'http://127.0.0.1:7355/mcp', MCP_TOKEN } = process.env;
const headers = { Authorization: `Bearer ${MCP_TOKEN}` };
const client = await createMCPClient({ transport: { type: 'http', url, headers } });
const tools = await client.tools(); // For generateText({ model, tools, … })

// Without a model: one call.
const answer = await tools.list_credentials?.execute({}, { toolCallId: '1', messages: [], context: undefined });
console.log(Object.keys(tools).length, 'tools;', JSON.stringify(answer));
await client.close();
