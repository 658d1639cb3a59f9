/** Keyward against every simulated service: the odd ones work once the definition says how they are odd. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deleteCredential } from '../../src/broker/credentials/delete.ts';
import { verifyCredential } from '../../src/broker/credentials/verify.ts';
import type { OAuthClient } from '../../src/broker/oauth/context.ts';
import { localPrincipal } from '../../src/principal.ts';
import { ageTokens, connectAcme, startBroker, type TestBroker, tokensOf } from '../support/broker.ts';
import { client } from './client.ts';
import { doJob, tryToConnect } from './job.ts';
import type { Profile } from './profile.ts';
import { hostileNames, oddNames, type ProfileName, profiles } from './profiles.ts';
import { type Simulator, startSimulator } from './server.ts';

/** What a definition has to say of a service, besides its addresses. */
const says: Partial<Record<ProfileName, Readonly<Record<string, unknown>>>> = {
  'public-client': { publicClients: true },
  'secret-in-body': { tokenEndpointAuthMethod: 'client_secret_post' },
  'raw-basic': { tokenEndpointAuthMethod: 'client_secret_basic_raw' },
  'json-requests': { tokenEndpointAuthMethod: 'client_secret_basic_raw', bodyFormat: 'json' },
  'renamed-client-id': {
    tokenEndpointAuthMethod: 'client_secret_post',
    clientIdParam: 'client_key',
    scopeSeparator: ',',
  },
  'no-pkce': { tokenEndpointAuthMethod: 'client_secret_post', pkce: 'none' },
  'no-expiry': { tokenEndpointAuthMethod: 'client_secret_post' },
  'expiry-unsaid': { tokenResponse: { defaultExpiresIn: 3_600 } },
  'expiry-null': { tokenResponse: { defaultExpiresIn: 3_600 } },
  'expiry-in-milliseconds': { tokenResponse: { expiresInUnit: 'ms' } },
  'errors-with-200': { tokenEndpointAuthMethod: 'client_secret_post' },
  nested: {
    tokenEndpointAuthMethod: 'client_secret_post',
    scopeParam: 'user_scope',
    scopeSeparator: ',',
    tokenResponse: { tokenPath: 'authed_user' },
  },
  rotates: { refresh: { rotates: true } },
  'rotates-with-grace': { refresh: { rotates: true } },
  'offline-on-request': {
    tokenEndpointAuthMethod: 'client_secret_post',
    authorizationParams: { access_type: 'offline', prompt: 'consent' },
  },
  'scope-on-refresh': {
    tokenEndpointAuthMethod: 'client_secret_post',
    scopeOnRefresh: true,
    refresh: { rotates: true },
  },
  'refresh-by-other-means': { refreshAuthMethod: 'client_secret_post' },
  'host-in-answer': {
    tokenEndpointAuthMethod: 'client_secret_post',
    tokenResponse: { defaultExpiresIn: 3_600, keep: ['instance_url'] },
  },
  'facts-in-callback': { callbackParams: ['realmId', 'accounts-server'] },
  'revokes-by-bearer': {
    tokenEndpointAuthMethod: 'client_secret_post',
    revocation: { authMethod: 'bearer', token: 'access_token', tokenParam: null },
  },
  'token-in-header': { inject: [{ in: 'header', name: 'x-shopify-access-token', value: '{accessToken}' }] },
  'token-in-query': { inject: [{ in: 'query', name: 'access_token', value: '{accessToken}' }] },
};

/** Services of which nothing but the issuer is known. */
const discovered: readonly ProfileName[] = ['says-iss', 'missing-iss', 'wrong-issuer'];

let simulator: Simulator;
let test: TestBroker;

beforeAll(async () => {
  simulator = await startSimulator({ ...profiles, ...Object.fromEntries(breaking) });
  const names = [...oddNames, ...hostileNames];
  test = await startBroker({
    origin: simulator.origin,
    definitions: [
      ...names.map((name) => definitionOf(name, simulator.origin)),
      ...breaking.map(([name]) => definitionFor(name, simulator.origin)),
    ],
    settings: {
      authConfigs: new Map([
        ...names.map((name): [string, OAuthClient] => [idOf(name), clientOf(name)]),
        ...breaking.map(([name]): [string, OAuthClient] => [`simulated.${name}`, theirs]),
      ]),
    },
  });
});
afterAll(async () => {
  await test.close();
  await simulator.close();
});

/** Those that are broken, but well until somebody is connected. */
const breaking = hostileNames.flatMap((name): [string, Profile][] => {
  const { refresh } = profiles[name].faults;
  return refresh && refresh.times === undefined ? [[`${name}-later`, { ...profiles[name], faults: { refresh } }]] : [];
});

const theirs: OAuthClient = { clientId: client.id, clientSecret: client.secret };

const idOf = (name: ProfileName) => `simulated.${name}`;

function clientOf(name: ProfileName) {
  return { clientId: client.id, clientSecret: name === 'public-client' ? null : client.secret };
}

function definitionOf(name: ProfileName, origin: string) {
  const base = `${origin}/${name}`;
  const revocable = profiles[name].revocation !== null;
  const endpoints = {
    authorizationEndpoint: `${base}/authorize`,
    tokenEndpoint: `${base}/token`,
    ...(revocable && { revocationEndpoint: `${base}/revoke` }),
  };
  return definitionFor(name, origin, { ...(discovered.includes(name) ? { issuer: base } : endpoints), ...says[name] });
}

