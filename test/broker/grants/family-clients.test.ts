/** One OAuth client for the services of one vendor, against services that behave like theirs. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBuiltins } from '../../../scripts/builtin-rules.ts';
import { finishCallback } from '../../../src/broker/connect/callback.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { viewAttempt } from '../../../src/broker/connect/page.ts';
import { submitAuthConfig } from '../../../src/broker/connect/page-forms.ts';
import { deleteCredential } from '../../../src/broker/credentials/delete.ts';
import { verifyCredential } from '../../../src/broker/credentials/verify.ts';
import {
  addAuthConfig,
  findAuthConfig,
  hasAuthConfig,
  listAuthConfigs,
} from '../../../src/broker/grants/auth-configs.ts';
import { isEnteredFor } from '../../../src/broker/grants/family-clients.ts';
import { requireAuth } from '../../../src/broker/grants/oauth-context.ts';
import { readBuiltin } from '../../../src/connectors/builtin.ts';
import { complete } from '../../../src/connectors/definition/complete.ts';
import type { Egress } from '../../../src/net/egress.ts';
import type { Principal } from '../../../src/principal.ts';
import { client } from '../../simulator/client.ts';
import { resembles } from '../../simulator/resembles.ts';
import { type Simulator, startSimulator } from '../../simulator/server.ts';
import { acme, ageTokens, principal, startBroker, type TestBroker } from '../../support/broker.ts';
import { clickThrough } from '../../support/clients/click-through.ts';

const google = ['gmail', 'google-calendar', 'google-drive', 'google-sheets', 'google-contacts', 'youtube'] as const;
const entered = { clientId: client.id, clientSecret: client.secret };

let simulator: Simulator;
let test: TestBroker;
/** The service whose turn it is, and what went out meanwhile. */
let at = 'gmail';
let sent: string[] = [];

/** The vendor's address → where the simulator has it. */
function moved(url: URL): URL {
  const auth = readBuiltin(at)?.auth.find((one) => one.authenticationType === 'oauth2');
  const { origin, pathname } = url;
  const endpoints = [
    ['token', auth?.tokenEndpoint],
    ['revoke', auth?.revocationEndpoint],
    ['authorize', auth?.authorizationEndpoint],
  ] as const;
  const [endpoint] = endpoints.find(([, address]) => address === `${origin}${pathname}`) ?? ['api'];
  return new URL(`${simulator.origin}/${at}/${endpoint}/${url.host}${pathname}${url.search}`);
}

/** The same egress, with the vendors' hosts at the simulator. Whatever goes to them is noted as it was sent. */
function relayed(egress: Egress): Egress {
  const relay = <Asked extends { readonly url: URL; readonly hosts: readonly string[] }>(asked: Asked): Asked => {
    sent.push(JSON.stringify({ ...asked, to: asked.url.host, body: String(Object(asked).body) }));
    if (!asked.hosts.includes(asked.url.host)) throw new Error(`${asked.url.host} may not be called.`);
    return { ...asked, url: moved(asked.url), hosts: [new URL(simulator.origin).host] };
  };
  return {
    allowsPlain: (url) => egress.allowsPlain(url),
    request: (asked) => egress.request(relay(asked)),
    open: (asked) => egress.open(relay(asked)),
    close: () => egress.close(),
  };
}

beforeAll(async () => {
  simulator = await startSimulator(resembles);
  const { origin } = simulator;
  test = await startBroker({ origin, through: relayed, pages: { callbackOrigin: 'https://keyward.example' } });
});
afterAll(async () => {
  await test.close();
  await simulator.close();
});

const browser = randomBytes(16).toString('base64url');

/** Asks for a connection and opens its page. */
async function ask(who: Principal, connectorId: string, more: Record<string, string> = {}) {
  at = connectorId;
  const input = { connectorId, authenticationType: 'oauth2', ...more };
  const created = await createCredential(test.broker, who, input, { obtainedBy: 'tool' });
  if (created.kind !== 'attempt') throw new Error('Nothing was left to ask.');
  const { attemptId } = created;
  return { attemptId, view: () => viewAttempt(test.broker, attemptId, browser, 'local') };
}

