import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const { MCP_URL = 'http://127.0.0.1:7355/mcp', MCP_TOKEN = '' } = process.env;
const requestInit = { headers: { authorization: `Bearer ${MCP_TOKEN}` } };
const client = new Client({ name: 'my-agent', version: '1.0.0' });
await client.connect(new StreamableHTTPClientTransport(new URL(MCP_URL), { requestInit }));

// For the model: hand it these tools, and run what it picks with `keyward`.
const { tools } = await client.listTools();
console.log(`Tools: ${tools.map(({ name }) => name).join(', ')}`);

async function keyward(name: string, args: Record<string, unknown> = {}) {
  const { structuredContent, content, isError } = await client.callTool({ name, arguments: args });
  // The text says what went wrong and what to do next: show it to the model as it is.
  if (isError) throw new Error(content[0]?.type === 'text' ? content[0].text : name);
  return structuredContent as Record<string, unknown>;
}

// For the program itself: use the connection that is there, or have the person make one.
const [connectorId = 'github', authenticationType = 'oauth2'] = process.argv.slice(2);
const { credentials } = await keyward('list_credentials', { connectorId });
let { credentialId } = (credentials as { credentialId?: unknown }[])[0] ?? {};
if (credentialId === undefined) {
  const { oauthUrl, connectUrl, attemptId } = await keyward('create_credential', { connectorId, authenticationType });
  console.log(`Open this link and finish there: ${oauthUrl ?? connectUrl}`);
  for (let status: unknown = 'pending'; status === 'pending'; ) {
    ({ status, credentialId } = await keyward('check_attempt', { attemptId, waitSeconds: 50 }));
  }
}
console.log(await keyward('verify_credential', { credentialId }));
await client.close();
