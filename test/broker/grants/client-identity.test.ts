/** Who Keyward is at the servers that connections name: by a document on somebody's web space, by its key, by registration. */
import { randomBytes } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Broker } from '../../../src/broker/broker.ts';
import { finishCallback } from '../../../src/broker/connect/callback.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import type { CreateInput } from '../../../src/broker/connect/create-input.ts';
import { viewAttempt } from '../../../src/broker/connect/page.ts';
import { forgetAuthConfig } from '../../../src/broker/connect/page-forms.ts';
import { deleteCredential } from '../../../src/broker/credentials/delete.ts';
import {
  type DocumentMethod,
  documentFor,
  readDocument,
  servedDocument,
} from '../../../src/broker/grants/client-document.ts';
import { clientKey, findClientKey } from '../../../src/broker/grants/client-key.ts';
import { oauthContext } from '../../../src/broker/grants/oauth-context.ts';
import { fresh } from '../../../src/broker/grants/refresh.ts';
import { clientAssertion } from '../../../src/broker/oauth/client-assertion.ts';
import { pollDevice, startDevice } from '../../../src/broker/oauth/device.ts';
import { refreshTokens } from '../../../src/broker/oauth/refresh.ts';
import { revoke } from '../../../src/broker/oauth/revoke.ts';
import type { Egress } from '../../../src/net/egress.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import { rotateDataKey } from '../../../src/vault/key-change.ts';
import {
  ageTokens,
  type BrokerOptions,
  credentialOf,
  startBroker,
  type TestBroker,
  tokensOf,
} from '../../support/broker.ts';
import { approveDevice, clickThrough } from '../../support/clients/click-through.ts';
import { oauth2Context } from '../../support/oauth-context.ts';
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from '../../support/servers/authorization-server.ts';
import { guarded, type OddServer, startOddServer } from '../../support/servers/odd-server.ts';

/** The address of the document, and the web space behind it. */
const address = 'https://ann.example/keyward.json';
let web: OddServer;
/** The MCP server. */
let mcp: OddServer;
let test: TestBroker;
let broker: Broker;
const closing: (() => Promise<void>)[] = [];

const asOf = '/.well-known/oauth-authorization-server';
const prmOf = '/.well-known/oauth-protected-resource';
const shared = 'http://127.0.0.1:7355/oauth/callback/client';