/** A definition of the service with this name, by the book but for these fields. */
function definitionFor(name: string, origin: string, oauth2?: Readonly<Record<string, unknown>>) {
  const base = `${origin}/${name}`;
  return {
    id: `simulated.${name}`,
    name: 'Simulated',
    categories: ['testing'],
    docsUrl: 'https://simulated.example/docs',
    appUrl: 'https://simulated.example/apps',
    api: {
      baseUrl: `${base}/api`,
      allowedHosts: [new URL(origin).host],
      verify: { path: '/me', method: 'GET', accountPath: 'user.email' },
    },
    auth: [
      {
        authenticationType: 'oauth2',
        scopes: ['read', 'write'],
        ...(oauth2 ?? { authorizationEndpoint: `${base}/authorize`, tokenEndpoint: `${base}/token` }),
      },
    ],
  };
}

describe('an odd service', () => {
  it.each(oddNames)('%s: connects, is used, refreshes, is used again, and is revoked', async (name) => {
    const done = await doJob(test, idOf(name));
    const { refresh, revocation } = profiles[name];
    expect(done.verified).toEqual([
      expect.objectContaining({ status: 'active', account: 'ann@example.com' }),
      expect.objectContaining({ status: 'active', account: 'ann@example.com' }),
    ]);
    expect(done.refreshed).toBe(refresh.kind !== 'none');
    expect(done.revocation).toBe(revocation === null ? 'not_supported' : 'revoked');
    expect(test.logged()).not.toContain('sim-');
  });
});

/** What a person is told after trying to connect, by code and a part of the words. */
const refusals: Partial<Record<ProfileName, readonly [code: string, says: RegExp]>> = {
  'too-many-requests': ['provider_unavailable', /Try again in 7 s/],
  'down-for-good': ['provider_unavailable', /Try again in a few minutes/],
  resets: ['provider_unavailable', /closed the connection/],
  truncated: ['provider_unavailable', /closed the connection/],
  'html-with-200': ['provider_garbled', /no OAuth answer/],
  'giant-answer': ['provider_garbled', /more than any OAuth answer holds/],
  'redirects-tokens': ['provider_garbled', /status 307/],
  'wrong-iss': ['provider_garbled', /another authorization server/],
  'missing-iss': ['provider_garbled', /did not say which authorization server answered/],
  'denies-consent': ['provider_refused', /Connect again and allow access/],
  'refuses-scopes': ['provider_refused', /Enable these scopes/],
  'clock-an-hour-ahead': ['provider_refused', /clock of this computer is 60 minutes behind/],
  'codes-expire-at-once': ['provider_refused', /Connect again/],
  'redirect-not-registered': ['provider_refused', /Register exactly this redirect URI: http/],
};

describe('a broken or hostile service', () => {
  it.each(Object.entries(refusals))('%s: nothing is stored, and the reason is told', async (name, [code, says]) => {
    const { attemptId, error } = await tryToConnect(test, `simulated.${name}`);
    expect(error?.code).toBe(code);
    expect(`${error?.message} ${error?.hint}`).toMatch(says);
    expect(await test.broker.vault.list('credential', localPrincipal, {}, { limit: 1 })).toEqual([]);
    expect((await test.broker.vault.findAttempt(attemptId))?.credentialId).toBeNull();
    expect(test.logged()).not.toContain('sim-');
  });

  it('wrong-issuer: the person is not even sent to a service whose metadata names another issuer', async () => {
    await expect(tryToConnect(test, idOf('wrong-issuer'))).rejects.toThrow('Not at the service but at failed.');
    expect(simulator.seen.some(({ profile, endpoint }) => profile === 'wrong-issuer' && endpoint === 'authorize')).toBe(
      false,
    );
  });

  it('down-for-a-moment: a refresh that met a busy service succeeds at the next try, with the grant alive', async () => {
    const done = await doJob(test, idOf('down-for-a-moment'));
    expect(done).toMatchObject({ refreshed: true, revocation: 'revoked' });
  });

  it('redirects-calls: no call follows, and the credential is kept', async () => {
    const { verified } = await doJob(test, idOf('redirects-calls'));
    expect(verified[0]).toMatchObject({ status: 'active', detail: expect.stringContaining('status 307') });
  });
});

describe('a service that breaks later', () => {
  it.each(breaking)('%s: the connection is kept with its refresh token, and what went wrong is told', async (name) => {
    const { broker } = test;
    const credentialId = await connectAcme(broker, localPrincipal, { connectorId: `simulated.${name}` });
    await ageTokens(broker, localPrincipal, credentialId, -1_000);
    const before = await tokensOf(broker, localPrincipal, credentialId);
    expect(await verifyCredential(broker, localPrincipal, { credentialId })).toMatchObject({
      status: 'active',
      detail: expect.stringMatching(/^Not checked: .+ Try again /),
    });
    expect(await tokensOf(broker, localPrincipal, credentialId)).toEqual(before);
    await deleteCredential(broker, localPrincipal, { credentialId });
  });
});
