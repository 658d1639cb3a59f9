/**
 * A connector file that changes under a stored connection or OAuth client: what was given for one authorization server
 * goes to no other, whichever endpoint the file moves.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callApi } from '../../../src/broker/calls/call-api.ts';
import { finishCallback } from '../../../src/broker/connect/callback.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import type { CreateInput } from '../../../src/broker/connect/create-input.ts';
import { viewAttempt } from '../../../src/broker/connect/page.ts';
import { submitAuthConfig } from '../../../src/broker/connect/page-forms.ts';
import { deleteCredential } from '../../../src/broker/credentials/delete.ts';
import { getCredentialMetadata } from '../../../src/broker/credentials/metadata.ts';
import { verifyCredential } from '../../../src/broker/credentials/verify.ts';
import { addAuthConfig } from '../../../src/broker/grants/auth-configs.ts';
import { contextWith } from '../../../src/broker/grants/oauth-context.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import { ageTokens, credentialOf, startBroker, type TestBroker, tokensOf } from '../../support/broker.ts';
import { type OddServer, startOddServer } from '../../support/servers/odd-server.ts';

const id = 'custom.moving';
let own: OddServer;
let thief: OddServer;
let keyward: TestBroker;
/** Brokers that stopped, whose folder the next one uses. */
let first: TestBroker;

beforeEach(async () => {
  [own, thief] = await Promise.all([startOddServer(), startOddServer()]);
  for (const server of [own, thief]) {
    server.answer = { body: { access_token: 'access-token-1', refresh_token: 'refresh-token-1', expires_in: 3600 } };
    const metadata = { issuer: server.origin, token_endpoint: `${server.origin}/token` };
    server.paths.set('/.well-known/oauth-authorization-server', { body: metadata });
  }
  first = await startBroker({ origin: own.origin, allow: [thief.host], definitions: [file()], ...settings });
  keyward = first;
});
afterEach(async () => {
  if (keyward !== first) await keyward.close();
  await first.close();
  await Promise.all([own.close(), thief.close()]);
});

const settings = { settings: { authConfigs: new Map() } };
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

type Endpoints = Readonly<Record<string, string | undefined>>;

/** The connector; `moved` are endpoints over its own, for every authentication type that has them. */
function file(moved: Endpoints = {}) {
  const { authorizationEndpoint, refreshEndpoint, deviceAuthorizationEndpoint, ...others } = {
    authorizationEndpoint: `${own.origin}/auth`,
    tokenEndpoint: `${own.origin}/token`,
    revocationEndpoint: `${own.origin}/revoke`,
    deviceAuthorizationEndpoint: `${own.origin}/device`,
    refreshEndpoint: undefined,
    ...moved,
  };
  return {
    id,
    name: 'Moving',
    categories: ['testing'],
    docsUrl: 'https://moving.example/docs',
    appUrl: 'https://moving.example/apps',
    api: { baseUrl: `${own.origin}/v1`, allowedHosts: [own.host], verify: { path: '/me' } },
    auth: [
      { authenticationType: 'oauth2', authorizationEndpoint, refreshEndpoint, deviceAuthorizationEndpoint, ...others },
      { authenticationType: 'oauth2_client_credentials', ...others },
      {
        authenticationType: 'oauth2_jwt_bearer',
        ...others,
        tokenEndpoint: others.tokenEndpoint ?? `${own.origin}/token`,
        inputs: {
          type: 'object',
          properties: {
            account: { type: 'string' },
            key: { type: 'string', writeOnly: true, contentMediaType: 'application/json' },
          },
          required: ['account', 'key'],
        },
        assertion: { issuer: 'account', privateKey: 'key.pem', audience: 'https://moving.example', algorithm: 'ES256' },
      },
    ],
  };
}

/** Somebody changes the connector file, and Keyward starts again. */
async function restarted(moved: Endpoints, definition: object = file(moved)): Promise<void> {
  await writeFile(join(first.folder, 'connectors', `${id}.json`), JSON.stringify(definition));
  if (keyward !== first) await keyward.close();
  keyward = await startBroker({ origin: own.origin, allow: [thief.host], folder: first.folder, ...settings });
}

const client = { connectorId: id, clientId: 'keyward', clientSecret: 'client-secret-1' };
const start = (input: Partial<CreateInput>) =>
  createCredential(
    keyward.broker,
    me,
    { connectorId: id, authenticationType: 'oauth2', ...input },
    { obtainedBy: 'tool' },
  );

