/** `keyward mcp`: real clients of both SDK lines on stdio, and real MCP servers of both behind the vault. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client as ClientTwo } from '@modelcontextprotocol/client';
import { StdioClientTransport as StdioTwo } from '@modelcontextprotocol/client/stdio';
import { Client as ClientOne } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as StdioOne } from '@modelcontextprotocol/sdk/client/stdio.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createCredential } from '../../src/broker/connect/create.ts';
import { localPrincipal } from '../../src/principal.ts';
import { type CommandLine, commandLineWith } from '../support/clients/command-line.ts';
import { keywardMain } from '../support/clients/mcp-clients.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../support/servers/authorization-server.ts';
import { type HttpServer, startHttpServer } from '../support/servers/http-server.ts';
import { type SessionServer, startModernServer, startSessionServer } from '../support/servers/mcp-servers.ts';

const token = 'mcp-canary-token-0123456789';
const bearer = (authorization: string) => authorization === `Bearer ${token}`;

let session: SessionServer;
let modern: Awaited<ReturnType<typeof startModernServer>>;
let issuer: AuthorizationServer;
let expiring: SessionServer;
/** Answers as the test says. */
let plain: HttpServer;
let answerPlain: Parameters<typeof startHttpServer>[0] = (_, response) => void response.writeHead(404).end();
let commands: CommandLine;
let folder: string;
const ids: Record<string, string> = {};

beforeAll(async () => {
  session = await startSessionServer(bearer);
  modern = await startModernServer(bearer);
  plain = await startHttpServer((...asked) => answerPlain(...asked));
  issuer = await startAuthorizationServer({ accessTokenTtl: 6 });
  expiring = await startSessionServer((authorization) => issuer.isActive(authorization.replace('Bearer ', '')));
  folder = await mkdtemp(join(tmpdir(), 'keyward-mcp-connectors-'));
  await writeFile(join(folder, 'custom.expiring.json'), JSON.stringify(expiringDefinition()));
  const hosts = [session.host, modern.host, plain.host, expiring.host, new URL(issuer.issuer).host];
  commands = await commandLineWith({
    KEYWARD_EGRESS_ALLOW: hosts.join(','),
    KEYWARD_CONNECTORS_DIR: folder,
    KEYWARD_RELEASE: 'allow',
    KEYWARD_AUTH_CUSTOM_EXPIRING_CLIENT_ID: 'keyward',
    KEYWARD_AUTH_CUSTOM_EXPIRING_CLIENT_SECRET: 'keyward-secret',
  });
  await commands.fill(async (broker) => {
    const connect = async (name: string, input: Record<string, unknown>) => {
      const asked = { connectorId: 'mcp-server', authenticationType: 'bearer', name, ...input };
      const made = await createCredential(broker, localPrincipal, asked as never, { obtainedBy: 'rest' });
      ids[name] = made.kind === 'created' ? made.credentialId : '';
    };
    await connect('session', { serverUrl: session.url, token });
    await connect('modern', { serverUrl: modern.url, token });
    await connect('plain', { serverUrl: `${plain.origin}/mcp`, token });
    await connect('expiring', { connectorId: 'custom.expiring', authenticationType: 'oauth2_client_credentials' });
  });
});
afterAll(async () => {
  await Promise.all([session.close(), modern.close(), plain.close(), expiring.close(), issuer.close()]);
  await commands.remove();
  await rm(folder, { recursive: true, force: true });
});

function expiringDefinition() {
  return {
    id: 'custom.expiring',
    name: 'Expiring',
    categories: ['testing'],
    docsUrl: 'https://expiring.example/docs',
    appUrl: 'https://expiring.example/apps',
    api: { protocol: 'mcp', baseUrl: expiring.url, allowedHosts: [expiring.host], verify: null },
    auth: [
      {
        authenticationType: 'oauth2_client_credentials',
        tokenEndpoint: `${issuer.issuer}/token`,
        scopes: [],
      },
    ],
  };
}

const launch = (name: string) => ({
  command: process.execPath,
  args: [keywardMain, 'mcp', ids[name] ?? name],
  env: { ...commands.env },
  stderr: 'pipe' as const,
});

/** A client of SDK 1.x that can do everything, and what it was told. */
async function one(name: string) {
  const transport = new StdioOne(launch(name));
  const capabilities = { elicitation: {}, sampling: {}, roots: { listChanged: true } };
  const client = new ClientOne({ name: 'SDK one', version: '1' }, { capabilities });
  const changes: string[] = [];
  client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: { colour: 'green' } }));
  client.setRequestHandler(CreateMessageRequestSchema, async () => ({
    role: 'assistant',
    model: 'm',
    content: { type: 'text', text: 'thought' },
  }));
  client.setRequestHandler(ListRootsRequestSchema, async () => ({ roots: [{ uri: 'file:///work' }] }));
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes.push('tools'));
  await client.connect(transport);
  return { client, transport, changes };
}