/** Agrees at the service and answers the new connection. */
async function agree(attemptId: string): Promise<string> {
  const view = await viewAttempt(test.broker, attemptId, browser, 'local');
  if (view.step !== 'authorize') throw new Error(`Not at the service but at ${view.step}.`);
  const { searchParams } = await clickThrough(moved(new URL(view.authorizationUrl)));
  await finishCallback(test.broker, {
    received: searchParams,
    connectorId: null,
    cookieOf: () => browser,
    visitor: 'local',
  });
  const attempt = await test.broker.vault.findAttempt(attemptId);
  if (attempt?.credentialId) return attempt.credentialId;
  throw new Error(`Not connected: ${JSON.stringify(attempt?.error)}`);
}

async function connect(who: Principal, connectorId: string): Promise<string> {
  return agree((await ask(who, connectorId)).attemptId);
}

describe('one client of a vendor', () => {
  it('connects six services of Google after it was entered once, and each is refreshed with it', async () => {
    const ann = principal('ann');
    const first = await ask(ann, 'gmail');
    const page = await first.view();
    expect(page).toMatchObject({ step: 'auth_config', family: { vendor: 'Google', more: 21 } });
    expect(page).toMatchObject({ family: { examples: ['Google Calendar', 'Google Drive'] } });
    const form = { browser, csrf: page.csrf, visitor: 'local' } as const;
    await submitAuthConfig(test.broker, first.attemptId, form, entered);
    const ids = [await agree(first.attemptId)];
    for (const id of google.slice(1)) ids.push(await connect(ann, id));
    for (const [index, credentialId] of ids.entries()) {
      at = google[index] ?? '';
      await ageTokens(test.broker, ann, credentialId, -1_000);
      expect(await verifyCredential(test.broker, ann, { credentialId })).toMatchObject({ status: 'active' });
    }
    expect(await listAuthConfigs(test.broker, ann)).toMatchObject([{ connectorId: 'gmail', clientId: client.id }]);
    const asked = simulator.seen.filter(({ endpoint }) => endpoint === 'token').map(({ profile }) => profile);
    // The code and the refresh of each.
    expect([...asked].sort()).toEqual(google.flatMap((id) => [id, id]).sort());
  });

  it('says on the page of another service whose app is used, and what that needs besides', async () => {
    const who = principal('page');
    await addAuthConfig(test.broker, who, { connectorId: 'gmail', ...entered });
    const view = await (await ask(who, 'google-calendar')).view();
    expect(view).toMatchObject({ step: 'authorize', changeableClientId: client.id, borrowed: { enteredFor: 'Gmail' } });
    expect(JSON.stringify(view)).toContain('enable the Google Calendar API');
    expect(await (await ask(who, 'gmail')).view()).toMatchObject({ step: 'authorize', borrowed: null });
  });

  it('gives way to a client of the service’s own, whichever came first', async () => {
    const who = principal('own');
    const add = (connectorId: string, clientId: string) =>
      addAuthConfig(test.broker, who, { connectorId, clientId, clientSecret: '' });
    await add('google-drive', 'of-drive');
    await add('gmail', 'of-gmail');
    const drive = test.broker.catalogue.require('google-drive');
    const found = (id: string) => {
      const connector = test.broker.catalogue.require(id);
      return findAuthConfig(test.broker, who, { connector, auth: requireAuth(connector, 'oauth2'), inputs: {} }, null);
    };
    expect((await found(drive.id))?.client.clientId).toBe('of-drive');
    expect((await found('google-calendar'))?.client.clientId).toBe('of-gmail');
  });

  it('comes from the environment for all of them, and a client of one service comes first there, too', async () => {
    const settings = {
      authConfigs: new Map([['gmail', { clientId: 'for-gmail', clientSecret: null }]]),
      familyClients: new Map([['google', { clientId: 'for-google', clientSecret: null }]] as const),
    };
    const own = await startBroker({ origin: simulator.origin, settings });
    const found = async (id: string) => {
      const connector = own.broker.catalogue.require(id);
      const wanted = { connector, auth: requireAuth(connector, 'oauth2'), inputs: {} };
      return (await findAuthConfig(own.broker, principal('env'), wanted, null))?.client.clientId;
    };
    expect(await Promise.all(['gmail', 'google-drive', 'outlook', 'jira'].map(found))).toEqual([
      'for-gmail',
      'for-google',
      undefined,
      undefined,
    ]);
    await own.close();
  });
});

