/** Verifying: one harmless call, and only its verdict counts. */
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { callApi } from '../../../src/broker/calls/call-api.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { getConnection } from '../../../src/broker/credentials/manage.ts';
import { verifyCredential } from '../../../src/broker/credentials/verify.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import { credentialOf, startBroker, storeTokens, type TestBroker, tokensOf } from '../../support/broker.ts';
import { type HttpServer, type Seen, startHttpServer } from '../../support/servers/http-server.ts';

/** Status and body of the API and of the token endpoint, by what they are asked. */
let api: (token: string) => [number, unknown];
let token: () => [number, unknown];
let revokedNow: (() => Promise<void>) | undefined;
let server: HttpServer;
let keyward: TestBroker;

async function answer({ url, headers }: Seen, response: ServerResponse) {
  await revokedNow?.();
  const [status, body] = url === '/token' ? token() : api(String(headers.authorization).replace('Bearer ', ''));
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json' }).end(text);
}

beforeAll(async () => {
  server = await startHttpServer(answer);
});
afterAll(() => server.close());
beforeEach(async () => {
  keyward = await startBroker({ origin: server.origin });
  revokedNow = undefined;
  api = () => [200, { user: { email: 'ann@example.com' } }];
  token = () => [200, { access_token: 'at-1', refresh_token: 'rt-1', expires_in: 3600 }];
});
afterEach(() => keyward.close());

const valid = () => ({ expiresAt: Date.now() + 3_000_000 });
const verify = (id: string) => verifyCredential(keyward.broker, me, { credentialId: id });
const calls = (path: string, since: number) => server.seen.slice(since).filter((one) => one.url === path).length;