async function two(name: string, mode: 'legacy' | { pin: string }) {
  const transport = new StdioTwo(launch(name));
  const capabilities = { elicitation: { form: {} } };
  const client = new ClientTwo({ name: 'SDK two', version: '2' }, { capabilities, versionNegotiation: { mode } });
  client.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content: { colour: 'red' } }));
  await client.connect(transport);
  return { client, transport };
}

const textOf = (result: unknown) => (result as { content: { text: string }[] }).content[0]?.text;
const echo = (words: string) => ({ name: 'echo', arguments: { words } });

/** `keyward mcp` by hand: lines in, lines out. */
function raw(name: string) {
  const child = commands.start(['mcp', ids[name] ?? name], { stdio: 'pipe' });
  const lines: string[] = [];
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => lines.push(line));
  const send = (text: string) => child.stdin?.write(`${text}\n`);
  const told = (part: string) =>
    vi.waitFor(
      () => {
        const found = lines.find((line) => line.includes(part));
        if (found === undefined) throw new Error(`${part} is not among ${lines.join('\n')}; ${stderr}`);
        return found;
      },
      { timeout: 15_000, interval: 20 },
    );
  return { child, lines, send, told, stderr: () => stderr };
}

describe('a server with sessions', () => {
  it('230. is served whole to a client of SDK 1.x on stdio: tools, prompts, resources, and requests both ways', async () => {
    const { client, changes } = await one('session');
    expect(client.getServerVersion()).toMatchObject({ name: 'remote' });
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo');
    expect(textOf(await client.callTool(echo('häh\u2028')))).toBe('häh\u2028');
    expect((await client.getPrompt({ name: 'greet', arguments: { name: 'Ann' } })).messages[0]?.content).toMatchObject({
      text: 'Hello Ann',
    });
    expect((await client.readResource({ uri: 'note://one' })).contents).toMatchObject([{ text: 'a note' }]);
    const progress: number[] = [];
    const onprogress = (told: { progress: number }) => void progress.push(told.progress);
    expect(textOf(await client.callTool({ name: 'count' }, undefined, { onprogress }))).toBe('counted');
    expect(progress).toEqual([1, 2, 3]);
    expect(textOf(await client.callTool({ name: 'ask' }))).toContain('green');
    expect(textOf(await client.callTool({ name: 'think' }))).toContain('thought');
    expect(textOf(await client.callTool({ name: 'where' }))).toContain('file:///work');
    await vi.waitFor(() => expect(session.asked.some(({ method }) => method === 'GET')).toBe(true));
    session.addTool('new-one');
    await vi.waitFor(() => expect(changes).toEqual(['tools']));
    await client.close();
    // Keyward itself had one when it was connected.
    await vi.waitFor(() => expect(session.ended).toHaveLength(2));
    expect(await commands.audit()).toContain('SDK one');
  });

  it('230. is served to a client of SDK 2.x that speaks 2025-11-25', async () => {
    const { client } = await two('session', 'legacy');
    expect(textOf(await client.callTool(echo('two')))).toBe('two');
    expect(textOf(await client.callTool({ name: 'ask' }))).toContain('red');
    await client.close();
  });

  describe('and one client that stays', () => {
    let stays: Awaited<ReturnType<typeof one>>;
    beforeAll(async () => {
      stays = await one('session');
    });
    afterAll(() => stays.client.close());

    it('231. a slow call keeps nobody waiting, and is cancelled at the server when its client says so', async () => {
      const { client } = stays;
      const stop = new AbortController();
      const call = { name: 'wait', arguments: { name: 'slow' } };
      const slow = client.callTool(call, undefined, { signal: stop.signal }).catch((error) => error);
      expect(textOf(await client.callTool(echo('quick')))).toBe('quick');
      stop.abort();
      expect(await slow).toBeInstanceOf(Error);
      await vi.waitFor(() => expect(session.cancelled).toContain('slow'));
      expect(textOf(await client.callTool(echo('after')))).toBe('after');
    });

    it('232. an answer whose stream the server cut is taken up where it was, once', async () => {
      const { client } = stays;
      expect(textOf(await client.callTool({ name: 'later' }))).toBe('resumed');
      expect(session.asked.at(-1)?.headers['last-event-id']).toBeTypeOf('string');
    });

    it('233. a session that the server forgot is begun again, with what the client had set, and nobody notices', async () => {
      const { client, changes } = stays;
      await client.subscribeResource({ uri: 'note://one' });
      const before = session.asked.length;
      session.forget();
      expect(textOf(await client.callTool(echo('again')))).toBe('again');
      expect(session.sessions()).toHaveLength(1);
      expect(session.subscribed.slice(-2)).toEqual(['note://one', 'note://one']);
      await vi.waitFor(() => expect(session.asked.slice(before).map(({ method }) => method)).toContain('GET'));
      session.addTool('after-it');
      await vi.waitFor(() => expect(changes).toEqual(['tools']));
    });

    it('234. a server that goes away fails calls in words, and works again when it is back', async () => {
      const { client } = stays;
      await session.stop();
      const failed = await client.callTool(echo('gone'));
      expect(failed).toMatchObject({ isError: true });
      expect(textOf(failed)).toMatch(/^127\.0\.0\.1:\d+ did not answer: it refused the connection\. Try again/);
      await expect(client.listTools()).rejects.toThrow('did not answer');
      await session.start();
      expect(textOf(await client.callTool(echo('back')))).toBe('back');
    });
  });

  it('235. a token that expires is renewed in the middle, for several processes on one connection', async () => {
    const begun = Date.now();
    const before = issuer.calls.client_credentials ?? 0;
    const renewals = () => (issuer.calls.client_credentials ?? 0) - before;
    const clients = await Promise.all([one('expiring'), one('expiring')]);
    // The first one is that of the handshakes, where the token that connected is too old already.
    const calls = clients.map(async ({ client }) => {
      for (let done = 0; renewals() < 2; done += 1) {
        expect(textOf(await client.callTool(echo(`${done}`)))).toBe(`${done}`);
      }
    });
    await Promise.all(calls);
    // A token that lives six seconds is renewed after three, by one process for all.
    expect(renewals()).toBeLessThanOrEqual((Date.now() - begun) / 3_000 + 2);
    await Promise.all(clients.map(({ client }) => client.close()));
  });

  it('236. ends with its client, or when it is told to, and ends the session; a kill harms no other', async () => {
    const ways = ['end', 'SIGTERM', 'SIGINT', 'SIGKILL'] as const;
    const [stays, ...others] = await Promise.all([one('session'), ...ways.map(() => one('session'))]);
    const before = session.ended.length;
    const codes = await Promise.all(
      others.map(async ({ transport }, at) => {
        const { _process: child } = transport as unknown as { _process: ChildProcess };
        const exited = once(child, 'exit');
        if (ways[at] === 'end') child.stdin?.end();
        else child.kill(ways[at]);
        return (await exited)[0];
      }),
    );
    expect(codes).toEqual([0, 0, 0, null]);
    expect(session.ended.length).toBe(before + 3);
    expect(textOf(await stays.client.callTool(echo('here')))).toBe('here');
    await stays.client.close();
  });
});

