/** Tokens with limits, at every door of HTTP mode: what is outside does not exist for them. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listCredentials } from '../../src/broker/credentials/manage.ts';
import { person } from '../support/principals.ts';
import { type EchoEnv, echoConnector, echoEnv } from '../support/servers/echo-connector.ts';
import { type HttpServer, startHttpServer } from '../support/servers/http-server.ts';
import { type Answer, type RestServer, startRest } from '../support/servers/rest.ts';
import { type RemoteMcp, startRemoteMcp } from '../support/servers/session-mcp.ts';

/** Requests that are generated. */
const runs = 120;
/** In the name and the secret of every connection that the tokens below must not reach. */
const canary = 'hidden-canary';
const other = 'custom.other';
const odd = 'custom.odd';
const client = 'custom.client';
const ann = person('acme', 'ann');

let api: HttpServer;
let echo: EchoEnv;
let remote: RemoteMcp;
let keyward: RestServer;
/** The secrets that the service was called with. */
const used: string[] = [];
const open: string[] = [];
const hidden: string[] = [];
let oddId: string;
let mcpId: string;

const bearer = (id: string, origin: string, more: object = {}) => ({
  ...{ id, name: id, categories: ['testing'], docsUrl: 'https://a.example', appUrl: 'https://a.example' },
  api: { baseUrl: `${origin}/v1`, allowedHosts: [new URL(origin).host], ...more },
  auth: [{ authenticationType: 'bearer' }],
});

beforeAll(async () => {
  api = await startHttpServer((request, response) => {
    used.push(String(request.headers.authorization));
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ at: request.url }));
  });
  remote = await startRemoteMcp(() => true);
  const oauth2 = {
    authenticationType: 'oauth2',
    authorizationEndpoint: `${api.origin}/auth`,
    tokenEndpoint: `${api.origin}/token`,
  };
  echo = await echoEnv(
    api.origin,
    [new URL(remote.url).host],
    [
      bearer(other, api.origin),
      bearer(odd, api.origin, { unsafeGet: true }),
      { ...bearer(client, api.origin), auth: [oauth2] },
    ],
  );
  keyward = await startRest(echo.env, new Map([['ann', ann]]));
  const connect = async (connectorId: string, name: string, more: object = {}) => {
    const input = { connectorId, authenticationType: 'bearer', token: `${name}-0123456789-secret`, name, ...more };
    return String((await keyward.keyward.run('create_credential', input, { principal: ann })).credentialId);
  };
  for (let at = 0; at < 6; at += 1) {
    hidden.push(await connect(echoConnector, `${canary}-${at}`));
    if (at < 2) open.push(await connect(other, `open-${at}`));
    hidden.push(await connect(other, `${canary}-of-other-${at}`));
  }
  oddId = await connect(odd, 'odd');
  mcpId = await connect('mcp-server', 'mcp', { serverUrl: remote.url });
  hidden.push(oddId, mcpId);
  await keyward.letIn('chosen', { ...ann, limits: { connections: new Set(open) } });
  await keyward.letIn('service', { ...ann, limits: { connectors: new Set([echoConnector]) } });
  await keyward.letIn('both', {
    ...ann,
    limits: { connections: new Set([...open, oddId]), connectors: new Set([other]) },
  });
  await keyward.letIn('reader', { ...ann, limits: { readOnly: true } });
  await keyward.send('ann', 'POST', '/auth-configs', { body: { connectorId: client, clientId: 'app' } });
  used.length = 0;
});
afterAll(async () => {
  await keyward?.close();
  await Promise.all([api?.close(), remote?.close(), echo?.remove()]);
});

const post = (name: string, method: string, params: object, path = '/mcp') =>
  keyward.send(name, 'POST', path, {
    body: { jsonrpc: '2.0', id: 1, method, params },
    headers: { accept: 'application/json, text/event-stream' },
  });
const tool = (name: string, called: string, args: object) =>
  post(name, 'tools/call', { name: called, arguments: args });

