/**
 * A credential stays with the hosts that it was made for, whichever way somebody tries to move it. Where that is refused
 * there is nothing to approve: a connection to another host is a new one, and its secret is given anew.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callApi } from '../../../src/broker/calls/call-api.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import type { CreateInput } from '../../../src/broker/connect/create-input.ts';
import { viewAttempt } from '../../../src/broker/connect/page.ts';
import { submitInputs } from '../../../src/broker/connect/page-forms.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import type { ObtainedBy } from '../../../src/vault/vault.ts';
import { ageTokens, credentialOf, startBroker, type TestBroker, tokensOf } from '../../support/broker.ts';
import { type DnsServer, startDnsServer } from '../../support/servers/dns-server.ts';
import { type OddServer, startOddServer } from '../../support/servers/odd-server.ts';

const kept = {
  id: 'custom.kept',
  name: 'Kept',
  categories: ['testing'],
  docsUrl: 'https://kept.example/docs',
  appUrl: 'https://kept.example/apps',
} as const;

let server: OddServer;
let dns: DnsServer;
let keyward: TestBroker;
beforeAll(async () => {
  server = await startOddServer();
  dns = await startDnsServer();
  const auth = {
    authenticationType: 'oauth2_client_credentials',
    tokenEndpoint: `${server.origin}/token`,
    tokenResponse: { keep: ['instance_url'] },
  };
  keyward = await startBroker({
    origin: server.origin,
    resolve: dns.resolve,
    // As Salesforce does it: the token endpoint says where calls go.
    definitions: [
      { ...kept, api: { baseUrl: '{instance_url}', allowedHosts: ['*.kept.example'] }, auth: [auth] } as typeof kept,
    ],
    settings: { authConfigs: new Map([[kept.id, { clientId: 'keyward', clientSecret: 'client-secret' }]]) },
  });
});
afterAll(async () => {
  await keyward.close();
  await Promise.all([server.close(), dns.close()]);
});

const create = (input: CreateInput, obtainedBy: ObtainedBy = 'tool') =>
  createCredential(keyward.broker, me, input, { obtainedBy });
async function created(input: CreateInput): Promise<string> {
  const outcome = await create(input);
  if (outcome.kind === 'created') return outcome.credentialId;
  throw new Error('Something was left to ask.');
}
/** All that says where a credential goes, and what goes there. */
async function stateOf(id: string) {
  const { hosts, inputs, ...credential } = await credentialOf(keyward.broker, me, id);
  return { hosts, inputs, secret: await keyward.broker.vault.open('credential', { hosts, inputs, ...credential }) };
}
const refusal = { code: 'forbidden', hint: expect.stringMatching(/^Leave credentialId out to make a new credential/) };

const shop = { connectorId: 'custom.shop', authenticationType: 'bearer', shop: 'tea', region: 'eu', token: 'secret-1' };
const named = { connectorId: 'generic-http', authenticationType: 'bearer', token: 'secret-1' };
const mcp = { connectorId: 'mcp-server', authenticationType: 'bearer', token: 'secret-1' };

describe('a connection can not be moved to another host', () => {
  it.each([
    ['an input that is part of its host', shop, { shop: 'evil' }],
    ['its base URL', { ...named, baseUrl: 'https://api.example.com/v1' }, { baseUrl: 'https://evil.example/v1' }],
    ['the port', { ...named, baseUrl: 'https://api.example.com/v1' }, { baseUrl: 'https://api.example.com:444/v1' }],
    ['the address of its MCP server', { ...mcp, serverUrl: 'https://a.example/' }, { serverUrl: 'https://b.example/' }],
  ])('by %s: with create_credential, over REST, or on the page', async (_, first, changed) => {
    const credentialId = await created(first);
    const before = await stateOf(credentialId);
    const moved = { ...first, ...changed, token: 'secret-2', credentialId };
    for (const obtainedBy of ['tool', 'rest'] as const) {
      await expect(create(moved, obtainedBy)).rejects.toMatchObject(refusal);
    }

    // The assistant asks to reconnect as it is; what it wants in the form comes later, or it names the host at once.
    for (const asked of [first, { ...first, ...changed }]) {
      const { token: _token, ...open } = asked;
      const started = await create({ ...open, credentialId } as CreateInput);
      if (started.kind !== 'attempt') throw new Error('Nothing was left to ask.');
      const browser = randomBytes(16).toString('base64url');
      const { csrf } = await viewAttempt(keyward.broker, started.attemptId, browser, 'local');
      const { connectorId: _id, authenticationType: _type, ...fields } = { ...first, ...changed, token: 'secret-3' };
      await submitInputs(keyward.broker, started.attemptId, { browser, csrf, visitor: 'local' }, fields as never);
      const view = await viewAttempt(keyward.broker, started.attemptId, browser, 'local');
      expect(view).toMatchObject({ step: 'failed', error: refusal });
    }
    expect(await stateOf(credentialId)).toEqual(before);
  });

  const tokens = (n: number, host: string) => ({
    body: {
      access_token: `access-token-${n}`,
      token_type: 'Bearer',
      expires_in: 3600,
      instance_url: `https://${host}`,
    },
  });
  const ofKept = { connectorId: kept.id, authenticationType: 'oauth2_client_credentials' };

  it('by what the token endpoint says when it is connected anew', async () => {
    server.answer = tokens(1, 'one.kept.example');
    const credentialId = await created(ofKept);
    const before = await stateOf(credentialId);
    expect(before.hosts).toEqual(['one.kept.example']);
    server.answer = tokens(2, 'two.kept.example');
    await expect(create({ ...ofKept, credentialId })).rejects.toMatchObject(refusal);
    expect(await stateOf(credentialId)).toEqual(before);
  });

  it('by what the token endpoint says when it is refreshed: the next call is refused, and asks no resolver', async () => {
    server.answer = tokens(1, 'one.kept.example');
    const connectionId = await created(ofKept);
    server.answer = tokens(2, 'two.kept.example');
    await ageTokens(keyward.broker, me, connectionId, -1_000);
    await expect(callApi(keyward.broker, me, { connectionId, method: 'GET', path: '/x' })).rejects.toMatchObject({
      code: 'egress_refused',
      hint: 'Make a new credential for that address.',
    });
    expect((await tokensOf(keyward.broker, me, connectionId)).accessToken).toBe('access-token-2');
    expect((await credentialOf(keyward.broker, me, connectionId)).hosts).toEqual(['one.kept.example']);
    expect(dns.questions.filter((name) => name.includes('two'))).toEqual([]);
  });
});
