import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Broker } from '../../../src/broker/broker.ts';
import { finishCallback } from '../../../src/broker/connect/callback.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import type { CreateInput } from '../../../src/broker/connect/create-input.ts';
import { viewAttempt } from '../../../src/broker/connect/page.ts';
import { agreeToHandOver, submitAuthConfig, submitInputs } from '../../../src/broker/connect/page-forms.ts';
import { clientName } from '../../../src/broker/grants/redirect-uri.ts';
import { fresh } from '../../../src/broker/grants/refresh.ts';
import type { Sender } from '../../../src/broker/visitors/visitor.ts';
import { loadCatalogue } from '../../../src/connectors/catalogue.ts';
import { inject } from '../../../src/connectors/inject.ts';
import { fillUrl } from '../../../src/connectors/template.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import { ageTokens, credentialOf, principal, startBroker, type TestBroker, tokensOf } from '../../support/broker.ts';
import { clickThrough } from '../../support/clients/click-through.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../../support/servers/authorization-server.ts';
import { startOddServer } from '../../support/servers/odd-server.ts';

const catalogue = await loadCatalogue(null);
const baseUrl = 'https://api.example.com/v1';
let server: AuthorizationServer;
let test: TestBroker;

beforeAll(async () => {
  // The redirect URI follows from the address of the server, which is known only once it has a port.
  const any = await startAuthorizationServer();
  await any.close();
  const issuer = any.issuer;
  const callback = (id: string, of: string) =>
    `http://127.0.0.1/oauth/callback/${clientName(catalogue.require(id), of)}`;
  const redirect_uris = [callback('generic-oauth2', `${issuer}/token`), callback('generic-openid', issuer)];
  const clients = [{ redirect_uris, token_endpoint_auth_method: 'client_secret_post' as const }];
  server = await startAuthorizationServer({ port: any.port, clients, registration: true });
  test = await startBroker({ origin: server.issuer });
});
afterAll(async () => {
  await test.close();
  await server.close();
});

const create = (input: CreateInput, who = me) => createCredential(test.broker, who, input, { obtainedBy: 'tool' });

async function pageOf(input: CreateInput, who = me) {
  const created = await create(input, who);
  if (created.kind !== 'attempt') throw new Error('Nothing was left to ask.');
  const { attemptId } = created;
  const browser = randomBytes(16).toString('base64url');
  const look = () => viewAttempt(test.broker, attemptId, browser, 'local');
  const sender = { browser, csrf: (await look()).csrf, visitor: 'local' as const };
  if (input.authenticationType.startsWith('oauth2')) await agree(test.broker, attemptId, sender);
  return { attemptId, browser, view: await look(), look, sender };
}

/** The API is of another site than the server of its tokens, which the person agrees to. */
async function agree(broker: Broker, attemptId: string, sender: Sender): Promise<void> {
  const { step, ...asked } = await viewAttempt(broker, attemptId, sender.browser ?? '', sender.visitor);
  expect([step, asked]).toEqual(['hand_over', expect.objectContaining({ givenTo: 'example.com' })]);
  const agreement = `${'tokenOf' in asked ? asked.tokenOf : ''} > example.com`;
  expect(await agreeToHandOver(broker, attemptId, sender, { agreement })).toBeNull();
}

async function consented(page: Awaited<ReturnType<typeof pageOf>>): Promise<string> {
  const view = await page.look();
  if (view.step !== 'authorize') throw new Error(`At ${JSON.stringify(view)}`);
  const back = await clickThrough(view.authorizationUrl);
  const connectorId = back.pathname.split('/')[3] ?? null;
  const { searchParams: received } = back;
  await finishCallback(test.broker, { received, connectorId, cookieOf: () => page.browser, visitor: 'local' });
  const attempt = await test.broker.vault.findAttempt(page.attemptId);
  if (!attempt?.credentialId) throw new Error(JSON.stringify(attempt?.error));
  return attempt.credentialId;
}

const client = { clientId: 'keyward', clientSecret: 'keyward-secret' };