/** Every door that takes an id, with what it needs besides. */
const byId: Readonly<Record<string, (name: string, id: string) => Promise<Answer>>> = {
  get: (name, connectionId) => tool(name, 'get_connection', { connectionId }),
  release: (name, connectionId) => tool(name, 'get_connection_credentials', { connectionId }),
  rename: (name, credentialId) => tool(name, 'update_credential', { credentialId, name: 'Taken' }),
  limit: (name, credentialId) => tool(name, 'update_credential', { credentialId, policy: { methods: ['GET'] } }),
  verify: (name, credentialId) => tool(name, 'verify_credential', { credentialId }),
  share: (name, connectionId) => tool(name, 'share_connection', { connectionId, with: 'user:bob', permission: 'use' }),
  call: (name, connectionId) => tool(name, 'call_api', { connectionId, method: 'GET', path: '/x' }),
  delete: (name, credentialId) => tool(name, 'delete_credential', { credentialId }),
  reconnect: (name, credentialId) =>
    tool(name, 'create_credential', {
      ...{ connectorId: other, authenticationType: 'bearer', token: 'another-0123456789-secret', credentialId },
    }),
  attempt: (name, id) => tool(name, 'check_attempt', { attemptId: id }),
  restGet: (name, id) => keyward.send(name, 'GET', `/connection/${id}`),
  restRelease: (name, id) => keyward.send(name, 'GET', `/connection/${id}/credentials`),
  restRename: (name, id) => keyward.send(name, 'PATCH', `/connection/${id}`, { body: { name: 'Taken' } }),
  restShare: (name, id) =>
    keyward.send(name, 'PUT', `/connection/${id}/shares`, { body: { with: 'user:bob', permission: 'view' } }),
  restDelete: (name, id) => keyward.send(name, 'DELETE', `/connection/${id}`),
  restReconnect: (name, credentialId) =>
    keyward.send(name, 'POST', `/connectors/${other}/credentials`, {
      body: { userId: 'ann', authenticationType: 'bearer', token: 'another-0123456789-secret', credentialId },
    }),
  gateway: (name, id) => keyward.send(name, 'GET', `/proxy/${id}/x`),
  gatewayPost: (name, id) => keyward.send(name, 'POST', `/proxy/${id}/x`, { body: {} }),
};

/** All of an answer but what differs in any two, without the id that was asked for. */
function bytesOf({ status, text, headers }: Answer, asked: string): string {
  const own = ['date', 'x-request-id', 'content-length', 'connection', 'keep-alive'];
  const shown = [...headers].filter(([name]) => !own.includes(name));
  return JSON.stringify([status, text, shown]).replaceAll(new RegExp(asked, 'gi'), '');
}

type Listed = { readonly credentials: readonly { readonly credentialId: string }[]; readonly nextCursor?: string };

/** Everything that is stored of these connections, as it is now. */
async function rowsOf(ids: readonly string[]) {
  const { vault } = keyward.keyward.usual.broker;
  return Promise.all(ids.map((id) => vault.get('credential', ann, id)));
}

