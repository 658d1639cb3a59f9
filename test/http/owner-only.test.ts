/** Owner only, over HTTP: what people of one tenant, of another and of none of it learn of each other. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestClient } from '../support/clients/mcp-clients.ts';
import { raw } from '../support/clients/raw-http.ts';
import { type Deployment, startDeployment } from '../support/servers/deployment.ts';
import { connectorId, goodApiKey } from '../support/world.ts';

let team: Deployment;
/** Ann, bob and cleo are of one organisation; dora is of another one. */
const organisation = (login: string): Record<string, string> => ({ org: login === 'dora' ? 'globex' : 'acme' });
const scopes = ['read', 'write', 'use', 'release', 'share'].map((name) => `credentials:${name}`);
const names = ['ann', 'bob', 'cleo', 'dora'] as const;
type Name = (typeof names)[number];

const tokens = new Map<Name, string>();
const clients = new Map<Name, TestClient>();

beforeAll(async () => {
  team = await startDeployment({
    issuer: { claims: organisation },
    env: {
      KEYWARD_TENANT_CLAIM: 'org',
      KEYWARD_SHARE_TENANTS: 'acme>globex',
      KEYWARD_REDIRECT_URIS: 'https://app.example/done',
    },
  });
  for (const name of names) {
    const token = await team.issuer.tokenFor(name, scopes);
    tokens.set(name, token);
    clients.set(name, await team.keyward.client('modern', token));
  }
});
afterAll(async () => {
  for (const client of clients.values()) await client.close();
  await team.close();
});

function as(name: Name): TestClient {
  const client = clients.get(name);
  if (!client) throw new Error('unreachable');
  return client;
}

async function connect(name: Name, label = 'Mine'): Promise<string> {
  const input = { connectorId, authenticationType: 'api_key', apiKey: goodApiKey, name: label };
  return String((await as(name).get('create_credential', input)).credentialId);
}

/** One REST request of this person. */
function rest(name: Name, method: string, path: string, body?: unknown) {
  const headers = { authorization: `Bearer ${tokens.get(name)}`, 'content-type': 'application/json' };
  return raw(team.keyward.origin, path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** Every tool that takes an id, with the arguments that it needs besides. */
const withId: readonly [tool: string, args: (id: string) => Record<string, unknown>][] = [
  ['get_connection', (connectionId) => ({ connectionId })],
  ['get_connection_credentials', (connectionId) => ({ connectionId })],
  ['update_credential', (credentialId) => ({ credentialId, name: 'Mine now' })],
  ['verify_credential', (credentialId) => ({ credentialId })],
  ['share_connection', (connectionId) => ({ connectionId, with: 'user:bob', permission: 'use' })],
  ['call_api', (connectionId) => ({ connectionId, method: 'GET', path: '/me' })],
  ['delete_credential', (credentialId) => ({ credentialId })],
  [
    'create_credential',
    (credentialId) => ({ connectorId, authenticationType: 'api_key', apiKey: goodApiKey, credentialId }),
  ],
];

const restWithId: readonly [method: string, path: (id: string) => string, body?: unknown][] = [
  ['GET', (id) => `/connection/${id}`],
  ['GET', (id) => `/connection/${id}/credentials`],
  ['PATCH', (id) => `/connection/${id}`, { name: 'Mine now' }],
  ['PUT', (id) => `/connection/${id}/shares`, { with: 'user:bob', permission: 'use' }],
  ['DELETE', (id) => `/connection/${id}`],
];

describe('an id', () => {
  it('7. of another owner is answered as a missing one is, byte for byte, whatever is to be done with it', async () => {
    const id = await connect('ann');
    const missing = randomUUID();
    for (const name of ['bob', 'dora'] as const) {
      for (const [tool, args] of withId) {
        const message = (of: string) =>
          JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: args(of) } });
        const token = tokens.get(name) ?? null;
        const foreign = await team.keyward.post(token, message(id));
        const absent = await team.keyward.post(token, message(missing));
        expect(foreign.body, tool).toContain('not_found');
        expect(foreign.body.replaceAll(id, ''), tool).toBe(absent.body.replaceAll(missing, ''));
      }
      for (const [method, path, body] of restWithId) {
        const foreign = await rest(name, method, path(id), body);
        const absent = await rest(name, method, path(missing), body);
        expect(foreign.status).toBe(404);
        expect({ ...foreign, body: foreign.body.replaceAll(id, ''), headers: sameHeaders(foreign.headers) }).toEqual({
          ...absent,
          body: absent.body.replaceAll(missing, ''),
          headers: sameHeaders(absent.headers),
        });
      }
    }
    expect(await as('ann').get('get_connection', { connectionId: id })).toMatchObject({ name: 'Mine', shares: [] });
  });

  it('13. in any other form than its own, capital letters apart, matches nothing, over MCP and REST', async () => {
    const id = await connect('ann');
    const forms = [
      `../${id}`,
      `${id}/../${id}`,
      encodeURIComponent(`../${id}`),
      id.replace('-', '%2d'),
      `${id}\u0000`,
      ` ${id}`,
      id.replaceAll('-', '\u2010'),
      id.replace(/[0-9]/, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
      id.slice(0, -1),
      '%2e%2e',
      '',
    ];
    for (const form of forms) {
      for (const [tool, args] of withId) {
        const { error } = await as('ann').call(tool, args(form));
        expect(error?.code, `${tool} ${form}`).toBe('invalid_input');
      }
      for (const place of [encodeURIComponent(form), encodeURIComponent(encodeURIComponent(form))]) {
        const { status, body } = await rest('ann', 'GET', `/connection/${place}/credentials`);
        expect([404, 422], form).toContain(status);
        expect(body).not.toContain(goodApiKey);
      }
    }
    for (const same of [id, id.toUpperCase()]) {
      const { body } = await rest('ann', 'GET', `/connection/${same}/credentials`);
      expect(JSON.parse(body)).toMatchObject({ data: { connection_id: id, credentials: { apiKey: goodApiKey } } });
      expect((await as('ann').get('get_connection', { connectionId: same })).credentialId).toBe(id);
      expect((await as('bob').call('get_connection', { connectionId: same })).error?.code).toBe('not_found');
    }
  });
});

