/** Services that want the id of the OAuth client in every call. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callApi } from '../../../src/broker/calls/call-api.ts';
import { principal, startBroker, storeTokens, type TestBroker } from '../../support/broker.ts';
import { type EchoApi, startEchoApi } from '../../support/servers/echo-api.ts';

const ann = principal('ann');
const tokens = { accessToken: 'an-access-token', expiresAt: Date.now() + 3_600_000 };

let api: EchoApi;
let test: TestBroker;
beforeAll(async () => {
  api = await startEchoApi();
  test = await startBroker({ origin: api.origin, oauth2: { api: { headers: { 'X-Client': 'id={clientId}' } } } });
});
afterAll(async () => {
  await test.close();
  await api.close();
});

const call = (connectionId: string, headers: Record<string, string> = {}) =>
  callApi(test.broker, ann, { connectionId, method: 'GET', path: '/anything', headers });

describe('a header with {clientId}', () => {
  it('holds the id of the client that the connection was made with, and nobody else sets it', async () => {
    const { id } = await storeTokens(test.broker, ann, tokens);
    expect(await call(id)).toMatchObject({ status: 200 });
    expect(api.seen.at(-1)?.headers).toMatchObject({
      'x-client': 'id=keyward',
      authorization: 'Bearer an-access-token',
    });
    await expect(call(id, { 'x-client': 'id=other' })).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it('is not sent without a client: the call does not happen', async () => {
    const record = await storeTokens(test.broker, ann, tokens);
    const gone = { ...record, authConfigId: crypto.randomUUID() };
    await test.broker.vault.commit([{ op: 'update', kind: 'credential', record: gone }]);
    const before = api.seen.length;
    await expect(call(record.id)).rejects.toMatchObject({ code: 'not_found' });
    expect(api.seen.length).toBe(before);
  });
});
