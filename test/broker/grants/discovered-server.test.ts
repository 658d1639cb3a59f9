import { randomBytes } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { finishCallback } from '../../../src/broker/connect/callback.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import type { CreateInput } from '../../../src/broker/connect/create-input.ts';
import { viewAttempt } from '../../../src/broker/connect/page.ts';
import { forgetAuthConfig, submitAuthConfig } from '../../../src/broker/connect/page-forms.ts';
import { deleteCredential } from '../../../src/broker/credentials/delete.ts';
import { getCredentialMetadata } from '../../../src/broker/credentials/metadata.ts';
import { servedDocument } from '../../../src/broker/grants/client-document.ts';
import { fresh } from '../../../src/broker/grants/refresh.ts';
import { localPrincipal as me, type Principal } from '../../../src/principal.ts';
import {
  ageTokens,
  type BrokerOptions,
  credentialOf,
  principal,
  startBroker,
  type TestBroker,
  tokensOf,
} from '../../support/broker.ts';
import { clickThrough } from '../../support/clients/click-through.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../../support/servers/authorization-server.ts';
import { guarded, type OddServer, startOddServer } from '../../support/servers/odd-server.ts';

/** The MCP server; answers a challenge as RFC 9728 §5.1 wants it. */
let mcp: OddServer;
let broker: TestBroker;
const closing: (() => Promise<void>)[] = [];

const asOf = '/.well-known/oauth-authorization-server';
const prmOf = '/.well-known/oauth-protected-resource';

