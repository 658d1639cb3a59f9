/** The mistakes that people make with OAuth clients, keys and clocks: each ends in words that name the way to mend it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkAttempt } from '../../src/broker/connect/attempts.ts';
import { createCredential } from '../../src/broker/connect/create.ts';
import { viewAttempt } from '../../src/broker/connect/page.ts';
import { verifyCredential } from '../../src/broker/credentials/verify.ts';
import { toPublic } from '../../src/errors.ts';
import { localPrincipal } from '../../src/principal.ts';
import { ageTokens, connectAcme, startBroker, type TestBroker } from '../support/broker.ts';
import { type DnsServer, startDnsServer } from '../support/servers/dns-server.ts';
import { client } from './client.ts';
import { tryToConnect } from './job.ts';
import { type ProfileName, profiles } from './profiles.ts';
import { type Simulator, startSimulator } from './server.ts';

const me = localPrincipal;
const apps = 'https://simulated.example/apps';
const redirectUri = 'http://127.0.0.1:7355/oauth/callback';

let simulator: Simulator;
let dns: DnsServer;
/** Everything as it should be, but for the service. */
let good: TestBroker;
/** OAuth clients with another id, and with another secret, than the service knows. */
let wrongId: TestBroker;
let wrongSecret: TestBroker;

const used = [
  'by-the-book',
  'refuses-scopes',
  'forbids-calls',
  'testing-mode',
  'denies-consent',
  'codes-expire-at-once',
  'clock-an-hour-ahead',
  'no-refresh-token',
  'redirect-not-registered',
] as const satisfies readonly ProfileName[];

beforeAll(async () => {
  [simulator, dns] = await Promise.all([startSimulator(profiles), startDnsServer()]);
  const start = (clientId: string, clientSecret: string) =>
    startBroker({
      origin: simulator.origin,
      resolve: dns.resolve,
      definitions: [...used.map((name) => definitionOf(name)), perShop, perTenant()],
      settings: {
        authConfigs: new Map([...used, 'per-shop'].map((name) => [`simulated.${name}`, { clientId, clientSecret }])),
      },
    });
  [good, wrongId, wrongSecret] = await Promise.all([
    start(client.id, client.secret),
    start('another-client', client.secret),
    start(client.id, 'another-secret'),
  ]);
});
afterAll(async () => {
  await Promise.all([good.close(), wrongId.close(), wrongSecret.close()]);
  await Promise.all([simulator.close(), dns.close()]);
});

function definitionOf(name: (typeof used)[number]) {
  const base = `${simulator.origin}/${name}`;
  return {
    id: `simulated.${name}`,
    name: 'Simulated',
    categories: ['testing'],
    docsUrl: 'https://simulated.example/docs',
    appUrl: apps,
    api: { baseUrl: `${base}/api`, allowedHosts: [new URL(base).host], verify: { path: '/me', method: 'GET' } },
    auth: [
      {
        authenticationType: 'oauth2',
        scopes: ['read', 'write'],
        authorizationEndpoint: `${base}/authorize`,
        tokenEndpoint: `${base}/token`,
      },
      { authenticationType: 'bearer' },
    ],
  };
}

const perShop = {
  id: 'simulated.per-shop',
  name: 'Shops',
  categories: ['testing'],
  docsUrl: 'https://shops.example/docs',
  appUrl: 'https://shops.example/apps',
  inputs: { type: 'object', properties: { shop: { type: 'string' } }, required: ['shop'] },
  api: {
    baseUrl: 'https://{shop}.shops.example/v1',
    allowedHosts: ['{shop}.shops.example'],
    verify: { path: '/me', method: 'GET' },
  },
  auth: [
    { authenticationType: 'bearer' },
    {
      authenticationType: 'oauth2',
      scopes: ['read'],
      authorizationEndpoint: 'https://{shop}.shops.example/authorize',
      tokenEndpoint: 'https://{shop}.shops.example/token',
    },
  ],
};

/** A service that answers for every customer, those included that it does not have. */
function perTenant() {
  const { origin } = simulator;
  const api = { ...perShop.api, baseUrl: `${origin}/{shop}/api`, allowedHosts: [new URL(origin).host] };
  return { ...perShop, id: 'simulated.per-tenant', api, auth: [{ authenticationType: 'bearer' }] };
}

/** What is told after the callback. */
async function afterCallback(test: TestBroker, name: (typeof used)[number]): Promise<string> {
  return JSON.stringify((await tryToConnect(test, `simulated.${name}`)).error);
}

/** What is told when the service showed the person an error page, so that nobody came back. */
async function afterErrorPage(test: TestBroker): Promise<string> {
  const { broker } = test;
  const created = await begin(test, { connectorId: 'simulated.by-the-book' });
  const view = await viewAttempt(broker, created.attemptId, 'browser', 'local');
  if (view.step !== 'authorize') throw new Error(`Not at the service but at ${view.step}.`);
  const url = new URL(view.authorizationUrl);
  // A service that knows other redirect URIs only behaves as one that knows this one as another's.
  if (test === good) url.searchParams.set('redirect_uri', 'https://unregistered.test/');
  expect((await fetch(url, { redirect: 'manual' })).status).toBe(400);
  return afterAWhile(test, created.attemptId);
}