async function created(input: Partial<CreateInput>): Promise<string> {
  const outcome = await start(input);
  if (outcome.kind === 'created') return outcome.credentialId;
  throw new Error('Something was left to ask.');
}

/** The page of an attempt that was started with this, in a browser of its own. */
async function opened(input: Partial<CreateInput>) {
  const outcome = await start(input);
  if (outcome.kind !== 'attempt') throw new Error('Nothing was left to ask.');
  const { attemptId } = outcome;
  const browser = randomBytes(16).toString('base64url');
  return { attemptId, browser, look: () => viewAttempt(keyward.broker, attemptId, browser, 'local') };
}

/** The person consents at the service, which sends a code. */
async function consented({ attemptId, browser, look }: Awaited<ReturnType<typeof opened>>): Promise<string> {
  const view = await look();
  if (view.step !== 'authorize') throw new Error(`Not at the service but at ${view.step}.`);
  const state = new URL(view.authorizationUrl).searchParams.get('state') ?? '';
  const received = new URLSearchParams({ code: 'code-1', state });
  await finishCallback(keyward.broker, { received, connectorId: null, cookieOf: () => browser, visitor: 'local' });
  const { credentialId, error } = (await keyward.broker.vault.findAttempt(attemptId)) ?? {};
  if (credentialId) return credentialId;
  throw new Error(`Not connected: ${JSON.stringify(error)}`);
}

const connect = async (input: Partial<CreateInput> = {}) => consented(await opened(input));
const call = (connectionId: string) => callApi(keyward.broker, me, { connectionId, method: 'GET', path: '/x' });
const key = JSON.stringify({ pem: privateKey.export({ type: 'pkcs8', format: 'pem' }) });
/** One connection of each type that has tokens. */
const connections: Readonly<Record<string, () => Promise<string>>> = {
  oauth2: () => connect(),
  oauth2_client_credentials: () => created({ authenticationType: 'oauth2_client_credentials' }),
  oauth2_jwt_bearer: () => created({ authenticationType: 'oauth2_jwt_bearer', account: 'robot', key }),
};
const types = Object.keys(connections);
const made = (type: string) => connections[type]?.() ?? '';

describe('a refresh token, a client secret or a signed assertion goes to no other host than it was made for', () => {
  it.each(types)('when the file of a connection by %s names another token endpoint', async (type) => {
    await addAuthConfig(keyward.broker, me, client);
    const connectionId = await made(type);
    await restarted({ tokenEndpoint: `${thief.origin}/token` });
    await ageTokens(keyward.broker, me, connectionId, -1_000);

    const hint = `Call create_credential with credentialId ${connectionId} and give the person the link.`;
    await expect(call(connectionId)).rejects.toMatchObject({
      code: 'reconnect_required',
      message: expect.stringContaining(`now names ${thief.host} as its authorization server`),
      hint,
    });
    expect(await verifyCredential(keyward.broker, me, { credentialId: connectionId })).toMatchObject({
      status: 'reconnect_required',
      detail: expect.stringContaining(hint),
    });
    expect(thief.seen).toEqual([]);
  });

  it.each<[string, Endpoints]>([
    ['another endpoint for refreshing', { refreshEndpoint: 'thief' }],
    ['an issuer that names the endpoint', { tokenEndpoint: undefined, issuer: 'thief' }],
  ])('when the file names %s', async (_, moved) => {
    await addAuthConfig(keyward.broker, me, client);
    const connectionId = await connect();
    const at = (value: string | undefined) => (value === 'thief' ? thief.origin : value);
    await restarted(Object.fromEntries(Object.entries(moved).map(([name, value]) => [name, at(value)])));
    await ageTokens(keyward.broker, me, connectionId, -1_000);
    await expect(call(connectionId)).rejects.toMatchObject({ code: 'reconnect_required' });
    expect(thief.seen).toEqual([]);
  });

  it('when the file names another revocation endpoint: deleting says that nothing was revoked', async () => {
    await addAuthConfig(keyward.broker, me, client);
    const credentialId = await connect();
    await restarted({ revocationEndpoint: `${thief.origin}/revoke` });
    const deleted = await deleteCredential(keyward.broker, me, { credentialId });
    expect(deleted).toMatchObject({ deleted: true, revocation: 'failed' });
    expect(thief.seen).toEqual([]);
  });

  it('when a connection named its server itself, and the file names another endpoint beside that', async () => {
    const server = { type: 'string' };
    const auth = {
      authenticationType: 'oauth2_client_credentials',
      issuer: '{+issuer}',
      inputs: { type: 'object', properties: { issuer: server }, required: ['issuer'] },
    };
    await restarted({}, { ...file(), auth: [auth] });
    const { authenticationType } = auth;
    const page = await opened({ authenticationType, issuer: own.origin });
    const sender = { browser: page.browser, csrf: (await page.look()).csrf, visitor: 'local' } as const;
    expect(await submitAuthConfig(keyward.broker, page.attemptId, sender, client)).toBeNull();
    const { credentialId: connectionId } = (await keyward.broker.vault.findAttempt(page.attemptId)) ?? {};
    if (!connectionId) throw new Error('Not connected.');
    await restarted({}, { ...file(), auth: [{ ...auth, tokenEndpoint: `${thief.origin}/token` }] });
    await ageTokens(keyward.broker, me, connectionId, -1_000);
    await expect(call(connectionId)).rejects.toMatchObject({ code: 'reconnect_required' });
    const again = await opened({ authenticationType, issuer: own.origin });
    expect(await again.look()).toMatchObject({
      step: 'auth_config',
      destination: expect.stringContaining(thief.host),
    });
    expect(thief.seen).toEqual([]);
  });

  it('also where the client comes from the environment, once there is a connection', async () => {
    const authConfigs = new Map([[id, { clientId: 'keyward', clientSecret: 'client-secret-1' }]]);
    settings.settings.authConfigs = authConfigs;
    try {
      await restarted({});
      const connectionId = await connect();
      await restarted({ tokenEndpoint: `${thief.origin}/token` });
      await ageTokens(keyward.broker, me, connectionId, -1_000);
      await expect(call(connectionId)).rejects.toMatchObject({ code: 'reconnect_required' });
      expect(thief.seen).toEqual([]);
    } finally {
      settings.settings.authConfigs = new Map();
    }
  });
});