describe('the generic connectors', () => {
  it('connect any OAuth server whose endpoints are given, with scopes of the connection', async () => {
    const page = await pageOf({
      connectorId: 'generic-oauth2',
      authenticationType: 'oauth2',
      baseUrl,
      authorizationEndpoint: `${server.issuer}/auth`,
      tokenEndpoint: `${server.issuer}/token`,
      scopes: 'openid offline_access',
    });
    const { host } = new URL(server.issuer);
    expect(page.view).toMatchObject({ step: 'auth_config', destination: `api.example.com and ${host}` });
    expect(await submitAuthConfig(test.broker, page.attemptId, page.sender, client)).toBeNull();
    const id = await consented(page);
    const credential = await credentialOf(test.broker, me, id);
    expect(credential).toMatchObject({ hosts: ['api.example.com'], scopes: ['openid', 'offline_access'] });
    const before = await tokensOf(test.broker, me, id);
    await ageTokens(test.broker, me, id, -1_000);
    const { secret } = await fresh(test.broker, await credentialOf(test.broker, me, id));
    expect(secret).toMatchObject({ kind: 'tokens' });
    expect(await tokensOf(test.broker, me, id)).not.toMatchObject({ accessToken: before.accessToken });
  });

  it('connect any OpenID issuer, where Keyward registers itself', async () => {
    const page = await pageOf({
      connectorId: 'generic-openid',
      authenticationType: 'oauth2',
      baseUrl,
      issuer: server.issuer,
    });
    expect(page.view).toMatchObject({ step: 'authorize', scopes: ['openid', 'offline_access'] });
    const id = await consented(page);
    expect(await tokensOf(test.broker, me, id)).toMatchObject({ refreshToken: expect.any(String) });
  });

  it('connect an issuer that is built like Google: its token endpoint elsewhere, no offline_access, no Basic', async () => {
    const google = await startOddServer({ status: 404 });
    const elsewhere = google.origin.replace('127.0.0.1', 'localhost');
    const { broker, close } = await startBroker({ origin: google.origin, allow: [new URL(elsewhere).host] });
    google.paths.set('/.well-known/openid-configuration', {
      body: {
        issuer: google.origin,
        authorization_endpoint: `${google.origin}/auth`,
        token_endpoint: `${elsewhere}/token`,
        revocation_endpoint: `${elsewhere}/revoke`,
        scopes_supported: ['openid', 'email', 'profile'],
        code_challenge_methods_supported: ['S256'],
        token_endpoint_auth_methods_supported: ['client_secret_post'],
      },
    });
    google.paths.set('/token', { body: { access_token: 'at-1', refresh_token: 'rt-1', expires_in: 3600 } });
    const input = { connectorId: 'generic-openid', authenticationType: 'oauth2', baseUrl, issuer: google.origin };
    const created = await createCredential(broker, me, input, { obtainedBy: 'tool' });
    const attemptId = created.kind === 'attempt' ? created.attemptId : '';
    const look = () => viewAttempt(broker, attemptId, 'b', 'local');
    const sender = { browser: 'b', csrf: (await look()).csrf, visitor: 'local' } as const;
    await agree(broker, attemptId, sender);
    await submitAuthConfig(broker, attemptId, sender, client);
    const view = await look();
    const url = new URL(view.step === 'authorize' ? view.authorizationUrl : '');
    expect(Object.fromEntries(url.searchParams)).toMatchObject({ scope: 'openid', access_type: 'offline' });
    const state = url.searchParams.get('state') ?? '';
    const received = new URLSearchParams({ code: 'c', state, iss: google.origin });
    const connectorId = url.searchParams.get('redirect_uri')?.split('/').at(-1) ?? null;
    await finishCallback(broker, { received, connectorId, cookieOf: () => 'b', visitor: 'local' });
    const { credentialId } = (await broker.vault.findAttempt(attemptId)) ?? {};
    expect(await tokensOf(broker, me, credentialId ?? '')).toMatchObject({ refreshToken: 'rt-1', scopes: ['openid'] });
    const sent = google.seen.at(-1);
    expect(sent?.headers).toMatchObject({ host: new URL(elsewhere).host });
    expect(sent?.headers).not.toHaveProperty('authorization');
    expect(Object.fromEntries(new URLSearchParams(sent?.body))).toMatchObject({ client_secret: client.clientSecret });
    await close();
    await google.close();
  });

  it('let a client act for itself, once a person has entered it', async () => {
    const carol = principal('carol');
    const input = {
      connectorId: 'generic-oauth2',
      authenticationType: 'oauth2_client_credentials',
      baseUrl,
      tokenEndpoint: `${server.issuer}/token`,
      scopes: 'read',
    };
    const page = await pageOf(input, carol);
    expect(page.view.step).toBe('auth_config');
    expect(await submitAuthConfig(test.broker, page.attemptId, page.sender, client)).toBeNull();
    const attempt = await test.broker.vault.findAttempt(page.attemptId);
    expect(await tokensOf(test.broker, carol, attempt?.credentialId ?? '')).toMatchObject({ scopes: ['read'] });
    // The client is known now, and who gets its tokens is still the person's to say.
    const again = await pageOf(input, carol);
    expect(again.view).toMatchObject({ step: 'completed' });
  });

  it.each([
    [
      'generic-api-key',
      'api_key',
      { apiKey: 'key-number-1' },
      { headers: { 'x-api-key': 'key-number-1' }, query: [], path: '' },
    ],
    [
      'generic-api-key',
      'api_key',
      { apiKey: 'key-number-1', headerName: 'Api-Token' },
      { headers: { 'api-token': 'key-number-1' }, query: [] },
    ],
    [
      'generic-api-key',
      'api_key',
      { apiKey: 'key-number-1', headerName: 'Authorization', scheme: 'Token' },
      { headers: { authorization: 'Token key-number-1' }, query: [] },
    ],
    [
      'generic-api-key-query',
      'api_key',
      { apiKey: 'key-number-1', parameterName: 'key' },
      { headers: {}, query: [['key', 'key-number-1']] },
    ],
    ['generic-http', 'bearer', { token: 'token-1' }, { headers: { authorization: 'Bearer token-1' }, query: [] }],
    [
      'generic-http',
      'basic',
      { username: 'u', password: 'p' },
      { headers: { authorization: 'Basic dTpw' }, query: [] },
    ],
  ])('%s (%s) sends %j where it belongs, to its one host', async (connectorId, authenticationType, given, sent) => {
    const created = await create({ connectorId, authenticationType, baseUrl, ...given });
    if (created.kind !== 'created') throw new Error('Something was left to ask.');
    const credential = await credentialOf(test.broker, me, created.credentialId);
    expect(credential.hosts).toEqual(['api.example.com']);
    const secret = await test.broker.vault.open('credential', credential);
    const auth = catalogue.require(connectorId).auth.find((one) => one.authenticationType === authenticationType);
    if (!auth || secret.kind !== 'inputs') throw new Error('Not reached.');
    expect(inject(auth.inject, { ...credential.inputs, ...secret.inputs })).toMatchObject(sent);
    expect(fillUrl(auth.api.baseUrl, credential.inputs, auth.api.allowedHosts).href).toBe(baseUrl);
  });

  it('say on the page where a secret will go, and take it there only', async () => {
    const page = await pageOf({ connectorId: 'generic-http', authenticationType: 'bearer', baseUrl });
    expect(page.view).toMatchObject({ step: 'inputs', destination: 'api.example.com' });
    expect(await submitInputs(test.broker, page.attemptId, page.sender, { baseUrl, token: 'token-2' })).toBeNull();
    const attempt = await test.broker.vault.findAttempt(page.attemptId);
    const credential = await credentialOf(test.broker, me, attempt?.credentialId ?? '');
    expect(credential.hosts).toEqual(['api.example.com']);
    const moved = {
      connectorId: 'generic-http',
      authenticationType: 'bearer',
      credentialId: credential.id,
      token: 'token-3',
    };
    await expect(create({ ...moved, baseUrl: 'https://evil.example/v1' })).rejects.toMatchObject({ code: 'forbidden' });
  });

  it.each([
    'http://api.example.com/v1',
    'https://u:p@api.example.com/v1',
    'https://api.example.com/#f',
    'https://api.example.com\\@evil.example/',
    'file:///etc/passwd',
  ])('56. refuse the base URL %s', async (url) => {
    const input = { connectorId: 'generic-http', authenticationType: 'bearer', baseUrl: url, token: 'token-4' };
    await expect(create(input)).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it.each(['Host', 'transfer-encoding', 'Content-Length'])('55. never send a key in the header %s', (headerName) => {
    const [auth] = catalogue.require('generic-api-key').auth;
    expect(() => inject(auth?.inject ?? [], { headerName, apiKey: 'key-number-2' })).toThrowError(
      expect.objectContaining({ code: 'invalid_input' }),
    );
  });
});