describe('a server without sessions (2026-07-28)', () => {
  it('230. is served to a client of SDK 2.x: tools with arguments in headers, questions, cancelling, changes', async () => {
    const { client } = await two('modern', { pin: '2026-07-28' });
    expect(textOf(await client.callTool(echo('ünï')))).toBe('ünï');
    expect(modern.asked.at(-1)?.headers).toMatchObject({
      'mcp-method': 'tools/call',
      'mcp-name': 'echo',
      'mcp-protocol-version': '2026-07-28',
      'mcp-param-words': '=?base64?w7xuw68=?=',
    });
    expect(textOf(await client.callTool({ name: 'ask' }))).toContain('red');
    const stop = new AbortController();
    const slow = client.callTool({ name: 'wait', arguments: { name: 'modern' } }, { signal: stop.signal });
    await expect(client.listTools()).resolves.toBeDefined();
    stop.abort();
    await expect(slow).rejects.toThrow();
    await vi.waitFor(() => expect(modern.cancelled).toContain('modern'));
    await client.close();
  });

  it('230. falls back to the handshake where the server knows no other', async () => {
    const { client } = await two('session', { pin: '2026-07-28' }).catch(() => two('session', 'legacy'));
    expect(textOf(await client.callTool(echo('older')))).toBe('older');
    await client.close();
  });
});