/** What differs in any two answers. */
const own = ['date', 'content-length', 'x-request-id'];
const sameHeaders = (headers: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !own.includes(name)));

it('9. lists show nothing of another owner, by any filter, page or cursor: no row, no count, no name', async () => {
  for (let one = 0; one < 5; one += 1) {
    await connect('cleo', `Canary of cleo ${one}`);
    await connect('dora', `Canary of dora ${one}`);
  }
  for (const [mine, theirs] of [
    ['cleo', 'dora'],
    ['dora', 'cleo'],
  ] as const) {
    const seen: unknown[] = [];
    for (let cursor: unknown, page = 0; page < 10; page += 1) {
      const answer = await as(mine).get('list_credentials', { limit: 2, ...(cursor ? { cursor } : {}) });
      seen.push(...(answer.credentials as unknown[]));
      cursor = answer.nextCursor;
      if (cursor === undefined) break;
      // The cursor of another person leads to one's own rows at most.
      const stolen = await as(theirs).get('list_credentials', { limit: 50, cursor });
      expect(JSON.stringify(stolen)).not.toContain(`Canary of ${mine}`);
    }
    expect(seen).toHaveLength(5);
    const filters = [{ connectorId }, { status: 'active' }, { userId: mine }, { connectorId, status: 'active' }];
    for (const filter of filters) {
      seen.push(...((await as(mine).get('list_credentials', { ...filter, limit: 100 })).credentials as unknown[]));
    }
    seen.push(await as(mine).get('list_credentials', { status: 'reconnect_required' }));
    seen.push((await rest(mine, 'GET', `/connectors/${connectorId}/credentials`)).body);
    seen.push((await rest(mine, 'GET', '/api/credentials')).body);
    expect(JSON.stringify(seen)).toContain(`Canary of ${mine}`);
    expect(JSON.stringify(seen)).not.toContain(`Canary of ${theirs}`);
  }
});

