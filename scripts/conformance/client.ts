/**
 * The client of the conformance suite's scenarios about signing in: Keyward connects the server whose address is the last
 * argument, a person goes through the pages, and the server is then used through the connection. The suite watches what
 * its own authorization server and MCP server were asked.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { connectClient, freePort, keywardMain, type TestClient } from '../../test/support/clients/mcp-clients.ts';
import { followLink } from '../../test/support/clients/person.ts';

const serverUrl = process.argv.at(-1) ?? '';
const revision = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION ?? '2025-11-25';
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}') as Readonly<Record<string, string>>;

/** The document that the suite's authorization server takes without reading it. */
const documentUrl = 'https://conformance-test.local/client-metadata.json';

const home = await mkdtemp(join(tmpdir(), 'keyward-conformance-client-'));
const transport = new StdioClientTransport({
  command: process.execPath,
  args: [keywardMain, 'stdio'],
  env: {
    PATH: process.env.PATH ?? '',
    KEYWARD_HOME: home,
    KEYWARD_KEY: randomBytes(32).toString('base64'),
    KEYWARD_PORT: `${await freePort()}`,
    KEYWARD_EGRESS_ALLOW: 'localhost,127.0.0.1',
    KEYWARD_RELEASE: 'allow',
    ...(process.env.MCP_CONFORMANCE_SCENARIO === 'auth/basic-cimd' && { KEYWARD_CLIENT_METADATA_URL: documentUrl }),
  },
  stderr: 'inherit',
});
const keyward = await connectClient('sdk1', transport);
try {
  const credentialId = await connect(keyward, {});
  await use(keyward, credentialId);
} finally {
  await keyward.close();
  await rm(home, { recursive: true, force: true });
}

/** Connects the server, or connects it again, and answers the id. */
async function connect(client: TestClient, more: Readonly<Record<string, unknown>>): Promise<string> {
  const made = await client.get('create_credential', {
    connectorId: 'mcp-server',
    authenticationType: 'oauth2',
    serverUrl,
    ...more,
  });
  const link = String(made.oauthUrl ?? made.connectUrl);
  const { step, page } = await followLink(link, {
    fields: { clientId: context.client_id ?? '', clientSecret: context.client_secret ?? '' },
  });
  if (step !== 'completed') throw new Error(`The sign-in ended with ${step}: ${textOf(page)}`);
  const { credentialId } = await client.get('check_attempt', { attemptId: made.attemptId });
  return String(credentialId);
}

/** Lists the tools and calls the first one, as the revision wants it. */
async function use(client: TestClient, connectionId: string): Promise<void> {
  const send = sender(client, connectionId);
  if (revision < '2026') {
    await send('initialize', {
      protocolVersion: revision,
      capabilities: {},
      clientInfo: { name: 'suite', version: '1' },
    });
    await send('notifications/initialized', undefined);
  }
  const listed = await send('tools/list', {});
  const [tool] = (listed?.tools ?? []) as readonly { readonly name: string }[];
  if (tool !== undefined) await send('tools/call', { name: tool.name, arguments: {} });
}

type Result = Readonly<Record<string, unknown>> | undefined;

function sender(client: TestClient, connectionId: string) {
  let id = 0;
  let session: string | undefined;
  return async function send(method: string, params: Record<string, unknown> | undefined, tries = 2): Promise<Result> {
    id += 1;
    const notification = method.startsWith('notifications/');
    const modern = revision >= '2026';
    const meta = {
      'io.modelcontextprotocol/protocolVersion': revision,
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': { name: 'suite', version: '1' },
    };
    const { data: answer, error } = await client.call('call_api', {
      connectionId,
      method: 'POST',
      path: '/',
      headers: {
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': revision,
        ...(session !== undefined && { 'mcp-session-id': session }),
        ...(modern && { 'mcp-method': method, ...(typeof params?.name === 'string' && { 'mcp-name': params.name }) }),
      },
      body: {
        jsonrpc: '2.0',
        ...(!notification && { id }),
        method,
        ...(params !== undefined && { params: modern ? { ...params, _meta: meta } : params }),
      },
    });
    const again = error?.code === 'reconnect_required' || answer?.status === 401;
    if (again && tries > 0) {
      await connect(client, { credentialId: connectionId });
      return send(method, params, tries - 1);
    }
    if (answer === undefined) throw new Error(`${method} failed: ${JSON.stringify(error)}`);
    const headers = answer.headers as Readonly<Record<string, string>>;
    session ??= headers['mcp-session-id'];
    const message = messageOf(answer.body);
    const missing = /scopes?[^"]*?: ([\w:. -]+)/i.exec(JSON.stringify(answer.body))?.[1];
    if ((answer.status === 403 || missing !== undefined) && tries > 0) {
      await connect(client, { credentialId: connectionId, scopes: missing ?? 'mcp:write' });
      return send(method, params, tries - 1);
    }
    return message?.result as Result;
  };
}

/** The message of a body: JSON, or the last event. */
function messageOf(body: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof body === 'object' && body !== null) return body as Readonly<Record<string, unknown>>;
  const events = [...String(body).matchAll(/^data: ?(\{.*\})$/gm)];
  const last = events.at(-1)?.[1];
  return last === undefined ? undefined : (JSON.parse(last) as Readonly<Record<string, unknown>>);
}

function textOf(page: string): string {
  return page
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .slice(0, 600);
}