describe('279. a token for two of many connections', () => {
  it('is answered at every door for any other id as for one that there is not, byte for byte, and reaches none', async () => {
    const before = await rowsOf(hidden);
    const request = fc.record({
      door: fc.constantFrom(...Object.keys(byId)),
      id: fc.constantFrom(...hidden),
      who: fc.constantFrom('chosen', 'both'),
      missing: fc.uuid({ version: 4 }),
      upper: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ door, id, who, missing, upper }) => {
        const send = byId[door];
        const [one, none] = [id, missing].map((text) => (upper ? text.toUpperCase() : text)) as [string, string];
        const answers = [await send?.(who, one), await send?.(who, none)] as [Answer, Answer];
        expect(bytesOf(answers[0], one), door).toBe(bytesOf(answers[1], none));
        expect(answers[0].text).toMatch(/not_found|not found|There is no connection|for some connections only/);
        expect(answers[0].text).not.toContain(canary);
      }),
      { numRuns: runs },
    );
    expect(await rowsOf(hidden)).toEqual(before);
    expect(used.join()).not.toContain(canary);
    // The doors are open: its own are behind them.
    for (const door of ['get', 'release', 'verify', 'call', 'restGet', 'restRelease', 'gateway']) {
      expect((await byId[door]?.('chosen', open[0] ?? ''))?.text, door).not.toMatch(/not_found|forbidden/);
    }
    expect(used.join()).toContain('open-0');
  });

  it('finds only them in lists of any page size and filter, and in no cursor a place of another', async () => {
    const own = new Set(open);
    for (const limit of [1, 2, 3, 100]) {
      for (const filter of [{}, { connectorId: other }, { connectorId: echoConnector }, { status: 'active' }]) {
        const seen: string[] = [];
        for (let cursor: string | undefined, page = 0; page < 5; page += 1) {
          const answer = await tool('chosen', 'list_credentials', {
            limit,
            ...filter,
            ...(cursor && { cursor }),
          });
          expect(answer.text).not.toContain(canary);
          const { credentials, nextCursor } = structured(answer) as Listed;
          seen.push(...credentials.map(({ credentialId }) => credentialId));
          cursor = nextCursor;
          if (cursor === undefined) break;
          const [, , place] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
          expect(own).toContain(place);
        }
        expect(seen, JSON.stringify(filter)).toEqual(
          'connectorId' in filter && filter.connectorId !== other ? [] : open,
        );
      }
    }
    for (const path of [
      `/connectors/${other}/credentials`,
      `/connectors/${echoConnector}/credentials`,
      '/api/credentials',
    ]) {
      expect((await keyward.send('chosen', 'GET', path)).text).not.toContain(canary);
    }
    expect((await keyward.send('chosen', 'GET', '/api/credentials')).body).toHaveLength(2);
    // As many as it has, wherever they stand among the others.
    const few = { ...ann, limits: { connectors: new Set([echoConnector]) } };
    const page = await listCredentials(keyward.keyward.usual.broker, few, { limit: 6 });
    expect([page.credentials.length, page.nextCursor]).toEqual([6, undefined]);
  });

  it('280. means its own by a word, whatever others it fits, also just after somebody without limits meant another', async () => {
    const word = async (name: string, text: string) => keyward.send(name, 'GET', `/proxy/${text}/x`);
    await keyward.letIn('first', { ...ann, limits: { connections: new Set(open.slice(0, 1)) } });
    // Without limits the word of this service fits eight.
    expect((await word('ann', other)).status).toBe(422);
    expect((await word('first', other)).status).toBe(200);
    expect((await word('ann', other)).status).toBe(422);
    expect((await word('ann', `${canary}-1`)).status).toBe(200);
    const [there, not] = [`${canary}-1`, `${canary}-x`];
    expect(bytesOf(await word('first', there), there)).toBe(bytesOf(await word('first', not), not));
  });
});

describe('281. an attempt', () => {
  it('to connect another again is as good as missing for a token with limits, by its id and its requestState', async () => {
    const again = { connectorId: other, authenticationType: 'bearer', credentialId: hidden[1] };
    const started = structured(await tool('ann', 'create_credential', again));
    const asked = String(started.attemptId);
    const none = randomUUID();
    for (const who of ['chosen', 'both', 'service']) {
      for (const send of [
        (id: string) => tool(who, 'check_attempt', { attemptId: id }),
        (id: string) => resume(who, again, id),
      ]) {
        const answer = await send(asked);
        expect(answer.text).toContain('not_found');
        expect(bytesOf(answer, asked)).toBe(bytesOf(await send(none), none));
      }
    }
    expect(structured(await tool('ann', 'check_attempt', { attemptId: asked }))).toEqual({ status: 'pending' });
  });
});