beforeEach(async () => {
  [web, mcp] = await Promise.all([startOddServer({ status: 404 }), startOddServer({ status: 404 })]);
  closing.push(
    () => web.close(),
    () => mcp.close(),
  );
  mcp.paths.set('/mcp', guarded({ status: 401, headers: { 'www-authenticate': 'Bearer' } }));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A way out on which the web space is found under its name. */
function withWeb(egress: Egress): Egress {
  return {
    ...egress,
    request: (asked) =>
      egress.request(
        asked.url.host === 'ann.example'
          ? { ...asked, url: new URL(asked.url.pathname, web.origin), hosts: [web.host] }
          : asked,
      ),
  };
}

async function start(options: Partial<BrokerOptions> = {}): Promise<void> {
  test = await startBroker({
    origin: mcp.origin,
    allow: [web.host],
    ...options,
    settings: { clientMetadataUrl: address, ...options.settings },
  });
  const { close } = test;
  closing.push(() => close());
  broker = { ...test.broker, egress: withWeb(test.broker.egress) };
}

async function publish(method: DocumentMethod = 'none', changes: Record<string, unknown> = {}) {
  web.paths.set('/keyward.json', { body: { ...(await documentFor(broker, address, method)), ...changes } });
}

/** A real authorization server that the MCP server trusts. */
async function trusted(options: AuthorizationServerOptions = {}): Promise<AuthorizationServer> {
  const server = await startAuthorizationServer({
    registration: true,
    resource: { audience: `${mcp.origin}/mcp`, scopes: ['read', 'write', 'offline_access'] },
    documents: async (url) => {
      if (url.host !== 'ann.example')
        return Response.json(await servedDocument(broker, url.pathname.split('/').at(-1) ?? ''));
      return fetch(new URL(url.pathname, web.origin));
    },
    ...options,
  });
  closing.push(() => server.close());
  trust(server.issuer);
  return server;
}

function trust(issuer: string, scopes = ['read']) {
  const body = { resource: `${mcp.origin}/mcp`, authorization_servers: [issuer], scopes_supported: scopes };
  mcp.paths.set(`${prmOf}/mcp`, { body });
}

/** An authorization server at the MCP server itself, which says of itself what a test wants. */
function own(changes: Record<string, unknown> = {}) {
  const { origin } = mcp;
  trust(origin);
  mcp.paths.set(asOf, {
    body: {
      issuer: origin,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      registration_endpoint: `${origin}/register`,
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none'],
      client_id_metadata_document_supported: true,
      authorization_response_iss_parameter_supported: true,
      ...changes,
    },
  });
  mcp.paths.set('/register', { status: 201, body: { client_id: 'registered' } });
}

type Started = { readonly attemptId: string; readonly browser: string; readonly url: URL; readonly csrf: string };

async function begin(input: Partial<CreateInput> = {}): Promise<Started> {
  const serverUrl = input.credentialId === undefined ? { serverUrl: `${mcp.origin}/mcp` } : {};
  const all = { connectorId: 'mcp-server', authenticationType: 'oauth2', ...serverUrl, ...input };
  const created = await createCredential(broker, me, all, { obtainedBy: 'tool' });
  if (created.kind !== 'attempt') throw new Error('Nothing was left to ask.');
  return look(created.attemptId, randomBytes(16).toString('base64url'));
}

async function look(attemptId: string, browser: string): Promise<Started> {
  const view = await viewAttempt(broker, attemptId, browser, 'local');
  if (view.step !== 'authorize') throw new Error(`At ${view.step}: ${JSON.stringify(view)}`);
  return { attemptId, browser, url: new URL(view.authorizationUrl), csrf: view.csrf };
}

async function deliver({ attemptId, browser }: Started, back: URL) {
  const connectorId = back.pathname.split('/')[3] ?? null;
  await finishCallback(broker, { received: back.searchParams, connectorId, cookieOf: () => browser, visitor: 'local' });
  return broker.vault.findAttempt(attemptId);
}

async function connected(input: Partial<CreateInput> = {}): Promise<string> {
  const started = await begin(input);
  const attempt = await deliver(started, await clickThrough(started.url));
  if (attempt?.credentialId) return attempt.credentialId;
  throw new Error(JSON.stringify(attempt?.error));
}

/** An answer with a code, at the redirect URI that was asked for. */
function answerTo({ url }: Started, more: Record<string, string> = {}): URL {
  const back = new URL(url.searchParams.get('redirect_uri') ?? '');
  back.search = new URLSearchParams({ code: 'c', state: url.searchParams.get('state') ?? '', ...more }).toString();
  return back;
}

const clientAt = async (input: Partial<CreateInput> = {}) => (await begin(input)).url.searchParams.get('client_id');
const asked = (path: string) => mcp.seen.filter(({ method, url }) => method === 'POST' && url === path);

describe('a document on somebody’s web space', () => {
  it('245. names a Keyward without an https address at every server that reads documents, and nothing is registered', async () => {
    const server = await trusted();
    await start({ allow: [web.host, new URL(server.issuer).host] });
    await publish();
    const started = await begin();
    expect(started.url.searchParams.get('client_id')).toBe(address);
    expect(started.url.searchParams.get('redirect_uri')).toBe(shared);
    const attempt = await deliver(started, await clickThrough(started.url));
    const id = attempt?.credentialId ?? '';
    const credential = await credentialOf(broker, me, id);
    const config = await broker.vault.get('authConfig', me, credential.authConfigId ?? '');
    expect(config).toMatchObject({ clientId: address, server: server.issuer, registration: { redirectUri: shared } });
    await ageTokens(broker, me, id, -1_000);
    await fresh(broker, await credentialOf(broker, me, id));
    expect(server.calls.refresh_token).toBe(1);
    expect(await clientAt()).toBe(address);
  });

  describe('246. an answer of another server at the redirect URI that all servers share goes nowhere', () => {
    beforeEach(async () => {
      own();
      await start();
      await publish();
    });
    const sentOn = () => asked('/token').length;

    it.each<[string, Record<string, string>]>([
      ['says that another server gave it', { iss: 'https://honest.example' }],
      ['says nothing of who gave it', {}],
    ])('one that %s', async (_, more) => {
      const started = await begin();
      expect(started.url.searchParams.get('redirect_uri')).toBe(shared);
      expect(await deliver(started, answerTo(started, more))).toMatchObject({
        status: 'failed',
        error: { code: 'provider_garbled' },
      });
      expect(sentOn()).toBe(0);
    });

    it('one that says nothing of it, after the server stopped saying that it does', async () => {
      const started = await begin();
      own({ authorization_response_iss_parameter_supported: undefined });
      // What was asked before is not remembered on a new way out.
      broker = { ...broker, egress: withWeb(test.broker.egress) };
      expect(await deliver(started, answerTo(started))).toMatchObject({ error: { code: 'provider_garbled' } });
      expect(sentOn()).toBe(0);
    });

    it('and a server that does not say who it is in its answers is registered at, with a redirect URI of its own', async () => {
      own({ authorization_response_iss_parameter_supported: false });
      broker = { ...broker, egress: withWeb(test.broker.egress) };
      const { url } = await begin();
      expect(url.searchParams.get('client_id')).toBe('registered');
      expect(url.searchParams.get('redirect_uri')).toMatch(/\/oauth\/callback\/mcp-server\.[0-9a-f]{16}$/);
    });
  });

  it.each<[string, (document: Record<string, unknown>) => Parameters<OddServer['paths']['set']>[1], string]>([
    ['is not there', () => ({ status: 404 }), 'status 404'],
    ['is somewhere else', () => ({ status: 302, headers: { location: '/other' } }), 'status 302'],
    ['is no JSON', () => ({ body: '<html>' }), 'no JSON'],
    ['is too long for servers', (document) => ({ body: { ...document, logo: 'x'.repeat(6_000) } }), 'longer'],
    ['has another id', (document) => ({ body: { ...document, client_id: 'https://evil.example/' } }), 'client_id'],
    [
      'has another redirect URI',
      (document) => ({ body: { ...document, redirect_uris: ['http://127.0.0.1:1/'] } }),
      shared,
    ],
    ['holds a secret', (document) => ({ body: { ...document, client_secret: 'x' } }), 'everybody can read'],
    [
      'has another key',
      (document) => ({ body: { ...document, token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [] } } }),
      'jwks',
    ],
  ])('247. is not used while it %s: nobody is sent where they would see an error', async (_, answer, problem) => {
    own();
    await start();
    web.paths.set('/keyward.json', answer(await documentFor(broker, address, 'none')));
    expect((await readDocument(broker, address)).problems.join()).toContain(problem);
    expect(await clientAt()).toBe('registered');
    expect(test.logged()).toContain('client_document_unusable');
  });

  it('may say more than it has to', async () => {
    await start();
    await publish('none', {
      client_name: 'Ann’s Keyward',
      logo_uri: 'https://ann.example/l.png',
      redirect_uris: [shared, 'http://localhost/x'],
    });
    expect(await readDocument(broker, address)).toEqual({ method: 'none', problems: [] });
  });
});

describe('248. a server that refuses the client of the document', () => {
  it('with a page is registered at before anybody sees that page', async () => {
    own();
    mcp.paths.set('/authorize', { status: 400, body: '<html>unknown client</html>' });
    await start();
    await publish();
    expect(await clientAt()).toBe('registered');
  });

  it('at the exchange is registered at with the next connection', async () => {
    own();
    mcp.paths.set('/token', { status: 401, body: { error: 'invalid_client' } });
    await start();
    await publish();
    const started = await begin();
    const attempt = await deliver(started, answerTo(started, { iss: mcp.origin }));
    expect(attempt).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('registers anew') } });
    expect(await clientAt()).toBe('registered');
  });

  it('in the browser is registered at from the page, with a redirect URI of its own; then the person may enter a client', async () => {
    own();
    await start();
    await publish();
    const { attemptId, browser, csrf } = await begin();
    const sender = { browser, csrf, visitor: 'local' } as const;
    await forgetAuthConfig(broker, attemptId, sender);
    const { url } = await look(attemptId, browser);
    expect(url.searchParams.get('client_id')).toBe('registered');
    expect(url.searchParams.get('redirect_uri')).toMatch(/mcp-server\.[0-9a-f]{16}$/);
    await forgetAuthConfig(broker, attemptId, sender);
    expect(await viewAttempt(broker, attemptId, browser, 'local')).toMatchObject({ step: 'auth_config' });
  });

  it('and takes no registrations is asked about on the page', async () => {
    own({ registration_endpoint: undefined });
    mcp.paths.set('/authorize', { status: 400 });
    await start();
    await publish();
    await expect(begin()).rejects.toThrow('At auth_config');
  });

  it('once at a refresh, perhaps because it could not read it, is asked again before the connection ends', async () => {
    own();
    mcp.paths.set('/token', { body: { access_token: 'at', refresh_token: 'rt', expires_in: 3600 } });
    await start();
    await publish();
    const started = await begin();
    const { credentialId } = (await deliver(started, answerTo(started, { iss: mcp.origin }))) ?? {};
    const id = credentialId ?? '';
    await ageTokens(broker, me, id, -1_000);
    mcp.paths.set('/token', { status: 401, body: { error: 'invalid_client' } });
    await expect(fresh(broker, await credentialOf(broker, me, id))).rejects.toMatchObject({ code: 'provider_refused' });
    expect(await credentialOf(broker, me, id)).toMatchObject({ status: 'active' });
    for (const [key, cooling] of broker.coolDowns) broker.coolDowns.set(key, { ...cooling, until: 0 });
    await expect(fresh(broker, await credentialOf(broker, me, id))).rejects.toMatchObject({
      code: 'reconnect_required',
    });
  });
});