describe('an attempt', () => {
  const oauth = { connectorId, authenticationType: 'oauth2' };
  /** A client that can open links gets one, and comes back with the attempt's id as its requestState. */
  const resumed = (requestState: unknown, args: Record<string, unknown>) => ({
    name: 'create_credential',
    arguments: args,
    requestState,
    inputResponses: { connect: { action: 'accept' } },
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': { elicitation: { url: {} } },
    },
  });
  const resume = (name: Name, requestState: unknown, args: Record<string, unknown> = oauth) =>
    team.keyward.post(
      tokens.get(name) ?? null,
      JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: resumed(requestState, args) }),
      { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'create_credential' },
    );

  it('11. of another person is as good as missing: by its id, its requestState and its link', async () => {
    const { attemptId, oauthUrl } = await as('ann').get('create_credential', oauth);
    const missing = randomUUID();
    for (const name of ['bob', 'dora'] as const) {
      const foreign = await as(name).call('check_attempt', { attemptId });
      const absent = await as(name).call('check_attempt', { attemptId: missing });
      expect(foreign.error?.code).toBe('not_found');
      expect(JSON.stringify(foreign).replaceAll(String(attemptId), '')).toBe(
        JSON.stringify(absent).replaceAll(missing, ''),
      );
      const theirs = await resume(name, attemptId);
      const nobodys = await resume(name, missing);
      expect(theirs.body).toContain('not_found');
      expect(theirs.body.replaceAll(String(attemptId), '')).toBe(nobodys.body.replaceAll(missing, ''));
    }
    // Nobody is told whose link it is before signing in.
    const page = await raw(team.keyward.origin, new URL(String(oauthUrl)).pathname);
    expect([page.status, page.body]).toEqual([303, '']);
    expect((await as('ann').get('check_attempt', { attemptId })).status).toBe('pending');
    // A requestState of one's own that comes with other arguments is refused too.
    expect((await resume('ann', attemptId, { ...oauth, name: 'Other' })).body).toContain('forbidden');
  });

  it.each([
    'https://evil.example/done',
    'https://app.example/done/../evil',
    'https://app.example.evil.example/done',
    'https://app.example@evil.example/done',
    '//evil.example',
    'javascript:alert(1)',
    'http://app.example/done',
    '/done',
  ])('22. with the redirectUri %s is refused, over MCP and REST', async (redirectUri) => {
    const before = await as('ann').call('create_credential', { ...oauth, redirectUri });
    expect(before.error?.code).toBe('invalid_input');
    const path = `/connectors/${connectorId}/credentials`;
    const answer = await rest('ann', 'POST', path, { userId: 'ann', authenticationType: 'oauth2', redirectUri });
    expect(answer.status).toBe(422);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { loc: ['body', 'redirectUri'] } });
  });

  it('may bring the person back to a redirectUri of the list', async () => {
    const redirectUri = 'https://app.example/done';
    expect(await as('ann').get('create_credential', { ...oauth, redirectUri })).toHaveProperty('oauthUrl');
  });
});

describe('a share', () => {
  const share = (connectionId: string, grantee: string, permission: string) =>
    as('ann').get('share_connection', { connectionId, with: grantee, permission });

  it('12. view shows a connection, and everything else is forbidden; its secret above all', async () => {
    const id = await connect('ann', 'Shared to see');
    await share(id, 'user:bob', 'view');
    expect(await as('bob').get('get_connection', { connectionId: id })).toMatchObject({ access: 'view' });
    for (const [tool, args] of withId.slice(1)) {
      const { error } = await as('bob').call(tool, args(id));
      expect(error?.code, tool).toBe('forbidden');
    }
    for (const [method, path, body] of restWithId.slice(1)) {
      const answer = await rest('bob', method, path(id), body);
      expect(answer.status, method).toBe(403);
      expect(answer.body).not.toContain(goodApiKey);
    }
    // Bob of the same organisation only: dora has nothing of it, and neither has cleo.
    for (const name of ['cleo', 'dora'] as const) {
      expect((await as(name).call('get_connection', { connectionId: id })).error?.code).toBe('not_found');
    }
  });

  it('12. use lets a tenant use the service and never shows the secret; withdrawn, it is gone at the next call', async () => {
    const id = await connect('ann', 'Shared to use');
    await share(id, 'tenant:globex', 'use');
    const verified = await as('dora').call('verify_credential', { credentialId: id });
    expect(verified.data).toMatchObject({ status: 'active' });
    const called = await as('dora').call('call_api', { connectionId: id, method: 'GET', path: '/me' });
    expect(called.data).toMatchObject({ status: 200, body: { user: { email: expect.any(String) } } });
    const released = await as('dora').call('get_connection_credentials', { connectionId: id });
    expect(released.error?.code).toBe('forbidden');
    expect((await rest('dora', 'GET', `/connection/${id}/credentials`)).status).toBe(403);
    const all = [verified, called, await as('dora').get('get_connection', { connectionId: id }), released];
    expect(JSON.stringify(all)).not.toContain(goodApiKey);
    expect(await share(id, 'tenant:globex', 'none')).toEqual({ connectionId: id, shares: [] });
    for (const [tool, args] of withId) {
      expect((await as('dora').call(tool, args(id))).error?.code, tool).toBe('not_found');
    }
  });
});