describe('verifying', () => {
  it('answers the account, stores its label and notes the use', async () => {
    const { id } = await storeTokens(keyward.broker, me, valid());
    expect(await verify(id)).toEqual({
      status: 'active',
      account: 'ann@example.com',
      checkedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
    expect(await getConnection(keyward.broker, me, { connectionId: id })).toMatchObject({ account: 'ann@example.com' });
  });

  it('calls the host that knows the account, where the definition names one', async () => {
    const elsewhere = await startBroker({ origin: server.origin, verify: { baseUrl: `${server.origin}/login` } });
    try {
      const { id } = await storeTokens(elsewhere.broker, me, valid());
      const before = server.seen.length;
      expect(await verifyCredential(elsewhere.broker, me, { credentialId: id })).toMatchObject({
        status: 'active',
        account: 'ann@example.com',
      });
      expect([calls('/login/me', before), calls('/v1/me', before)]).toEqual([1, 0]);
    } finally {
      await elsewhere.close();
    }
  });

  it('fills what the path and the query of the call name, encoded', async () => {
    const company = {
      id: 'custom.company',
      name: 'Company',
      categories: ['testing'],
      docsUrl: 'https://company.example/docs',
      appUrl: 'https://company.example/apps',
      inputs: { type: 'object', properties: { company: { type: 'string' } }, required: ['company'] },
      api: {
        baseUrl: `${server.origin}/v1`,
        allowedHosts: [new URL(server.origin).host],
        verify: { path: '/companies/{company}?of={company}', accountPath: 'list.1.name' },
      },
      auth: [{ authenticationType: 'bearer' }],
    };
    const filled = await startBroker({ origin: server.origin, definitions: [company] });
    try {
      api = () => [200, { list: [{ name: 'Ben' }, { name: 'Ann' }] }];
      const input = { connectorId: company.id, authenticationType: 'bearer', token: 'token-1', company: 'a/b&c=d' };
      const created = await createCredential(filled.broker, me, input, { obtainedBy: 'tool' });
      if (created.kind !== 'created') throw new Error('Something was left to ask.');
      const before = server.seen.length;
      const result = await verifyCredential(filled.broker, me, { credentialId: created.credentialId });
      expect(calls('/v1/companies/a%2Fb%26c%3Dd?of=a%2Fb%26c%3Dd', before)).toBe(1);
      expect(result).toMatchObject({ status: 'active', account: 'Ann' });
    } finally {
      await filled.close();
    }
  });

  it('renews a token once that the service refuses, and calls again', async () => {
    const { id } = await storeTokens(keyward.broker, me, valid());
    api = (given) => (given === 'at-1' ? [200, {}] : [401, {}]);
    const before = server.seen.length;
    expect(await verify(id)).toMatchObject({ status: 'active' });
    expect([calls('/token', before), calls('/v1/me', before)]).toEqual([1, 2]);
    expect((await tokensOf(keyward.broker, me, id)).accessToken).toBe('at-1');
  });

  it('renews again when the token that it has just renewed is refused', async () => {
    const { id } = await storeTokens(keyward.broker, me);
    let n = 0;
    token = () => [200, { access_token: `at-${++n}`, refresh_token: `rt-${n}`, expires_in: 3600 }];
    api = (given) => (given === 'at-2' ? [200, {}] : [401, {}]);
    expect(await verify(id)).toMatchObject({ status: 'active' });
    expect(n).toBe(2);
  });

  it('says reconnect_required when a renewed token is refused too, and stores the reason', async () => {
    const { id } = await storeTokens(keyward.broker, me, valid());
    api = () => [401, {}];
    const before = server.seen.length;
    expect(await verify(id)).toMatchObject({ status: 'reconnect_required', detail: expect.stringContaining('401') });
    expect([calls('/token', before), calls('/v1/me', before)]).toEqual([1, 2]);
    expect(await credentialOf(keyward.broker, me, id)).toMatchObject({
      status: 'reconnect_required',
      statusReason: expect.stringContaining('401'),
    });
    const after = server.seen.length;
    expect(await verify(id)).toMatchObject({ status: 'reconnect_required' });
    expect(server.seen.length).toBe(after);
  });

  it('does not end a connection because the token endpoint is down', async () => {
    const { id } = await storeTokens(keyward.broker, me, valid());
    api = () => [401, {}];
    token = () => [503, {}];
    expect(await verify(id)).toMatchObject({ status: 'active', detail: expect.stringContaining('Not checked') });
    expect(await credentialOf(keyward.broker, me, id)).toMatchObject({ status: 'active', statusReason: null });
  });

  it.each([500, 404, 429, 302])('does not end a connection because the service answers %i', async (status) => {
    const { id } = await storeTokens(keyward.broker, me, valid());
    api = () => [status, {}];
    expect(await verify(id)).toMatchObject({ status: 'active', detail: expect.stringContaining(`${status}`) });
  });

  it('says that a scope may be missing when the service forbids the call', async () => {
    const { id } = await storeTokens(keyward.broker, me, valid());
    api = () => [403, {}];
    expect(await verify(id)).toMatchObject({ status: 'active', detail: expect.stringContaining('scope') });
  });

  it('a verdict on an old secret is not noted on the one that a person connected meanwhile', async () => {
    const credential = await storeTokens(keyward.broker, me, { ...valid(), refreshToken: null });
    const inputs = { ...credential, authenticationType: 'api_key' };
    const secret = (apiKey: string) => ({ kind: 'inputs', inputs: { apiKey } }) as const;
    const { vault } = keyward.broker;
    await vault.commit([{ op: 'update', kind: 'credential', record: inputs, secret: secret('acme_old') }]);
    api = () => [401, {}];
    revokedNow = async () => {
      const record = await credentialOf(keyward.broker, me, credential.id);
      await vault.commit([{ op: 'update', kind: 'credential', record, secret: secret('acme_new') }]);
    };
    expect(await verify(credential.id)).toMatchObject({ status: 'reconnect_required' });
    expect(await credentialOf(keyward.broker, me, credential.id)).toMatchObject({ status: 'active' });
  });

  it.each<[unknown, string | undefined]>([
    ['ann\r\nSet-Cookie: x', 'ann Set-Cookie: x'],
    ['a\u202eb\u0000c', 'a b c'],
    ['x'.repeat(500), 'x'.repeat(120)],
    [12345, '12345'],
    [{ nested: true }, undefined],
    [null, undefined],
    ['\u200b\n', undefined],
  ])('takes %j as one line of plain text, or as no label at all', async (email, label) => {
    const { id } = await storeTokens(keyward.broker, me, valid());
    api = () => [200, { user: { email } }];
    expect((await verify(id)).account).toBe(label);
  });

  it('reads no inherited property and survives what is no JSON', async () => {
    const { id } = await storeTokens(keyward.broker, me, valid());
    for (const body of [
      '{"user":{"__proto__":{"email":"x"}}}',
      '{"__proto__":{"user":{"email":"x"}}}',
      'no',
      '[]',
      '',
    ]) {
      api = () => [200, body];
      expect(await verify(id)).not.toHaveProperty('account');
    }
  });
});

describe('a call', () => {
  it('is made again with a new token when its own, however young, outlived its time on the way', async () => {
    const { id } = await storeTokens(keyward.broker, me);
    let n = 0;
    token = () => {
      n += 1;
      if (n === 1) {
        revokedNow = async () => {
          revokedNow = undefined;
          await delay(1_100);
        };
      }
      return [200, { access_token: `at-${n}`, refresh_token: `rt-${n}`, expires_in: n === 1 ? 1 : 3_600 }];
    };
    api = (given) => (given === 'at-2' ? [200, {}] : [401, {}]);
    const answer = await callApi(keyward.broker, me, { connectionId: id, method: 'GET', path: '/me' });
    expect([answer.status, n]).toEqual([200, 2]);
  });
});