describe('a client secret is sent to no other host than it was entered for', () => {
  it.each(types.slice(0, 2))(
    'when somebody connects by %s: the person is asked for the client, and sees the host',
    async (type) => {
      const { authConfigId } = await addAuthConfig(keyward.broker, me, client);
      await restarted({ tokenEndpoint: `${thief.origin}/token` });
      const { look } = await opened({ authenticationType: type });
      const view = await look();
      expect(view.step).toBe('auth_config');
      expect(view.destination).toContain(thief.host);
      const { metadata } = await getCredentialMetadata(keyward.broker, me, { connectorId: id }, 'model');
      expect(metadata.find((one) => one.authenticationType === type)).toMatchObject({ authConfigRequired: true });
      // Naming the client does not help either.
      await expect(start({ authenticationType: type, authConfigId })).rejects.toMatchObject({
        code: 'forbidden',
        hint: expect.stringContaining('leave authConfigId out'),
      });
      expect(thief.seen).toEqual([]);
    },
  );

  it.each(['refreshEndpoint', 'revocationEndpoint', 'deviceAuthorizationEndpoint'])(
    'when the file moves its %s: the page names that host too',
    async (endpoint) => {
      await addAuthConfig(keyward.broker, me, client);
      await restarted({ [endpoint]: `${thief.origin}/x` });
      const { look } = await opened({});
      expect(await look()).toMatchObject({ step: 'auth_config', destination: expect.stringContaining(thief.host) });
      const device = await opened({ flow: 'device' });
      expect(await device.look()).toMatchObject({ step: 'auth_config' });
      expect(thief.seen).toEqual([]);
    },
  );

  it('when the file moves while the person is at the service: the code goes nowhere', async () => {
    await addAuthConfig(keyward.broker, me, client);
    const { attemptId, browser, look } = await opened({});
    const view = await look();
    const url = new URL(view.step === 'authorize' ? view.authorizationUrl : '');
    const received = new URLSearchParams({ code: 'code-1', state: url.searchParams.get('state') ?? '' });
    await restarted({ tokenEndpoint: `${thief.origin}/token` });
    await finishCallback(keyward.broker, { received, connectorId: null, cookieOf: () => browser, visitor: 'local' });
    expect(await keyward.broker.vault.findAttempt(attemptId)).toMatchObject({
      status: 'failed',
      error: { code: 'reconnect_required' },
    });
    expect([...own.seen, ...thief.seen]).toEqual([]);
  });
});

