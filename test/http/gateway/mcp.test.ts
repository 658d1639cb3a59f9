/** MCP servers behind the gateway: real servers and clients of both SDK lines, and what a hostile server may try. */
import { Client as ClientOne } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportOne } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { person } from '../../support/principals.ts';
import { type RemoteMcp, startRemoteMcp } from '../../support/servers/remote-mcp.ts';
import { type RestServer, startRest } from '../../support/servers/rest.ts';

const token = 'sk-canary-of-a-remote-mcp-server';
const ann = person('acme', 'ann');
const bob = person('acme', 'bob');

let remote: RemoteMcp;
let keyward: RestServer;
let id: string;
beforeAll(async () => {
  remote = await startRemoteMcp((authorization) => authorization === `Bearer ${token}`);
  keyward = await startRest(
    { KEYWARD_EGRESS_ALLOW: new URL(remote.url).host, KEYWARD_RELEASE: 'allow', KEYWARD_HOSTS_ALLOW: '' },
    new Map([
      ['ann', ann],
      ['bob', bob],
    ]),
  );
  id = await connectMcp(remote.url, 'Tools');
});
afterAll(async () => {
  await keyward.close();
  await remote.close();
});

async function connectMcp(serverUrl: string, name: string): Promise<string> {
  const input = { connectorId: 'mcp-server', authenticationType: 'bearer', serverUrl, token, name };
  return String((await keyward.keyward.run('create_credential', input, { principal: ann })).credentialId);
}

const at = (connection: string) => new URL(`${keyward.origin}/proxy/${connection}`);
const identity = { name: 'test', version: '1' };

async function clientOne(connection: string, who = 'ann') {
  const client = new ClientOne(identity, { capabilities: { elicitation: {}, sampling: {} } });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ann' } }));
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    role: 'assistant',
    model: 'none',
    content: { type: 'text', text: 'hi' },
  }));
  const headers = { authorization: `Bearer ${keyward.token(who)}` };
  const transport = new TransportOne(at(connection), { requestInit: { headers } });
  await client.connect(transport as Transport);
  return { client, transport };
}

describe('an MCP server behind the gateway', () => {
  it('works for a client of SDK 1.x: session, progress, elicitation, sampling, prompts, resources, end', async () => {
    const { client, transport } = await clientOne(id);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['echo', 'count', 'slow', 'ask', 'sample', 'late']);
    const echoed = await client.callTool({ name: 'echo', arguments: { text: 'x' } });
    expect(echoed).toMatchObject({ structuredContent: { text: 'x' } });
    const progress: number[] = [];
    await client.callTool({ name: 'count', arguments: { to: 3 } }, undefined, {
      onprogress: (one) => progress.push(one.progress),
    });
    expect(progress).toEqual([1, 2, 3]);
    expect(await client.callTool({ name: 'ask' })).toMatchObject({ content: [{ text: 'asked Ann' }] });
    expect(await client.callTool({ name: 'sample' })).toMatchObject({
      content: [{ text: '{"type":"text","text":"hi"}' }],
    });
    expect(await client.getPrompt({ name: 'greet', arguments: { who: 'you' } })).toMatchObject({
      messages: [{ content: { text: 'Hello you' } }],
    });
    expect(await client.readResource({ uri: 'note:///7' })).toMatchObject({ contents: [{ text: 'of note:///7' }] });
    await transport.terminateSession();
    await client.close();
  });
});