describe('a client that connects without a person', () => {
  const appOnly = 'oauth2_client_credentials';
  const set = { clientId: 'for-microsoft', clientSecret: 'of-the-environment' };
  const settings = { familyClients: new Map([['microsoft', set]] as const) };

  it('421. is lent to no other service of its family, named or not, stored or from the environment', async () => {
    const own = await startBroker({ origin: simulator.origin, through: relayed, settings });
    const { broker } = own;
    const who = principal('app-only');
    const { authConfigId } = await addAuthConfig(broker, who, { connectorId: 'outlook', ...entered });
    const alone = broker.catalogue.list().filter(({ id, auth, clientFamily }) => {
      return id !== 'outlook' && clientFamily !== null && auth.some((one) => one.authenticationType === appOnly);
    });
    expect(alone.length).toBeGreaterThan(4);
    sent = [];
    for (const connector of alone) {
      const wanted = { connector, auth: requireAuth(connector, appOnly), inputs: {} };
      expect(await hasAuthConfig(broker, who, connector, wanted.auth), connector.id).toBe(false);
      expect(await findAuthConfig(broker, who, wanted, null), connector.id).toBeUndefined();
      for (const id of [authConfigId, 'default']) {
        await expect(findAuthConfig(broker, who, wanted, id), connector.id).rejects.toMatchObject({
          code: 'not_found',
        });
      }
    }
    // An assistant that asks gets a page, where the person enters a client for this service.
    const input = { connectorId: 'sharepoint', authenticationType: appOnly, tenant: 'contoso.example' };
    const asked = await createCredential(broker, who, input, { obtainedBy: 'tool' });
    expect(asked.kind).toBe('attempt');
    expect(sent).toEqual([]);
    // What was entered for this very connector serves it.
    const outlook = broker.catalogue.require('outlook');
    const wanted = { connector: outlook, auth: requireAuth(outlook, appOnly), inputs: {} };
    expect((await findAuthConfig(broker, who, wanted, null))?.id).toBe(authConfigId);
    await own.close();
  });
});