describe('282. a token with limits', () => {
  const made = { authenticationType: 'bearer', token: 'made-0123456789-secret' };

  it('makes no connection outside of them: none where connections were chosen, else one of its services', async () => {
    for (const [who, connectorId] of [
      ['chosen', other],
      ['both', other],
      ['service', other],
      ['service', odd],
    ] as const) {
      expect((await tool(who, 'create_credential', { ...made, connectorId })).text).toContain('forbidden');
      const body = { userId: 'ann', ...made };
      expect((await keyward.send(who, 'POST', `/connectors/${connectorId}/credentials`, { body })).status).toBe(403);
    }
    const { credentialId } = structured(
      await tool('service', 'create_credential', { ...made, connectorId: echoConnector }),
    );
    expect((await keyward.send('service', 'GET', `/connection/${credentialId}`)).status).toBe(200);
    expect((await keyward.send('service', 'GET', `/connection/${open[0]}`)).status).toBe(404);
  });

  it('gives no names: another program could mean its connection by one', async () => {
    const named = { ...made, connectorId: echoConnector, name: 'github' };
    expect((await tool('service', 'create_credential', named)).text).toContain('no names');
    for (const credentialId of [...open, randomUUID()]) {
      expect((await tool('chosen', 'update_credential', { credentialId, name: 'github' })).text).toContain('no names');
      const policy = { methods: ['GET', 'HEAD', 'OPTIONS', 'POST'] };
      const limited = await tool('chosen', 'update_credential', { credentialId, policy });
      expect(limited.text).toContain(open.includes(credentialId) ? '"policy"' : 'not_found');
    }
    expect((await rowsOf(open)).map((row) => row?.name)).toEqual(['open-0', 'open-1']);
  });

  it('does nothing that is about all of a user or a tenant: OAuth clients, the audit log, numbers, an end of a grant', async () => {
    for (const who of ['chosen', 'service', 'both']) {
      for (const [method, path, body] of [
        ['GET', '/auth-configs'],
        ['POST', '/auth-configs', { connectorId: client, clientId: 'mine' }],
        ['PATCH', `/auth-configs/${randomUUID()}`, { name: 'x' }],
        ['DELETE', `/auth-configs/${randomUUID()}`],
        ['GET', '/audit'],
        ['GET', '/metrics'],
        ['DELETE', `/connection/${open[0]}`],
      ] as const) {
        const answer = await keyward.send(who, method, path, body === undefined ? {} : { body });
        expect([answer.status, answer.text.includes(canary)], `${who} ${method} ${path}`).toEqual([403, false]);
      }
    }
    expect((await keyward.send('ann', 'GET', '/auth-configs')).body).toMatchObject({
      authConfigs: [{ clientId: 'app' }],
    });
    expect((await keyward.send('ann', 'GET', `/connection/${open[0]}`)).status).toBe(200);
  });

  it('is not told whether its user has an OAuth client for a service that it can’t connect', async () => {
    const path = `/connectors/${client}/credentials/metadata`;
    const needed = async (who: string) => (await keyward.send(who, 'GET', path)).body;
    expect(await needed('ann')).toMatchObject({ metadata: [{ authConfigRequired: false }] });
    expect(await needed('chosen')).toMatchObject({ metadata: [{ authConfigRequired: true }] });
    expect(await needed('service')).toMatchObject({ metadata: [{ authConfigRequired: true }] });
  });
});