beforeEach(async () => {
  mcp = await startOddServer({ status: 404 });
  closing.push(() => mcp.close());
  mcp.paths.set(
    '/mcp',
    guarded({
      status: 401,
      headers: { 'www-authenticate': `Bearer resource_metadata="${mcp.origin}${prmOf}/mcp"` },
    }),
  );
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** What the MCP server publishes of itself. */
function resourceOf(changes: Record<string, unknown> = {}) {
  return {
    body: {
      resource: `${mcp.origin}/mcp`,
      authorization_servers: [mcp.origin],
      scopes_supported: ['read'],
      ...changes,
    },
  };
}

/** An authorization server's metadata at the origin of the MCP server itself. */
function serverOf(changes: Record<string, unknown> = {}) {
  const { origin } = mcp;
  return {
    body: {
      issuer: origin,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      registration_endpoint: `${origin}/register`,
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none'],
      ...changes,
    },
  };
}

async function brokerFor(options: Partial<BrokerOptions> = {}): Promise<TestBroker> {
  broker = await startBroker({ origin: mcp.origin, ...options });
  const { close } = broker;
  closing.push(() => close());
  return broker;
}

function connect(input: Partial<CreateInput> = {}, who: Principal = me) {
  const serverUrl = input.credentialId === undefined ? { serverUrl: `${mcp.origin}/mcp` } : {};
  const all = { connectorId: 'mcp-server', authenticationType: 'oauth2', ...serverUrl, ...input };
  return createCredential(broker.broker, who, all, { obtainedBy: 'tool' });
}

async function attemptFor(input: Partial<CreateInput> = {}, who: Principal = me) {
  const created = await connect(input, who);
  if (created.kind !== 'attempt') throw new Error('Nothing was left to ask.');
  const browser = randomBytes(16).toString('base64url');
  return {
    attemptId: created.attemptId,
    browser,
    view: await viewAttempt(broker.broker, created.attemptId, browser, 'local'),
  };
}

function authorizationUrlOf({ view }: Awaited<ReturnType<typeof attemptFor>>): URL {
  if (view.step !== 'authorize') throw new Error(`At ${view.step}: ${JSON.stringify(view)}`);
  return new URL(view.authorizationUrl);
}

/** What came back to the redirect URI, delivered where it was sent. */
async function deliver({ attemptId, browser }: { attemptId: string; browser: string }, back: URL) {
  const connectorId = back.pathname.split('/')[3] ?? null;
  const { searchParams: received } = back;
  await finishCallback(broker.broker, { received, connectorId, cookieOf: () => browser, visitor: 'local' });
  return broker.broker.vault.findAttempt(attemptId);
}

/** What was posted, but for the request that an MCP server is greeted with. */
const posts = () => mcp.seen.filter(({ method, url }) => method === 'POST' && url !== '/mcp').map(({ url }) => url);

describe('an MCP server with an authorization server of its own', () => {
  let server: AuthorizationServer;
  beforeEach(async () => {
    const resource = { audience: `${mcp.origin}/mcp`, scopes: ['read', 'openid', 'offline_access'] };
    server = await startAuthorizationServer({ registration: true, resource });
    closing.push(() => server.close());
    mcp.paths.set(`${prmOf}/mcp`, resourceOf({ authorization_servers: [server.issuer] }));
    await brokerFor({ allow: [new URL(server.issuer).host] });
  });

  async function connected(input: Partial<CreateInput> = {}, who: Principal = me): Promise<string> {
    const started = await attemptFor(input, who);
    const attempt = await deliver(started, await clickThrough(authorizationUrlOf(started)));
    if (!attempt?.credentialId) throw new Error(JSON.stringify(attempt?.error));
    return attempt.credentialId;
  }

  it('is connected with nothing but its address: found, registered at, asked for this resource, refreshed, revoked', async () => {
    const started = await attemptFor();
    const url = authorizationUrlOf(started);
    expect(url.origin).toBe(server.issuer);
    expect(url.searchParams.get('resource')).toBe(`${mcp.origin}/mcp`);
    expect(url.searchParams.get('code_challenge_method')).toBe('S256');
    expect(url.searchParams.get('scope')).toBe('read offline_access');
    expect(url.searchParams.get('redirect_uri')).toMatch(
      /^http:\/\/127\.0\.0\.1:7355\/oauth\/callback\/mcp-server\.[0-9a-f]{16}$/,
    );
    expect(started.view).toMatchObject({ destination: expect.stringContaining(mcp.host) });

    const attempt = await deliver(started, await clickThrough(url));
    const id = attempt?.credentialId ?? '';
    const credential = await credentialOf(broker.broker, me, id);
    expect(credential).toMatchObject({ connectorId: 'mcp-server', hosts: [mcp.host], status: 'active' });
    const tokens = await tokensOf(broker.broker, me, id);
    expect(decodeJwt(tokens.accessToken)).toMatchObject({
      iss: server.issuer,
      aud: `${mcp.origin}/mcp`,
      scope: 'read offline_access',
    });

    await ageTokens(broker.broker, me, id, -1_000);
    const { secret } = await fresh(broker.broker, await credentialOf(broker.broker, me, id));
    if (secret.kind !== 'tokens') throw new Error('There are no tokens.');
    expect(decodeJwt(secret.accessToken)).toMatchObject({ aud: `${mcp.origin}/mcp` });
    expect(secret.accessToken).not.toBe(tokens.accessToken);
    expect(server.calls.refresh_token).toBe(1);

    expect(await server.isActive(secret.refreshToken ?? '')).toBe(true);
    expect(await deleteCredential(broker.broker, me, { credentialId: id })).toMatchObject({ revocation: 'revoked' });
    expect(await server.isActive(secret.refreshToken ?? '')).toBe(false);
  });

  it('is registered at once for each owner and server, and its registration is audited', async () => {
    const clients = new Set<string>();
    const clientOf = async (who: Principal) => {
      const id = await connected({}, who);
      const { authConfigId } = await credentialOf(broker.broker, who, id);
      const config = await broker.broker.vault.get('authConfig', who, authConfigId ?? '');
      clients.add(config?.clientId ?? '');
      return config;
    };
    const first = await clientOf(me);
    expect(first).toMatchObject({ server: server.issuer, registration: { tokenEndpointAuthMethod: 'none' } });
    expect((await clientOf(me))?.id).toBe(first?.id);
    expect((await clientOf(principal('bob')))?.id).not.toBe(first?.id);
    expect(clients.size).toBe(2);
    const actions = (await broker.audited()).map((event) => (event as { action: string }).action);
    expect(actions).toEqual(expect.arrayContaining(['server.discover', 'server.register', 'attempt.start']));
  });

  it('can be connected anew in place, and found anew for that', async () => {
    const id = await connected();
    expect(await connected({ credentialId: id })).toBe(id);
  });

  it('asks nobody for an OAuth client', async () => {
    const { metadata } = await getCredentialMetadata(broker.broker, me, { connectorId: 'mcp-server' }, 'model');
    expect(
      metadata.map(({ authenticationType, authConfigRequired }) => [authenticationType, authConfigRequired]),
    ).toEqual([
      ['oauth2', false],
      ['bearer', false],
    ]);
  });

  it('19. an answer of another issuer ends the attempt, and the code goes nowhere', async () => {
    const started = await attemptFor();
    const back = await clickThrough(authorizationUrlOf(started));
    back.searchParams.set('iss', 'https://evil.example');
    const attempt = await deliver(started, back);
    expect(attempt).toMatchObject({ status: 'failed', error: { code: 'provider_garbled' } });
    expect(server.calls.authorization_code ?? 0).toBe(0);
  });

  it('an answer at the redirect URI of another server is refused, and the right one still counts', async () => {
    const started = await attemptFor();
    const back = await clickThrough(authorizationUrlOf(started));
    const elsewhere = new URL(back);
    elsewhere.pathname = `/oauth/callback/mcp-server.${'0'.repeat(16)}`;
    await expect(deliver(started, elsewhere)).rejects.toMatchObject({ code: 'forbidden' });
    expect(server.calls.authorization_code ?? 0).toBe(0);
    expect(await deliver(started, back)).toMatchObject({ status: 'completed' });
  });
});

describe('finding the authorization server', () => {
  beforeEach(() => brokerFor());

  it.each([
    ['of another host', 'https://mcp.honest.example/mcp'],
    ['of another path', '/other'],
    ['of a path that only begins alike', '/mc'],
    ['of what is below', '/mcp/below'],
    ['with a user name', 'USER'],
    ['that is no URL', 'mcp'],
    ['of nothing', undefined],
  ])('metadata of another resource is refused: one %s', async (_, resource) => {
    const { origin } = mcp;
    const named = resource?.startsWith('/')
      ? `${origin}${resource}`
      : resource === 'USER'
        ? origin.replace('//', '//a@')
        : resource;
    mcp.paths.set(`${prmOf}/mcp`, resourceOf({ resource: named }));
    mcp.paths.set(asOf, serverOf());
    await expect(connect()).rejects.toMatchObject({ code: 'provider_garbled' });
    expect(posts()).toEqual([]);
  });

  it('a server that names its whole origin is taken at its word', async () => {
    mcp.paths.set('/mcp', guarded({ status: 401 }));
    mcp.paths.set(prmOf, resourceOf({ resource: mcp.origin }));
    mcp.paths.set(asOf, serverOf({ registration_endpoint: undefined }));
    expect((await attemptFor()).view.step).toBe('auth_config');
  });

  it('52. a challenge does not lead to another origin', async () => {
    const other = await startOddServer();
    closing.push(() => other.close());
    mcp.paths.set('/mcp', {
      status: 401,
      headers: { 'www-authenticate': `Bearer resource_metadata="${other.origin}/m"` },
    });
    await expect(connect()).rejects.toMatchObject({ code: 'provider_refused' });
    expect(other.seen).toEqual([]);
  });

  it.each([
    'http://169.254.169.254/latest',
    'https://10.0.0.1',
    'https://[::ffff:7f00:1]',
    'http://localhost:1',
    'https://metadata.google.internal',
  ])('52. an authorization server at %s is not asked', async (issuer) => {
    mcp.paths.set(`${prmOf}/mcp`, resourceOf({ authorization_servers: [issuer] }));
    await expect(connect()).rejects.toMatchObject({
      code: expect.stringMatching(/^(egress_refused|invalid_input|provider_unavailable)$/),
    });
    expect(posts()).toEqual([]);
  });

  it.each(['javascript:alert(1)', 'file:///etc/passwd', 'ftp://a.example', 7, ''])(
    'an authorization server of %j is refused',
    async (issuer) => {
      mcp.paths.set(`${prmOf}/mcp`, resourceOf({ authorization_servers: [issuer] }));
      await expect(connect()).rejects.toMatchObject({
        code: expect.stringMatching(/^(provider_garbled|invalid_input)$/),
      });
    },
  );

  it('20. metadata of another issuer is refused, and nothing is registered', async () => {
    mcp.paths.set(`${prmOf}/mcp`, resourceOf());
    mcp.paths.set(asOf, serverOf({ issuer: 'https://honest.example' }));
    await expect(connect()).rejects.toMatchObject({ code: 'provider_garbled' });
    expect(posts()).toEqual([]);
  });

  it.each(['authorization_endpoint', 'registration_endpoint', 'revocation_endpoint'])(
    'an authorization server whose %s is on another site is refused before anything is sent there',
    async (endpoint) => {
      mcp.paths.set(`${prmOf}/mcp`, resourceOf());
      mcp.paths.set(asOf, serverOf({ [endpoint]: 'https://honest.example/x' }));
      await expect(connect()).rejects.toMatchObject({
        code: 'provider_refused',
        message: expect.stringContaining('another site'),
      });
      expect(posts()).toEqual([]);
    },
  );

  it('18. a server without S256 is refused on the page, and nobody is sent there', async () => {
    mcp.paths.set(`${prmOf}/mcp`, resourceOf());
    mcp.paths.set(asOf, serverOf({ code_challenge_methods_supported: ['plain'] }));
    mcp.paths.set('/register', { status: 201, body: { client_id: 'c1' } });
    const { view } = await attemptFor();
    expect(view).toMatchObject({ step: 'failed', error: { code: 'provider_refused' } });
  });

  it('a server that publishes nothing is a typed error with a way on', async () => {
    await expect(connect()).rejects.toMatchObject({
      code: 'provider_refused',
      hint: expect.stringContaining('bearer'),
    });
  });

  it.each([
    'http://mcp.example.com/mcp',
    'https://u:p@mcp.example.com/',
    'https://mcp.example.com/#x',
    'javascript:alert(1)',
    'https://mcp.example.com\\@evil.example',
  ])('56. the address %s is refused, and nothing is asked', async (serverUrl) => {
    await expect(connect({ serverUrl })).rejects.toMatchObject({ code: 'invalid_input' });
    expect(mcp.seen).toEqual([]);
  });

  it('whoever may only read causes no request', async () => {
    const reader = { ...me, scopes: new Set(['credentials:read'] as const) };
    await expect(connect({}, reader)).rejects.toMatchObject({ code: 'insufficient_scope' });
    expect(mcp.seen).toEqual([]);
  });
});

describe('an MCP server without metadata of its own', () => {
  beforeEach(async () => {
    await brokerFor();
    mcp.paths.set('/mcp', guarded({ status: 401, headers: { 'www-authenticate': 'Bearer' } }));
  });

  it.each([asOf, '/.well-known/openid-configuration'])(
    'is connected where its origin is the authorization server, as MCP 2025-03-26 had it: %s',
    async (path) => {
      mcp.paths.set(path, serverOf());
      mcp.paths.set('/register', { status: 201, body: { client_id: 'c1' } });
      const url = authorizationUrlOf(await attemptFor());
      expect(url.origin).toBe(mcp.origin);
      expect(Object.fromEntries(url.searchParams)).toMatchObject({
        client_id: 'c1',
        code_challenge_method: 'S256',
        resource: `${mcp.origin}/mcp`,
      });
    },
  );

  it('asks for the scopes of its challenge', async () => {
    mcp.paths.set('/mcp', guarded({ status: 401, headers: { 'www-authenticate': 'Bearer scope="files:read"' } }));
    mcp.paths.set(asOf, serverOf({ scopes_supported: ['all', 'offline_access'] }));
    mcp.paths.set('/register', { status: 201, body: { client_id: 'c1' } });
    expect(authorizationUrlOf(await attemptFor()).searchParams.get('scope')).toBe('files:read offline_access');
  });

  it('is not connected where a page answers in place of metadata', async () => {
    mcp.answer = { headers: { 'content-type': 'text/html' }, body: '<html>' };
    await expect(connect()).rejects.toMatchObject({ code: 'provider_refused' });
    expect(posts()).toEqual([]);
  });

  it('is not connected without a word about S256, nor at guessed endpoints', async () => {
    mcp.paths.set('/authorize', { body: '<html>' });
    mcp.paths.set('/register', { status: 201, body: { client_id: 'c1' } });
    await expect(connect()).rejects.toMatchObject({ code: 'provider_refused' });
    expect(posts()).toEqual([]);
  });

  it('20. is not connected by metadata of another issuer', async () => {
    mcp.paths.set(asOf, serverOf({ issuer: 'https://honest.example' }));
    await expect(connect()).rejects.toMatchObject({ code: 'provider_garbled' });
    expect(posts()).toEqual([]);
  });

  const trouble = [{ status: 503 }, { status: 429 }, { fault: 'cut' }, { fault: 'reset' }] as const;
  it.each(trouble)('in trouble (%j) in one place is looked for in the others', async (answer) => {
    mcp.paths.set(`${prmOf}/mcp`, answer);
    mcp.paths.set(asOf, serverOf());
    mcp.paths.set('/register', { status: 201, body: { client_id: 'c1' } });
    expect(authorizationUrlOf(await attemptFor()).searchParams.get('client_id')).toBe('c1');
  });

  it.each(trouble)('in trouble (%j), and nowhere else, is told with what every place said', async (answer) => {
    mcp.paths.set(`${prmOf}/mcp`, answer);
    await expect(connect()).rejects.toMatchObject({
      code: 'provider_unavailable',
      hint: expect.stringMatching(
        /the server \(GET\): 401, .*oauth-protected-resource: (503|429|no answer), .*openid-configuration: 404/,
      ),
    });
  });

  it('that challenges only what a client begins with is found by that', async () => {
    mcp.paths.set('/mcp', { status: 405 });
    const challenge = `Basic realm="x, resource_metadata=no", Bearer scope="of \\"it\\"", resource_metadata="${mcp.origin}/meta"`;
    mcp.paths.set('POST /mcp', { status: 401, headers: { 'www-authenticate': challenge } });
    mcp.paths.set('/meta', resourceOf());
    mcp.paths.set(asOf, serverOf());
    mcp.paths.set('/register', { status: 201, body: { client_id: 'c1' } });
    expect(authorizationUrlOf(await attemptFor()).searchParams.get('client_id')).toBe('c1');
  });

  it('is found behind redirects of its own origin, and behind no other', async () => {
    const to = (location: string) => ({ status: 307, headers: { location } });
    mcp.paths.set('/mcp', to('/mcp/'));
    mcp.paths.set('/mcp/', {
      status: 401,
      headers: { 'www-authenticate': `Bearer resource_metadata="${mcp.origin}/meta"` },
    });
    mcp.paths.set('/meta', to(`${mcp.origin}/meta/`));
    mcp.paths.set('/meta/', resourceOf());
    mcp.paths.set(asOf, to(`${asOf}/`));
    mcp.paths.set(`${asOf}/`, serverOf());
    mcp.paths.set('/register', { status: 201, body: { client_id: 'c1' } });
    expect(authorizationUrlOf(await attemptFor()).searchParams.get('client_id')).toBe('c1');

    const other = await startOddServer({ body: serverOf().body });
    closing.push(() => other.close());
    await brokerFor({ allow: [new URL(other.origin).host] });
    mcp.paths.set(asOf, to(`${other.origin}/meta`));
    await expect(connect()).rejects.toMatchObject({ code: 'provider_garbled' });
    expect(other.seen).toEqual([]);
  });

  it('that redirects in a circle is asked a few times and no more', async () => {
    mcp.paths.set(`${prmOf}/mcp`, { status: 302, headers: { location: `${prmOf}/mcp/` } });
    mcp.paths.set(`${prmOf}/mcp/`, { status: 302, headers: { location: `${prmOf}/mcp` } });
    await expect(connect()).rejects.toMatchObject({ code: 'provider_refused' });
    expect(mcp.seen.filter(({ url }) => url.startsWith(`${prmOf}/mcp`)).length).toBeLessThan(10);
  });

  it('that has metadata of another resource gets no second chance', async () => {
    mcp.paths.set(`${prmOf}/mcp`, resourceOf({ resource: 'https://honest.example/mcp' }));
    mcp.paths.set(asOf, serverOf());
    await expect(connect()).rejects.toMatchObject({ code: 'provider_garbled' });
    expect(mcp.seen.map(({ url }) => url)).not.toContain(asOf);
  });
});

describe('an MCP server with several authorization servers', () => {
  /** A second authorization server; the first one is at the origin of the MCP server. */
  let second: OddServer;
  beforeEach(async () => {
    second = await startOddServer({ status: 404 });
    closing.push(() => second.close());
    await brokerFor({ allow: [second.host] });
    mcp.paths.set(`${prmOf}/mcp`, resourceOf({ authorization_servers: [mcp.origin, second.origin] }));
    mcp.paths.set('/register', { status: 201, body: { client_id: 'first' } });
    second.paths.set('/register', { status: 201, body: { client_id: 'second' } });
  });
  const secondHas = (changes: Record<string, unknown> = {}) => {
    const body = JSON.parse(JSON.stringify(serverOf().body).replaceAll(mcp.origin, second.origin));
    second.paths.set(asOf, { body: { ...body, ...changes } });
  };
  const chosen = async () => authorizationUrlOf(await attemptFor()).searchParams.get('client_id');

  it('is connected by the first that registers Keyward', async () => {
    mcp.paths.set(asOf, serverOf());
    secondHas();
    expect(await chosen()).toBe('first');
    expect(second.seen).toEqual([]);
  });

  it.each([
    ['publishes nothing', undefined],
    ['takes no registrations', { registration_endpoint: undefined }],
    ['is another than it should be', { issuer: 'https://honest.example' }],
    [
      'names endpoints of others',
      { token_endpoint: 'https://third.example/t', authorization_endpoint: 'https://honest.example/a' },
    ],
    ['has no S256', { code_challenge_methods_supported: ['plain'] }],
  ])('is connected by the second where the first %s', async (_, changes) => {
    if (changes !== undefined) mcp.paths.set(asOf, serverOf(changes));
    secondHas();
    expect(await chosen()).toBe('second');
    expect(posts()).toEqual([]);
  });

  it('52. is connected by the second where the first is on a private address, which is not asked', async () => {
    mcp.paths.set(`${prmOf}/mcp`, resourceOf({ authorization_servers: ['https://10.0.0.1', second.origin] }));
    secondHas();
    expect(await chosen()).toBe('second');
  });

  it('asks for an OAuth client of the first, where none takes registrations', async () => {
    mcp.paths.set(asOf, serverOf({ registration_endpoint: undefined }));
    secondHas({ registration_endpoint: undefined });
    expect((await attemptFor()).view).toMatchObject({ step: 'auth_config', destination: mcp.host });
  });

  it('says what is wrong with the first where none is usable, and asks few of many', async () => {
    const many = Array.from({ length: 50 }, (_, index) => `${second.origin}/${index}`);
    mcp.paths.set(`${prmOf}/mcp`, resourceOf({ authorization_servers: [mcp.origin, ...many] }));
    await expect(connect()).rejects.toMatchObject({ code: 'provider_garbled' });
    expect(new Set(second.seen.map(({ url }) => url.split('/').at(-1))).size).toBeLessThan(10);
  });
});

describe('the client at a server that a connection names', () => {
  beforeEach(() => {
    mcp.paths.set(`${prmOf}/mcp`, resourceOf());
  });

  it('is registered for its redirect URI, authenticates as it was registered, and its secret is sealed', async () => {
    await brokerFor();
    mcp.paths.set(asOf, serverOf({ token_endpoint_auth_methods_supported: ['client_secret_post'] }));
    const body = { client_id: 'c1', client_secret: 'dcr-canary', token_endpoint_auth_method: 'client_secret_post' };
    mcp.paths.set('/register', { status: 201, body });
    mcp.paths.set('/token', { body: { access_token: 'at', refresh_token: 'rt' } });
    const started = await attemptFor();
    const url = authorizationUrlOf(started);
    const asked = JSON.parse(mcp.seen.find(({ url: path }) => path === '/register')?.body ?? '');
    expect(asked).toMatchObject({ redirect_uris: [url.searchParams.get('redirect_uri')], application_type: 'native' });
    const back = new URL(url.searchParams.get('redirect_uri') ?? '');
    back.search = new URLSearchParams({ code: 'c', state: url.searchParams.get('state') ?? '' }).toString();
    expect(await deliver(started, back)).toMatchObject({ status: 'completed' });
    const sent = new URLSearchParams(mcp.seen.findLast(({ url: path }) => path === '/token')?.body);
    expect(Object.fromEntries(sent)).toMatchObject({ client_secret: 'dcr-canary', resource: `${mcp.origin}/mcp` });
    const [row] = await broker.broker.vault.list('authConfig', me, {}, { limit: 10 });
    expect(JSON.stringify(row)).not.toContain('dcr-canary');
    expect(broker.logged()).not.toContain('dcr-canary');
  });

  it('is registered anew when the old registration has ended or was for another redirect URI', async () => {
    await brokerFor();
    mcp.paths.set(asOf, serverOf({ token_endpoint_auth_methods_supported: ['client_secret_basic'] }));
    const ended = Math.floor(Date.now() / 1000) - 10;
    mcp.paths.set('/register', {
      status: 201,
      body: { client_id: 'c1', client_secret: 's', client_secret_expires_at: ended },
    });
    await connect();
    await connect();
    expect(posts()).toEqual(['/register', '/register']);
    mcp.paths.set('/register', {
      status: 201,
      body: { client_id: 'c2', client_secret: 's', client_secret_expires_at: 0 },
    });
    await connect();
    await connect();
    expect(posts()).toHaveLength(3);
    const moved = { ...broker.broker, pages: { ...broker.broker.pages, callbackOrigin: 'http://127.0.0.1:7999' } };
    const input = { connectorId: 'mcp-server', authenticationType: 'oauth2', serverUrl: `${mcp.origin}/mcp` };
    await createCredential(moved, me, input, { obtainedBy: 'tool' });
    expect(posts()).toHaveLength(4);
  });

  /** A server that registers `c1`, `c2` and so on, and no longer knows the clients before `known`. */
  async function forgetful() {
    await brokerFor();
    mcp.paths.set(asOf, serverOf());
    const register = (id: string) => mcp.paths.set('/register', { status: 201, body: { client_id: id } });
    const forget = () => mcp.paths.set('/token', { status: 401, body: { error: 'invalid_client' } });
    register('c1');
    return { register, forget };
  }
  const answered = (url: URL) => {
    const back = new URL(url.searchParams.get('redirect_uri') ?? '');
    back.search = new URLSearchParams({ code: 'c', state: url.searchParams.get('state') ?? '' }).toString();
    return back;
  };
  const clientAt = async (input = {}) => authorizationUrlOf(await attemptFor(input)).searchParams.get('client_id');

  it('is registered anew when the server says at the exchange that it does not know it', async () => {
    const { register, forget } = await forgetful();
    forget();
    const started = await attemptFor();
    const attempt = await deliver(started, answered(authorizationUrlOf(started)));
    expect(attempt).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('registers anew') } });
    register('c2');
    expect(await clientAt()).toBe('c2');
  });

  it('is registered anew when the server says at a refresh that it does not know it', async () => {
    const { register, forget } = await forgetful();
    mcp.paths.set('/token', { body: { access_token: 'at', refresh_token: 'rt', expires_in: 3600 } });
    const started = await attemptFor();
    const { credentialId = '' } = (await deliver(started, answered(authorizationUrlOf(started)))) ?? {};
    const id = credentialId ?? '';
    forget();
    await ageTokens(broker.broker, me, id, -1_000);
    const dead = fresh(broker.broker, await credentialOf(broker.broker, me, id));
    await expect(dead).rejects.toMatchObject({ code: 'reconnect_required' });
    expect(await credentialOf(broker.broker, me, id)).toMatchObject({
      status: 'reconnect_required',
      statusReason: expect.stringContaining('registers anew'),
    });
    register('c2');
    expect(await clientAt({ credentialId: id })).toBe('c2');
  });

  it('is registered anew by the page, where the server shows the person an error; then the person may enter one', async () => {
    const { register } = await forgetful();
    await connect();
    const { attemptId, browser, view } = await attemptFor();
    register('c2');
    const sender = { browser, csrf: view.csrf, visitor: 'local' } as const;
    const look = () => viewAttempt(broker.broker, attemptId, browser, 'local');
    await forgetAuthConfig(broker.broker, attemptId, sender);
    expect(await look()).toMatchObject({ step: 'authorize', changeableClientId: 'c2' });
    await forgetAuthConfig(broker.broker, attemptId, sender);
    expect(await look()).toMatchObject({ step: 'auth_config' });
  });

  it('that a person entered is not thrown away when the server does not know it', async () => {
    const { forget } = await forgetful();
    mcp.paths.set(asOf, serverOf({ registration_endpoint: undefined }));
    const { attemptId, browser, view } = await attemptFor();
    const sender = { browser, csrf: view.csrf, visitor: 'local' } as const;
    await submitAuthConfig(broker.broker, attemptId, sender, { clientId: 'typed', clientSecret: '' });
    forget();
    const url = new URL(
      ((await viewAttempt(broker.broker, attemptId, browser, 'local')) as { authorizationUrl: string })
        .authorizationUrl,
    );
    await deliver({ attemptId, browser }, answered(url));
    expect(await clientAt()).toBe('typed');
  });

  it('is named by its metadata document where the server reads those and Keyward is on https', async () => {
    await brokerFor({ pages: { callbackOrigin: 'https://keyward.example' } });
    mcp.paths.set(asOf, serverOf({ client_id_metadata_document_supported: true }));
    const url = authorizationUrlOf(await attemptFor());
    const clientId = url.searchParams.get('client_id') ?? '';
    const name = /^https:\/\/keyward\.example\/oauth\/client\/(mcp-server\.[0-9a-f]{16})$/.exec(clientId)?.[1] ?? '';
    expect(await servedDocument(broker.broker, name)).toMatchObject({
      client_id: clientId,
      client_name: 'Keyward',
      redirect_uris: [url.searchParams.get('redirect_uri')],
      token_endpoint_auth_method: 'none',
    });
    expect(posts()).toEqual([]);
  });

  it('has no document on loopback, and none under a name that Keyward never gives itself', async () => {
    const { broker: local } = await brokerFor();
    expect(await servedDocument(local, `mcp-server.${'a'.repeat(16)}`)).toBeNull();
    const there = { ...local, pages: { ...local.pages, callbackOrigin: 'https://keyward.example' } };
    for (const name of ['x', '..', 'mcp-server.zz', `a/b.${'a'.repeat(16)}`, `<b>.${'a'.repeat(16)}`])
      expect(await servedDocument(there, name)).toBeNull();
  });

  it.each([
    { status: 400, body: { error: 'invalid_client_metadata' } },
    { status: 401, body: { error: 'invalid_token' } },
    { status: 403, body: '<html>no</html>' },
    { status: 404 },
  ])('that the server refuses to register (%j) is asked of the person', async (answer) => {
    await brokerFor();
    mcp.paths.set(asOf, serverOf());
    mcp.paths.set('/register', answer);
    const { view } = await attemptFor();
    expect(view).toMatchObject({ step: 'auth_config', clientsAt: mcp.host });
  });

  it('is registered with the scopes that will be asked for, and without them where they are refused', async () => {
    await brokerFor();
    mcp.paths.set(`${prmOf}/mcp`, resourceOf({ scopes_supported: ['read', 'write'] }));
    mcp.paths.set(asOf, serverOf());
    mcp.paths.set('/register', { status: 400, body: { error: 'invalid_scope' } });
    await attemptFor();
    const asked = mcp.seen.filter(({ url }) => url === '/register').map(({ body }) => JSON.parse(body).scope);
    expect(asked).toEqual(['read write', undefined]);
  });

  it('is registered with localhost where the address of loopback is refused, and comes back there', async () => {
    await brokerFor();
    mcp.paths.set(asOf, serverOf());
    mcp.paths.set('/register', (body) =>
      body.includes('127.0.0.1:7355')
        ? { status: 400, body: { error: 'invalid_redirect_uri' } }
        : { status: 201, body: { client_id: 'c1' } },
    );
    const url = authorizationUrlOf(await attemptFor());
    expect(url.searchParams.get('redirect_uri')).toMatch(/^http:\/\/localhost:7355\/oauth\/callback\/mcp-server\./);
    // The client is used again, and not registered anew.
    await attemptFor();
    expect(posts()).toEqual(['/register', '/register']);
  });

  it.each(['none', undefined])('that is given a secret and the method %j keeps that secret', async (method) => {
    await brokerFor();
    mcp.paths.set(asOf, serverOf({ token_endpoint_auth_methods_supported: undefined }));
    const body = { client_id: 'c1', client_secret: 's1', token_endpoint_auth_method: method };
    mcp.paths.set('/register', { status: 201, body });
    await attemptFor();
    const [config] = await broker.broker.vault.list('authConfig', me, {}, { limit: 10 });
    expect(config?.registration).toMatchObject({ tokenEndpointAuthMethod: 'client_secret_basic' });
    expect(config && (await broker.broker.vault.open('authConfig', config))).toEqual({ clientSecret: 's1' });
  });

  it.each([
    ['no client id', { client_secret: 's' }],
    ['a way to authenticate that Keyward has not', { client_id: 'c', token_endpoint_auth_method: 'private_key_jwt' }],
    ['Basic without a secret', { client_id: 'c', token_endpoint_auth_method: 'client_secret_basic' }],
  ])('is not taken with %s', async (_, body) => {
    await brokerFor();
    mcp.paths.set(asOf, serverOf());
    mcp.paths.set('/register', { status: 201, body });
    await expect(connect()).rejects.toMatchObject({ code: 'provider_garbled' });
    expect(await broker.broker.vault.list('authConfig', me, {}, { limit: 10 })).toEqual([]);
  });

  it('that a person enters stays with that server: no other one gets it, by itself or by its id', async () => {
    const settings = { authConfigs: new Map([['mcp-server', { clientId: 'env', clientSecret: 'env-canary' }]]) };
    await brokerFor({ settings });
    mcp.paths.set(asOf, serverOf({ registration_endpoint: undefined }));
    const { attemptId, browser, view } = await attemptFor();
    expect(view).toMatchObject({ step: 'auth_config', destination: mcp.host });
    const sender = { browser, csrf: view.csrf, visitor: 'local' } as const;
    const fields = { clientId: 'typed', clientSecret: 'typed-canary' };
    expect(await submitAuthConfig(broker.broker, attemptId, sender, fields)).toBeNull();
    expect(authorizationUrlOf(await attemptFor()).searchParams.get('client_id')).toBe('typed');

    const evil = await startOddServer({ status: 404 });
    closing.push(() => evil.close());
    const elsewhere = {
      ...broker.broker,
      egress: await startBroker({ origin: evil.origin }).then((one) => {
        closing.push(() => one.close());
        return one.broker.egress;
      }),
    };
    evil.paths.set(prmOf, { body: { resource: evil.origin, authorization_servers: [evil.origin] } });
    const metadata = serverOf({ registration_endpoint: undefined }).body;
    evil.paths.set(asOf, { body: JSON.parse(JSON.stringify(metadata).replaceAll(mcp.origin, evil.origin)) });
    const [config] = await broker.broker.vault.list('authConfig', me, {}, { limit: 10 });
    const input = { connectorId: 'mcp-server', authenticationType: 'oauth2', serverUrl: evil.origin };
    const other = await createCredential(elsewhere, me, input, { obtainedBy: 'tool' });
    expect(other).toMatchObject({ kind: 'attempt', page: 'connect' });
    const stolen = { ...input, authConfigId: config?.id };
    await expect(createCredential(elsewhere, me, stolen, { obtainedBy: 'tool' })).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(
      createCredential(elsewhere, me, { ...input, authConfigId: 'default' }, { obtainedBy: 'tool' }),
    ).rejects.toMatchObject({
      code: expect.stringMatching(/not_found|invalid_input/),
    });
    // A client that is entered for the other server is newer, and takes nothing from the first.
    const page = await viewAttempt(elsewhere, other.kind === 'attempt' ? other.attemptId : '', browser, 'local');
    const there = { browser, csrf: page.csrf, visitor: 'local' } as const;
    const own = { clientId: 'evil', clientSecret: 'its-own' };
    expect(await submitAuthConfig(elsewhere, page.attemptId, there, own)).toBeNull();
    expect(authorizationUrlOf(await attemptFor()).searchParams.get('client_id')).toBe('typed');
    expect(JSON.stringify(evil.seen)).not.toMatch(/canary/);
  });
});