describe('the wrong family', () => {
  const families = ['gmail', 'outlook', 'jira', 'zoho-crm'];

  it('410. a client of one vendor; named for every other connector; none of them gets it', async () => {
    const who = principal('wrong');
    for (const connectorId of families) await addAuthConfig(test.broker, who, { connectorId, ...entered });
    const stored = await listAuthConfigs(test.broker, who);
    const { broker } = test;
    const oauth = broker.catalogue.list().filter(({ auth }) => auth.some((one) => one.authenticationType === 'oauth2'));
    let served = 0;
    for (const one of stored) {
      const mine = broker.catalogue.require(one.connectorId).clientFamily;
      for (const connector of oauth) {
        const wanted = { connector, auth: requireAuth(connector, 'oauth2'), inputs: {} };
        const config = await findAuthConfig(broker, who, wanted, one.id).catch(({ code }) => code);
        if (connector.clientFamily === mine) served += 1;
        expect(config, connector.id).toEqual(connector.clientFamily === mine ? expect.anything() : 'not_found');
      }
    }
    expect(served).toBe(24 + 10 + 2 + 4);
    sent = [];
    const gmail = stored.find(({ connectorId }) => connectorId === 'gmail');
    const asked = ask(who, 'dropbox', { authConfigId: gmail?.id ?? '' });
    await expect(asked).rejects.toMatchObject({ code: 'not_found' });
    // Without naming one, the page asks: it takes none of another vendor.
    expect(await (await ask(who, 'dropbox')).view()).toMatchObject({ step: 'auth_config', family: null });
    expect(sent.join()).not.toContain(client.secret);
  });

  it('411. a connector file that says it is of a family; loaded; it is refused, and has no family whatever reads it', async () => {
    const definition = {
      ...readBuiltin('gmail'),
      id: 'custom.mail',
      aliases: [],
      scopeDescriptions: { all: 'Nothing' },
    };
    await expect(startBroker({ origin: simulator.origin, definitions: [definition] })).rejects.toThrow(
      /clientFamily.*is for built-in connectors.*scopeDescriptions.*is for built-in connectors/,
    );
    const gmail = readBuiltin('gmail');
    if (gmail === undefined) throw new Error('There is no connector gmail.');
    const posing = complete({ ...gmail, id: 'custom.mail' });
    expect(posing.clientFamily).toBe('google');
    const isFor = (connectorId: string, connector: typeof posing) =>
      isEnteredFor(test.broker, { connectorId }, { connector, auth: requireAuth(connector, 'oauth2') });
    expect(isFor('gmail', posing)).toBe(false);
    // Nor does a client that was entered for a file serve the vendor, or the other way round.
    expect(isFor(acme, complete(gmail))).toBe(false);
    expect(isFor('gone', complete(gmail))).toBe(false);
  });

  it.each(['tokenEndpoint', 'revocationEndpoint', 'issuer', 'authorizationEndpoint', 'refreshEndpoint'])(
    '412. a definition of a family whose %s is elsewhere; checked; it is refused',
    (field) => {
      const file = readBuiltin('gmail');
      const auth = file?.auth.map((one, index) => (index === 0 ? { ...one, [field]: 'https://evil.example/x' } : one));
      const problems = (json: unknown) => checkBuiltins([{ name: 'gmail.json', json }]).problems;
      expect(problems(file)).toEqual([]);
      expect(problems({ ...file, auth }).map(({ field: where, rule }) => `${where} ${rule}`)).toEqual([
        'clientFamily sends its client to evil.example, which is no host of google',
      ]);
    },
  );

  it('414. a client of somebody else; a service of its family is connected; it is not used', async () => {
    await addAuthConfig(test.broker, principal('bob'), { connectorId: 'gmail', ...entered });
    for (const who of [principal('eve'), principal('bob', 'elsewhere')]) {
      expect(await (await ask(who, 'google-calendar')).view()).toMatchObject({ step: 'auth_config' });
    }
    const [bobs] = await listAuthConfigs(test.broker, principal('bob'));
    const named = ask(principal('eve'), 'google-calendar', { authConfigId: bobs?.id ?? '' });
    await expect(named).rejects.toMatchObject({ code: 'not_found' });
  });
});

it('415. two services on one client, whose revocation ends all of it; one is deleted; the other works on', async () => {
  const who = principal('deleting');
  await addAuthConfig(test.broker, who, { connectorId: 'gmail', ...entered });
  // The label of one is an address, that of the other the name of a channel: they don't tell two accounts apart.
  const [mail, videos] = [await connect(who, 'gmail'), await connect(who, 'youtube')];
  const record = await test.broker.vault.get('credential', who, videos);
  if (record === undefined) throw new Error('The connection is gone.');
  await test.broker.vault.commit([
    { op: 'update', kind: 'credential', record: { ...record, account: 'Ann’s channel' } },
  ]);
  at = 'gmail';
  expect(await deleteCredential(test.broker, who, { credentialId: mail })).toMatchObject({ revocation: 'kept' });
  at = 'youtube';
  expect(await verifyCredential(test.broker, who, { credentialId: videos })).toMatchObject({ status: 'active' });
  expect(await deleteCredential(test.broker, who, { credentialId: videos })).toMatchObject({ revocation: 'revoked' });
});