describe('a connection whose server moved', () => {
  it('is connected again in place, with a client that the person enters for the new host', async () => {
    await addAuthConfig(keyward.broker, me, client);
    const credentialId = await connect();
    await restarted({ tokenEndpoint: `${thief.origin}/token` });
    const page = await opened({ credentialId });
    const { csrf } = await page.look();
    const sender = { browser: page.browser, csrf, visitor: 'local' } as const;
    const typed = { clientId: 'keyward-2', clientSecret: 'client-secret-2' };
    expect(await submitAuthConfig(keyward.broker, page.attemptId, sender, typed)).toBeNull();
    expect(await consented(page)).toBe(credentialId);
    await ageTokens(keyward.broker, me, credentialId, -1_000);
    await call(credentialId);
    const sent = thief.seen.map(({ url, body, headers }) => `${url} ${body} ${headers.authorization ?? ''}`).join('\n');
    expect(sent).toContain('grant_type=refresh_token');
    expect(sent).not.toContain(Buffer.from('keyward:client-secret-1').toString('base64'));
  });

  it('works again when its file is put right', async () => {
    await addAuthConfig(keyward.broker, me, client);
    const connectionId = await connect();
    await restarted({ tokenEndpoint: `${thief.origin}/token` });
    await ageTokens(keyward.broker, me, connectionId, -1_000);
    await expect(call(connectionId)).rejects.toMatchObject({ code: 'reconnect_required' });
    await restarted({});
    expect(await call(connectionId)).toMatchObject({ status: 200 });
  });

  it('goes on where only the path changed, or an endpoint that it does not need is elsewhere', async () => {
    await addAuthConfig(keyward.broker, me, client);
    const connectionId = await connect();
    await restarted({ tokenEndpoint: `${own.origin}/v2/token`, revocationEndpoint: `${thief.origin}/revoke` });
    await ageTokens(keyward.broker, me, connectionId, -1_000);
    expect(await call(connectionId)).toMatchObject({ status: 200 });
    expect(own.seen.map(({ url }) => url)).toContain('/v2/token');
    expect(thief.seen).toEqual([]);
  });
});

describe('what was stored before hosts were noted', () => {
  /** As an earlier Keyward stored it. */
  async function aged(connectionId: string): Promise<void> {
    const { vault } = keyward.broker;
    const { serverHosts: _, ...secret } = await tokensOf(keyward.broker, me, connectionId);
    const record = await credentialOf(keyward.broker, me, connectionId);
    await vault.commit([{ op: 'update', kind: 'credential', record, secret }]);
    for (const { hosts: _hosts, ...config } of await vault.list('authConfig', me, {}, { limit: 10 })) {
      await vault.commit([{ op: 'update', kind: 'authConfig', record: config }]);
    }
    await ageTokens(keyward.broker, me, connectionId, -1_000);
  }

  it.each(types)('by %s goes on to work, and stays with the hosts of its next refresh', async (type) => {
    await addAuthConfig(keyward.broker, me, client);
    const connectionId = await made(type);
    await aged(connectionId);
    expect(await call(connectionId)).toMatchObject({ status: 200 });
    await restarted({ tokenEndpoint: `${thief.origin}/token` });
    await ageTokens(keyward.broker, me, connectionId, -1_000);
    await expect(call(connectionId)).rejects.toMatchObject({ code: 'reconnect_required' });
    expect(thief.seen).toEqual([]);
  });

  it('as a client goes on to work, and stays with the hosts of its next use', async () => {
    await addAuthConfig(keyward.broker, me, client);
    await aged(await connect());
    await connect();
    await restarted({ tokenEndpoint: `${thief.origin}/token` });
    expect(await (await opened({})).look()).toMatchObject({ step: 'auth_config' });
  });
});

it('the built-in definitions move with their services: they are Keyward’s own word', () => {
  const config = { id: 'x', client: { clientId: 'x', clientSecret: 'y' }, scopes: null, hosts: ['old.example'] };
  const github = { connectorId: 'github', authenticationType: 'oauth2', inputs: {} };
  expect(contextWith(keyward.broker, github, config, ['older.example']).hosts).toBeNull();
  expect(contextWith(keyward.broker, { ...github, connectorId: id }, config).hosts).toEqual(['old.example']);
});