describe('283. a token for reading only', () => {
  it('reads at services, and by no other method, and not where a GET may act', async () => {
    const id = open[0];
    const before = used.length;
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'MKCOL']) {
      expect((await keyward.send('reader', method, `/proxy/${id}/x`)).status, method).toBe(403);
      if (method === 'MKCOL') continue;
      expect((await tool('reader', 'call_api', { connectionId: id, method, path: '/x' })).text).toContain('forbidden');
    }
    for (const path of [`/proxy/${id}/x?_method=delete`, `/proxy/${id}/x?query=mutation{a}`, `/proxy/${oddId}/x`]) {
      expect((await keyward.send('reader', 'GET', path)).status, path).toBeGreaterThanOrEqual(400);
    }
    const headers = { 'x-http-method-override': 'DELETE' };
    await keyward.send('reader', 'GET', `/proxy/${id}/x`, { headers });
    expect(api.seen.at(-1)?.headers).not.toHaveProperty('x-http-method-override');
    expect(used.length - before).toBeLessThanOrEqual(1);
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      expect((await keyward.send('reader', method, `/proxy/${id}/x`)).status, method).toBe(200);
    }
    expect((await tool('reader', 'call_api', { connectionId: id, method: 'GET', path: '/x' })).text).toContain('/v1/x');
    expect((await keyward.send('ann', 'POST', `/proxy/${id}/x`, { body: {} })).status).toBe(200);
  });

  it('gets no raw secret, and changes nothing in Keyward', async () => {
    const id = String(open[0]);
    const before = await rowsOf(open);
    for (const door of ['release', 'rename', 'limit', 'share', 'delete', 'reconnect', 'restRelease', 'restRename']) {
      expect((await byId[door]?.('reader', id))?.text, door).toMatch(/for reading only/);
    }
    for (const door of ['restShare', 'restDelete', 'restReconnect']) {
      expect((await byId[door]?.('reader', id))?.status, door).toBe(403);
    }
    const made = { connectorId: other, authenticationType: 'bearer' };
    expect((await tool('reader', 'create_credential', { ...made, token: 'x' })).text).toContain('for reading only');
    expect((await tool('reader', 'create_credential', made)).text).toContain('for reading only');
    for (const [method, path, body] of [
      ['POST', '/auth-configs', { connectorId: client, clientId: 'mine' }],
      ['DELETE', `/auth-configs/${randomUUID()}`],
    ] as const) {
      expect((await keyward.send('reader', method, path, body ? { body } : {})).status).toBe(403);
    }
    const now = await rowsOf(open);
    expect(now.map((row) => ({ ...row, lastUsedAt: 0 }))).toEqual(before.map((row) => ({ ...row, lastUsedAt: 0 })));
    expect((await keyward.send('reader', 'GET', '/audit')).status).toBe(200);
    expect((await keyward.send('reader', 'GET', '/auth-configs')).status).toBe(200);
    expect((await tool('reader', 'verify_credential', { credentialId: id })).text).toContain('active');
  });

  it('284. lists and reads at an MCP server, is shown no tool, and calls none, whatever its policy allows', async () => {
    const place = `/proxy/${mcpId}`;
    const headers = { accept: 'application/json, text/event-stream' };
    const hello = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    };
    const session = async (who: string) => {
      const body = { jsonrpc: '2.0', id: 1, method: 'initialize', params: hello };
      const answer = await keyward.send(who, 'POST', place, { body, headers });
      const more = { ...headers, 'mcp-session-id': String(answer.headers.get('mcp-session-id')) };
      await keyward.send(who, 'POST', place, {
        body: { jsonrpc: '2.0', method: 'notifications/initialized' },
        headers: more,
      });
      return (method: string, params: object = {}) =>
        keyward.send(who, 'POST', place, { body: { jsonrpc: '2.0', id: 2, method, params }, headers: more });
    };
    const [reads, acts] = [await session('reader'), await session('ann')];
    const echoes = { name: 'echo', arguments: { text: 'said-by-the-tool' } };
    expect((await acts('tools/call', echoes)).text).toContain('said-by-the-tool');
    expect((await acts('tools/list')).text).toContain('"echo"');
    const policy = { tools: { allow: ['*', 'prompt:*', 'resource:*'], unseen: 'allow' } };
    for (const rules of [null, policy]) {
      const limited = await tool('ann', 'update_credential', { credentialId: mcpId, policy: rules });
      expect(limited.text).not.toContain('error');
      const called = await reads('tools/call', echoes);
      expect(called.text).toContain('for reading only');
      expect(called.text).not.toContain('said-by-the-tool');
      expect((await reads('tools/list')).text).not.toContain('"echo"');
      for (const method of ['tasks/cancel', 'tools/run', 'x']) {
        expect((await reads(method, { taskId: '1' })).text).toContain('for reading only');
      }
      expect((await reads('prompts/list')).text).toContain('"greet"');
      expect((await reads('prompts/get', { name: 'greet', arguments: { who: 'Ann' } })).text).toContain('Hello Ann');
      expect((await reads('resources/list')).text).toContain('"result"');
    }
  });
});

/** create_credential once more, with the state of an attempt as a client of 2026-07-28 sends it back. */
function resume(name: string, args: object, requestState: string): Promise<Answer> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': { elicitation: { url: {} } },
  };
  const inputResponses = { connect: { action: 'accept' } };
  const params = { name: 'create_credential', arguments: args, requestState, inputResponses, _meta };
  return keyward.send(name, 'POST', '/mcp', {
    body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params },
    headers: {
      ...{ accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28' },
      ...{ 'mcp-method': 'tools/call', 'mcp-name': 'create_credential' },
    },
  });
}

/** What a tool answered. */
function structured({ text }: Answer): Record<string, unknown> {
  const json = /^data: (.*)$/m.exec(text)?.[1] ?? text;
  return JSON.parse(json).result.structuredContent;
}
