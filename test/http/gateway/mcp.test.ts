/** MCP servers behind the gateway: real servers and clients of both SDK lines, as they work straight. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { Client as ClientTwo, StreamableHTTPClientTransport as TransportTwo } from '@modelcontextprotocol/client';
import { Client as ClientOne } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportOne } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { createMcpHandler, inputRequired, inputResponse, McpServer } from '@modelcontextprotocol/server';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { person } from '../../support/principals.ts';
import { type RestServer, startRest } from '../../support/servers/rest.ts';
import { type RemoteMcp, startRemoteMcp } from '../../support/servers/session-mcp.ts';

const token = 'sk-canary-of-a-remote-mcp-server';
const ann = person('acme', 'ann');

let remote: RemoteMcp;
let modern: Server;
let authorization: Server;
let folder: string;
let keyward: RestServer;
/** Tokens that the authorization server issued, of which the newest is good. */
let issued = 0;
const good = () => `at-canary-${issued}`;
let id: string;
let modernId: string;
let renewedId: string;

beforeAll(async () => {
  remote = await startRemoteMcp((given) => [`Bearer ${token}`, `Bearer ${good()}`].includes(given));
  modern = createServer(getRequestListener((request) => modernHandler.fetch(request)));
  authorization = createServer((_, answer) => {
    issued += 1;
    answer.writeHead(200, { 'content-type': 'application/json' });
    answer.end(JSON.stringify({ access_token: good(), token_type: 'Bearer', expires_in: 3600 }));
  });
  const [modernUrl, tokenUrl] = await Promise.all([modern, authorization].map(originOf));
  folder = await mkdtemp(join(tmpdir(), 'keyward-mcp-gateway-'));
  await writeFile(join(folder, 'remote.json'), JSON.stringify(definition(remote.url, `${tokenUrl}/token`)));
  const allowed = [remote.url, modernUrl ?? '', tokenUrl ?? ''].map((url) => new URL(url).host).join(',');
  keyward = await startRest(
    {
      KEYWARD_CONNECTORS_DIR: folder,
      KEYWARD_EGRESS_ALLOW: allowed,
      KEYWARD_RELEASE: 'allow',
      KEYWARD_AUTH_CUSTOM_REMOTE_CLIENT_ID: 'keyward',
      KEYWARD_AUTH_CUSTOM_REMOTE_CLIENT_SECRET: 'client-secret',
    },
    new Map([['ann', ann]]),
  );
  const create = async (input: Record<string, string>) =>
    String((await keyward.keyward.run('create_credential', input, { principal: ann })).credentialId);
  const bearer = { connectorId: 'mcp-server', authenticationType: 'bearer', token };
  id = await create({ ...bearer, serverUrl: remote.url, name: 'Tools' });
  modernId = await create({ ...bearer, serverUrl: `${modernUrl}/mcp?of=the-address`, name: 'Modern' });
  renewedId = await create({ connectorId: 'custom.remote', authenticationType: 'oauth2_client_credentials' });
});
afterAll(async () => {
  await keyward.close();
  await remote.close();
  for (const one of [modern, authorization]) {
    one.closeAllConnections();
    one.close();
  }
  await rm(folder, { recursive: true, force: true });
});

async function originOf(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function definition(baseUrl: string, tokenEndpoint: string) {
  return {
    id: 'custom.remote',
    name: 'Remote',
    categories: ['testing'],
    docsUrl: 'https://remote.example/docs',
    appUrl: 'https://remote.example/apps',
    api: { protocol: 'mcp', baseUrl, allowedHosts: [new URL(baseUrl).host] },
    auth: [{ authenticationType: 'oauth2_client_credentials', tokenEndpoint, scopes: [] }],
  };
}

/** A server of SDK 2.x, which speaks both eras. */
const modernHandler = createMcpHandler(() => {
  const server = new McpServer({ name: 'modern', version: '2' });
  const said = (text: string) => ({ content: [{ type: 'text' as const, text }] });
  server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, async ({ text }) => said(text));
  server.registerTool('ask', { inputSchema: z.object({}) }, async (_, { mcpReq }) => {
    const response = inputResponse(mcpReq.inputResponses, 'who');
    if (response.kind === 'elicit') return said(`asked ${String(response.content?.name)}`);
    const requestedSchema = { type: 'object' as const, properties: { name: { type: 'string' as const } } };
    return inputRequired({ inputRequests: { who: inputRequired.elicit({ message: 'Who?', requestedSchema }) } });
  });
  return server;
});

const at = (connection: string) => new URL(`${keyward.origin}/proxy/${connection}`);
const identity = { name: 'test', version: '1' };
const headers = () => ({ authorization: `Bearer ${keyward.token('ann')}` });

async function clientOne(connection: string) {
  const client = new ClientOne(identity, { capabilities: { elicitation: {}, sampling: {} } });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ann' } }));
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    role: 'assistant',
    model: 'none',
    content: { type: 'text', text: 'hi' },
  }));
  const transport = new TransportOne(at(connection), { requestInit: { headers: headers() } });
  await client.connect(transport as Transport);
  return { client, transport };
}

/** Lets the token of the connection seem to be an hour old, and refuses it from now on. */
async function revoke() {
  const { vault } = keyward.keyward.usual.broker;
  const record = await vault.get('credential', ann, renewedId);
  if (!record) throw new Error('The connection is gone.');
  const refreshedAt = Date.now() - 3_600_000;
  await vault.commit([{ op: 'update', kind: 'credential', record: { ...record, refreshedAt } }]);
  issued += 1;
}