describe('messages', () => {
  const json = { 'content-type': 'application/json' };
  const initialize =
    '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}';

  it('237. pass as they are written: big numbers, unknown fields, their order', async () => {
    answerPlain = ({ body }, response) => {
      const id = /"id":([^,}]+)/.exec(body)?.[1];
      const pretty = `{\n  "jsonrpc": "2.0",\n  "unknown": 1.0,\n  "id": ${id},\n  "result": {"n": 12345678901234567890, "b": 1e2}\n}`;
      response.writeHead(200, json).end(pretty);
    };
    const { send, told, child } = raw('plain');
    const line =
      '{"z":1.50,"jsonrpc":"2.0","id":9007199254740993,"method":"x/y","params":{"big":10000000000000000001}}';
    send(line);
    const told1 = await told('9007199254740993');
    expect(told1).toBe(
      '{   "jsonrpc": "2.0",   "unknown": 1.0,   "id": 9007199254740993,   "result": {"n": 12345678901234567890, "b": 1e2} }',
    );
    expect(plain.seen.at(-1)?.body).toBe(line);
    send('not json');
    expect(await told('-32700')).toContain('"id":null');
    child.stdin?.end();
  });

  it('238. what the server refuses is answered in words with the next step, and nothing of it ends the process', async () => {
    const answers: Record<string, [number, Record<string, string>, string]> = {
      a401: [401, { 'www-authenticate': 'Bearer error="invalid_token"' }, ''],
      a403: [403, { 'www-authenticate': 'Bearer error="insufficient_scope", scope="issues:write"' }, ''],
      a404: [404, {}, '<html>'],
      a429: [429, { 'retry-after': '7' }, ''],
      a500: [500, json, '{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"Broken."}}'],
      html: [200, { 'content-type': 'text/html' }, '<html>'],
      cut: [200, { 'content-type': 'text/event-stream' }, ': nothing\n\n'],
    };
    answerPlain = ({ body }, response) => {
      const [status, headers, text] = answers[JSON.parse(body).params.name] ?? [200, {}, ''];
      response.writeHead(status, headers).end(text);
    };
    const { send, told, child, stderr } = raw('plain');
    for (const name of Object.keys(answers)) {
      send(JSON.stringify({ jsonrpc: '2.0', id: name, method: 'tools/call', params: { name } }));
    }
    expect(await told('"a401"')).toMatch(/has to be connected again: .*keyward connect --reconnect/);
    expect(await told('"a403"')).toContain('wants more rights than the token of “plain” has: issues:write');
    expect(await told('"a404"')).toContain('Those of the older transport');
    expect(await told('"a429"')).toContain('Wait 7 s');
    expect(await told('"a500"')).toContain('answered with status 500. It says “Broken.”');
    expect(await told('"html"')).toContain('answered with something else than an answer to this');
    expect(await told('"cut"')).toContain('ended its answer before it was complete');
    expect(child.exitCode).toBeNull();
    child.stdin?.end();
    expect(stderr()).not.toContain(token);
  });

  it('238. a connection that there is not is told on stderr, and one that is deleted meanwhile in an answer', async () => {
    const none = await commands.run(['mcp', 'no-such']);
    expect(none).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('There is no connection') });
    answerPlain = (_, response) => void response.writeHead(200, json).end('{"jsonrpc":"2.0","id":0,"result":{}}');
    const { send, told, child } = raw('plain');
    send(initialize);
    await told('"result"');
    expect(await commands.run(['rm', 'plain', '--yes'])).toMatchObject({ code: 0 });
    send('{"jsonrpc":"2.0","id":"after","method":"ping"}');
    expect(await told('"after"')).toContain('"code":"not_found"');
    child.stdin?.end();
  });
});

describe('its lines', () => {
  it('239. are listed, and written into the files of clients under a name that a person knows', async () => {
    const listed = await commands.run(['mcp', '--json']);
    const { servers } = JSON.parse(listed.stdout);
    const own = servers.find(({ name }: { name: string }) => name === 'session');
    expect(own.start).toMatchObject({ command: process.execPath, args: [keywardMain, 'mcp', ids.session] });
    expect((await commands.run(['mcp'])).stdout).toContain(`mcp ${ids.session}`);

    const home = commands.env.HOME ?? '';
    const file = join(home, '.cursor', 'mcp.json');
    await mkdir(join(home, '.cursor'));
    const setup = (...args: string[]) => commands.run(['setup', 'cursor', '--mcp', 'session', '--yes', ...args]);
    expect((await setup()).code).toBe(0);
    const { command, args, env } = JSON.parse(await readFile(file, 'utf8')).mcpServers.session;
    const client = new ClientOne({ name: 'written', version: '1' });
    await client.connect(new StdioOne({ command, args, env: { ...commands.env, ...env }, stderr: 'ignore' }));
    expect(textOf(await client.callTool(echo('written')))).toBe('written');
    await client.close();
    const status = await commands.run(['status']);
    expect(status.stdout).toContain(`mcp ${ids.session}`);
    expect(status.stdout).toContain(`/proxy/${ids.session}`);
    expect((await setup('--remove')).code).toBe(0);
    await expect(readFile(file)).rejects.toThrow('ENOENT');
  });
});