describe('a server that knows its clients by a key', () => {
  const byKey = { clientAuthMethods: ['private_key_jwt'] } as const;

  it.each([
    ['249. registered', null, 'http://127.0.0.1:7355'],
    ['249. named by the document of somebody’s web space', address, 'http://127.0.0.1:7355'],
    ['249. named by a document of its own', null, 'https://keyward.example'],
  ])('%s, Keyward connects, refreshes and revokes with its key', async (_, clientMetadataUrl, callbackOrigin) => {
    const server = await trusted(byKey);
    const allow = [web.host, new URL(server.issuer).host];
    await start({ allow, settings: { clientMetadataUrl }, pages: { callbackOrigin } });
    await publish('private_key_jwt');
    const id = await connected();
    const { authConfigId } = await credentialOf(broker, me, id);
    const config = await broker.vault.get('authConfig', me, authConfigId ?? '');
    expect(config?.registration).toMatchObject({ tokenEndpointAuthMethod: 'private_key_jwt' });
    expect(config?.clientId.startsWith('https:')).toBe(
      clientMetadataUrl !== null || callbackOrigin.startsWith('https'),
    );
    // A rotated data key seals the same key.
    await rotateDataKey(test.store);
    await ageTokens(broker, me, id, -1_000);
    await fresh(broker, await credentialOf(broker, me, id));
    expect(server.calls.refresh_token).toBe(1);
    const { refreshToken } = await tokensOf(broker, me, id);
    expect(await deleteCredential(broker, me, { credentialId: id })).toMatchObject({ revocation: 'revoked' });
    expect(await server.isActive(refreshToken ?? '')).toBe(false);
  });

  it('a server that takes clients without a secret never sees the key, and no key is made', async () => {
    own({ token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'] });
    await start({ settings: { clientMetadataUrl: null } });
    await begin();
    expect(JSON.parse(asked('/register')[0]?.body ?? '')).toMatchObject({ token_endpoint_auth_method: 'none' });
    expect(await findClientKey(broker)).toBeNull();
  });

  it('one with other algorithms than the key’s is asked about on the page', async () => {
    const methods = { token_endpoint_auth_methods_supported: ['private_key_jwt'] };
    own({ ...methods, token_endpoint_auth_signing_alg_values_supported: ['RS256'] });
    mcp.paths.set('/register', { status: 400, body: { error: 'invalid_client_metadata' } });
    await start({ settings: { clientMetadataUrl: null } });
    await expect(begin()).rejects.toThrow('At auth_config');
    expect(asked('/register').some(({ body }) => body.includes('jwks'))).toBe(false);
  });

  it('250. the key of another vault, an assertion that was used, and one for another server are refused', async () => {
    const server = await trusted(byKey);
    await start({ allow: [web.host, new URL(server.issuer).host], settings: { clientMetadataUrl: null } });
    const id = await connected();
    const context = await oauthContext(broker, await credentialOf(broker, me, id));
    const { auth } = context;
    if (auth.authenticationType !== 'oauth2') throw new Error('Not reached.');
    const { refreshToken } = await tokensOf(broker, me, id);
    const grant = { refreshToken: refreshToken ?? '', kept: {} };
    const other = await startBroker({ origin: mcp.origin });
    closing.push(() => other.close());
    const stolen = { ...context.client, key: () => clientKey(other.broker) };
    await expect(refreshTokens({ ...context, auth, client: stolen }, grant)).rejects.toMatchObject({
      details: { providerError: 'invalid_client' },
    });

    const { clientId } = context.client;
    const post = async (assertion: string) => {
      const body = new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: 'none',
        client_id: clientId,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
      });
      return (await fetch(`${server.issuer}/token`, { method: 'POST', body })).json();
    };
    const good = await clientAssertion(clientId, server.issuer, await clientKey(broker));
    expect(await post(good)).toMatchObject({ error: 'invalid_grant' });
    expect(await post(good)).toMatchObject({ error: 'invalid_client' });
    const elsewhere = await clientAssertion(clientId, mcp.origin, await clientKey(broker));
    expect(await post(elsewhere)).toMatchObject({ error: 'invalid_client' });
  });

  it('251. each request has an assertion of its own, for this issuer alone and for a minute; a lost answer is not asked for with the same one', async () => {
    own({ token_endpoint_auth_methods_supported: ['private_key_jwt'], revocation_endpoint: `${mcp.origin}/revoke` });
    mcp.paths.set('/register', (body) => ({ status: 201, body: { ...JSON.parse(body), client_id: 'k1' } }));
    mcp.paths.set('/token', { body: { access_token: 'at', refresh_token: 'rt', expires_in: 3600 } });
    mcp.paths.set('/revoke', { fault: 'reset' });
    await start({ settings: { clientMetadataUrl: null } });
    const started = await begin();
    const { credentialId } = (await deliver(started, answerTo(started, { iss: mcp.origin }))) ?? {};
    const id = credentialId ?? '';
    await ageTokens(broker, me, id, -1_000);
    await fresh(broker, await credentialOf(broker, me, id));
    await deleteCredential(broker, me, { credentialId: id });
    const sent = [...asked('/token'), ...asked('/revoke')].map(({ body }) => new URLSearchParams(body));
    const assertions = sent.map((params) => params.get('client_assertion') ?? '');
    expect(assertions).toHaveLength(3);
    expect(new Set(assertions.map((one) => decodeJwt(one).jti)).size).toBe(3);
    for (const one of assertions) {
      const { iss, sub, aud, exp = 0, iat = 0 } = decodeJwt(one);
      expect({ iss, sub, aud }).toEqual({ iss: 'k1', sub: 'k1', aud: mcp.origin });
      expect(exp - iat).toBeLessThanOrEqual(60);
      expect(decodeProtectedHeader(one)).toMatchObject({ alg: 'ES256', typ: 'client-authentication+jwt' });
    }
    expect(sent.some((params) => params.has('client_secret'))).toBe(false);
  });

  it('252. there is one key for each vault, sealed, and nobody sees more than its public half', async () => {
    await start();
    const second = await startBroker({ origin: mcp.origin, folder: test.folder });
    closing.push(() => second.close());
    const [one, other] = await Promise.all([clientKey(broker), clientKey(second.broker)]);
    expect(one.kid).toBe(other.kid);
    const { d } = one.privateKey.export({ format: 'jwk' });
    const shown = JSON.stringify([await documentFor(broker, address, 'private_key_jwt'), await test.audited()]);
    expect(shown).toContain(one.kid);
    expect(shown + test.logged()).not.toContain(d);
    expect(Object.keys(one.publicKeys.keys[0] ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    for (const owner of [me, { tenant: 'local', user: 'bob' }])
      expect(await broker.vault.list('authConfig', owner, {}, { limit: 10 })).toEqual([]);
    // Somebody who asks for a document makes no key.
    const fresh = await startBroker({ origin: mcp.origin, pages: { callbackOrigin: 'https://keyward.example' } });
    closing.push(() => fresh.close());
    expect(await servedDocument(fresh.broker, `mcp-server.${'a'.repeat(16)}.jwt`)).toBeNull();
    expect(await findClientKey(fresh.broker)).toBeNull();
  });

  it('249. a code for another device, too, is asked for, polled and revoked with the key', async () => {
    await start();
    const key = await clientKey(broker);
    const jwks = { keys: [...key.publicKeys.keys] } as never;
    const client = {
      client_id: 'keyed',
      client_secret: undefined as never,
      token_endpoint_auth_method: 'private_key_jwt' as const,
      jwks,
    };
    const server = await startAuthorizationServer({ clients: [client] });
    closing.push(() => server.close());
    const context = oauth2Context(server.issuer, {
      client: { clientId: 'keyed', clientSecret: null, key: async () => key },
    });
    const method = 'private_key_jwt' as const;
    const revocation = { ...context.auth.revocation, authMethod: method };
    const keyed = { ...context, auth: { ...context.auth, tokenEndpointAuthMethod: method, revocation } };
    const { deviceCode, verificationUriComplete } = await startDevice(keyed);
    await approveDevice(verificationUriComplete ?? '');
    const poll = await pollDevice(keyed, deviceCode);
    if (poll.pending) throw new Error('The person had finished.');
    expect(await revoke(keyed, poll.tokens)).toBe('revoked');
  });
});