describe('an MCP server behind the gateway', () => {
  it('works for a client of SDK 1.x: session, progress, elicitation, sampling, prompts, resources, end', async () => {
    const { client, transport } = await clientOne(id);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['echo', 'count', 'slow', 'ask', 'sample', 'late']);
    const echoed = await client.callTool({ name: 'echo', arguments: { text: token } });
    expect(echoed).toMatchObject({ structuredContent: { text: '[redacted]' }, content: [{ text: '[redacted]' }] });
    const progress: number[] = [];
    const onprogress = (one: { progress: number }) => void progress.push(one.progress);
    await client.callTool({ name: 'count', arguments: { to: 3 } }, undefined, { onprogress });
    expect(progress).toEqual([1, 2, 3]);
    expect(await client.callTool({ name: 'ask' })).toMatchObject({ content: [{ text: 'asked Ann' }] });
    const sampled = { content: [{ text: '{"type":"text","text":"hi"}' }] };
    expect(await client.callTool({ name: 'sample' })).toMatchObject(sampled);
    expect((await client.listPrompts()).prompts).toHaveLength(1);
    const greeting = { messages: [{ content: { text: 'Hello you' } }] };
    expect(await client.getPrompt({ name: 'greet', arguments: { who: 'you' } })).toMatchObject(greeting);
    expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(1);
    expect(await client.readResource({ uri: 'note:///7' })).toMatchObject({ contents: [{ text: 'of note:///7' }] });
    await transport.terminateSession();
    await expect(client.listTools()).rejects.toThrow();
    await client.close();
    expect(remote.seen.at(-2)).toMatchObject({ method: 'DELETE', headers: { 'mcp-session-id': expect.any(String) } });
  });

  it('carries notifications on a stream of its own, and a cancellation to the server', async () => {
    const { client } = await clientOne(id);
    const changed = new Promise((resolve) => client.setNotificationHandler(ToolListChangedNotificationSchema, resolve));
    await vi.waitUntil(() => remote.seen.at(-1)?.method === 'GET', { timeout: 10_000 });
    await vi.waitUntil(() => remote.streaming() > 0, { timeout: 10_000 });
    remote.sessions.at(-1)?.sendToolListChanged();
    expect(await changed).toMatchObject({ method: 'notifications/tools/list_changed' });
    const controller = new AbortController();
    const call = client.callTool({ name: 'slow' }, undefined, { signal: controller.signal });
    call.catch(() => {});
    await vi.waitUntil(() => remote.running() > 0, { timeout: 10_000 });
    controller.abort();
    await expect(call).rejects.toThrow();
    await vi.waitUntil(() => remote.cancelled() === 1, { timeout: 10_000 });
    await client.close();
  });

  it('lets a client resume a stream that broke off, by the last event that it saw', async () => {
    const { client, transport } = await clientOne(id);
    const session = { ...headers(), 'mcp-session-id': transport.sessionId ?? '', 'mcp-protocol-version': '2025-11-25' };
    const accept = 'application/json, text/event-stream';
    const call = {
      jsonrpc: '2.0',
      id: 'resumed',
      method: 'tools/call',
      params: { name: 'late', arguments: { text: 'x' } },
    };
    const gone = new AbortController();
    const first = await fetch(at(id), {
      method: 'POST',
      headers: { ...session, accept, 'content-type': 'application/json' },
      body: JSON.stringify(call),
      signal: gone.signal,
    });
    const begun = Buffer.from((await first.body?.getReader().read())?.value ?? []).toString();
    gone.abort();
    const [, last = ''] = /^id: (.+)$/m.exec(begun) ?? [];
    const resumed = await fetch(at(id), {
      headers: { ...session, accept: 'text/event-stream', 'last-event-id': last },
    });
    let text = '';
    for await (const piece of resumed.body ?? []) {
      text += Buffer.from(piece).toString();
      if (text.includes('"resumed"')) break;
    }
    expect(text).toContain('"text":"x"');
    expect(remote.seen.at(-1)?.headers).toMatchObject({ 'last-event-id': last });
    await client.close();
  });

  it.each(['legacy', '2026-07-28'] as const)(
    'works for a client of SDK 2.x and a server of SDK 2.x (%s)',
    async (era) => {
      const mode = era === 'legacy' ? era : { pin: era };
      const client = new ClientTwo(identity, { capabilities: { elicitation: {} }, versionNegotiation: { mode } });
      client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { name: 'Ann' } }));
      await client.connect(new TransportTwo(at(`${modernId}/`), { requestInit: { headers: headers() } }));
      expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['echo', 'ask']);
      expect(await client.callTool({ name: 'echo', arguments: { text: 'x' } })).toMatchObject({
        content: [{ text: 'x' }],
      });
      if (era !== 'legacy') {
        expect(await client.callTool({ name: 'ask', arguments: {} })).toMatchObject({
          content: [{ text: 'asked Ann' }],
        });
      }
      await client.close();
    },
  );

  it('renews a token that the server refuses in the middle, and sends message and stream again', async () => {
    const { client } = await clientOne(renewedId);
    expect((await client.listTools()).tools).not.toHaveLength(0);
    await vi.waitUntil(() => remote.streaming() > 0, { timeout: 10_000 });
    await revoke();
    const before = issued;
    expect(await client.callTool({ name: 'echo', arguments: { text: 'again' } })).toMatchObject({
      structuredContent: { text: 'again' },
    });
    expect(issued).toBe(before + 1);
    await client.close();
    await revoke();
    const { client: second } = await clientOne(renewedId);
    await revoke();
    const asked = remote.seen.length;
    remote.cut();
    // Refused once, and sent again with the new token.
    await vi.waitUntil(() => remote.seen.length >= asked + 2 && remote.streaming() > 0, { timeout: 10_000 });
    expect(remote.seen.at(-1)?.headers.authorization).toBe(`Bearer ${good()}`);
    await second.close();
  });
});