/** What is told when the browser did not get anywhere. */
async function afterDeadEnd(): Promise<string> {
  const { attemptId } = await begin(good, { connectorId: 'simulated.per-shop', shop: 'teee' });
  return afterAWhile(good, attemptId);
}

async function begin({ broker }: TestBroker, input: { connectorId: string; shop?: string }) {
  const created = await createCredential(
    broker,
    me,
    { authenticationType: 'oauth2', ...input },
    { obtainedBy: 'tool' },
  );
  if (created.kind === 'attempt') return created;
  throw new Error('Nothing was left to ask.');
}

/** What is told once the ten minutes are over. */
async function afterAWhile({ broker }: TestBroker, attemptId: string): Promise<string> {
  const record = await broker.vault.findAttempt(attemptId);
  if (!record) throw new Error('The attempt is gone.');
  await broker.vault.commit([{ op: 'update', kind: 'attempt', record: { ...record, expiresAt: Date.now() - 1 } }]);
  return JSON.stringify((await checkAttempt(broker, me, { attemptId })).error);
}

/** What verifying says of a connection, after a change to it. */
async function whenVerified(name: (typeof used)[number], change?: (id: string) => Promise<void>): Promise<string> {
  const credentialId = await connectAcme(good.broker, me, { connectorId: `simulated.${name}` });
  await change?.(credentialId);
  return JSON.stringify(await verifyCredential(good.broker, me, { credentialId }));
}

/** What verifying says of a key that was typed. */
async function whenKeyVerified(input: { connectorId: string; token: string; shop?: string }): Promise<string> {
  const created = await createCredential(
    good.broker,
    me,
    { authenticationType: 'bearer', ...input },
    { obtainedBy: 'tool' },
  );
  if (created.kind !== 'created') throw new Error('Something was left to ask.');
  return JSON.stringify(await verifyCredential(good.broker, me, { credentialId: created.credentialId }));
}

/** What a person is told whose key the service does not take. */
async function whenKeyEntered(input: { connectorId: string; token: string }): Promise<string> {
  const given = { authenticationType: 'bearer', ...input };
  const refused = createCredential(good.broker, me, given, { obtainedBy: 'tool' });
  return refused.then(
    () => 'It was taken.',
    (error: unknown) => JSON.stringify(toPublic(error)),
  );
}

const expire = (id: string) => ageTokens(good.broker, me, id, -1_000);

type Mistake = [mistake: string, told: () => Promise<string>, ...fixes: (string | RegExp)[]];

const mistakes: readonly Mistake[] = [
  [
    'redirect URI not registered, told by the service to Keyward',
    () => afterCallback(good, 'redirect-not-registered'),
    apps,
    redirectUri,
  ],
  ['redirect URI not registered, told to the person alone', () => afterErrorPage(good), apps, redirectUri],
  ['wrong client id', () => afterErrorPage(wrongId), 'compare the client id', apps],
  [
    'wrong client secret',
    () => afterCallback(wrongSecret, 'by-the-book'),
    'client id or client secret is wrong',
    apps,
    'use another one',
  ],
  ['scope not granted', () => afterCallback(good, 'refuses-scopes'), 'read, write', 'Enable these scopes', apps],
  ['scope missing for a call', () => whenVerified('forbids-calls'), 'wants the scope “projects:read”', 'connect again'],
  [
    'app in testing mode',
    () => whenVerified('testing-mode', expire),
    'testing mode',
    `publish it at ${apps}`,
    'Call create_credential with credentialId',
  ],
  ['consent denied', () => afterCallback(good, 'denies-consent'), 'not granted', 'allow access'],
  ['code expired', () => afterCallback(good, 'codes-expire-at-once'), 'expired', 'Connect again'],
  ['clock wrong by an hour', () => afterCallback(good, 'clock-an-hour-ahead'), /60 minutes behind .* set it right/],
  ['no refresh token granted', () => whenVerified('no-refresh-token', expire), `offline access at ${apps}`],
  [
    'per-tenant host mistyped',
    () => whenKeyVerified({ connectorId: 'simulated.per-shop', token: 'sim-access-x', shop: 'teee' }),
    'teee.shops.example',
    'such as a shop or a subdomain',
  ],
  ['per-tenant host mistyped, which the browser can not find', () => afterDeadEnd(), 'shop was mistyped'],
  [
    'per-tenant host mistyped, where the service answers for everybody',
    () => whenKeyVerified({ connectorId: 'simulated.per-tenant', token: 'sim-access-x', shop: 'teee' }),
    'status 404',
    'Check shop “teee”',
    'connect again with the right one',
  ],
  [
    'API key of another environment',
    () => whenKeyEntered({ connectorId: 'simulated.by-the-book', token: 'sim-access-of-the-test-environment' }),
    'belongs to this environment',
    'Nothing was stored',
  ],
];

describe('a mistake of a person', () => {
  it.each<Mistake>(mistakes)('%s: the message names the fix', async (...[, told, ...fixes]: Mistake) => {
    const words = await told();
    for (const fix of fixes) expect(words).toMatch(fix);
    expect(words).not.toContain('sim-');
  });
});
