/** Nothing is connected that its service refuses. */
import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { checkSecret } from '../../../src/broker/credentials/check-secret.ts';
import { getConnection, listCredentials } from '../../../src/broker/credentials/manage.ts';
import { verifyCredential } from '../../../src/broker/credentials/verify.ts';
import { addAuthConfig } from '../../../src/broker/grants/auth-configs.ts';
import { KeywardError } from '../../../src/errors.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import { acme, startBroker, storeTokens, type TestBroker, tokensOf } from '../../support/broker.ts';
import { type HttpServer, type Seen, startHttpServer } from '../../support/servers/http-server.ts';

const good = 'acme_0123456789abcdef';
const bad = 'acme_fedcba9876543210';

/** What the service answers to its verification call. */
let answer: (headers: Seen['headers'], response: ServerResponse) => void;
let server: HttpServer;
let keyward: TestBroker;

const json = (response: ServerResponse, status: number, body: unknown) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

beforeAll(async () => {
  server = await startHttpServer(async ({ url, headers }, response) => {
    if (url === '/token') json(response, 200, { access_token: 'at-1', refresh_token: 'rt-1', expires_in: 3600 });
    else answer(headers, response);
  });
});
afterAll(() => server.close());
beforeEach(async () => {
  keyward = await startBroker({ origin: server.origin });
  answer = (headers, response) =>
    headers['x-api-key'] === good
      ? json(response, 200, { user: { email: 'ann@example.com' } })
      : json(response, 401, { error: 'who are you?' });
});
afterEach(() => keyward.close());

const errorOf = async (work: Promise<unknown>): Promise<KeywardError> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof KeywardError) return error;
  throw new Error(`No error of Keyward's but ${String(error)}`);
};
const connect = (apiKey: string, more: object = {}) =>
  createCredential(
    keyward.broker,
    me,
    { connectorId: acme, authenticationType: 'api_key', apiKey, ...more },
    { obtainedBy: 'tool' },
  );
const made = async (apiKey: string, more: object = {}) => {
  const created = await connect(apiKey, more);
  if (created.kind !== 'created') throw new Error('Nothing should be missing.');
  return getConnection(keyward.broker, me, { connectionId: created.credentialId });
};

describe('a key', () => {
  it('that the service refuses is an error that names its field, and nothing is stored', async () => {
    const { code, message, hint, details } = await errorOf(connect(bad));
    expect([code, message]).toEqual(['invalid_input', 'apiKey was not taken by Acme.']);
    expect(hint).toContain('status 401');
    expect(details.fields).toHaveProperty('apiKey');
    expect(JSON.stringify([message, hint])).not.toContain(bad);
    expect((await listCredentials(keyward.broker, me, {})).credentials).toEqual([]);
  });

  it('that the service takes is stored with its account, which names the connection', async () => {
    expect(await made(good)).toMatchObject({ name: 'Acme (ann@example.com)', account: 'ann@example.com' });
    expect(await made(good, { name: 'Mine' })).toMatchObject({ name: 'Mine', account: 'ann@example.com' });
  });

  it('is stored when the service does not answer, and says so until it was checked', async () => {
    for (const trouble of [
      (_: unknown, response: ServerResponse) => void response.destroy(),
      (_: unknown, response: ServerResponse) => json(response, 503, {}),
      (_: unknown, response: ServerResponse) => json(response, 403, {}),
      (_: unknown, response: ServerResponse) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('no'),
    ]) {
      const usual = answer;
      answer = trouble;
      const view = await made(good);
      expect(view).toMatchObject({ name: 'Acme credential', status: 'active' });
      expect(view.statusReason).toMatch(/Not checked|A scope may be missing/);
      answer = usual;
      await verifyCredential(keyward.broker, me, { credentialId: view.credentialId });
      const checked = await getConnection(keyward.broker, me, { connectionId: view.credentialId });
      expect(checked).toMatchObject({ account: 'ann@example.com', status: 'active' });
      expect(checked.statusReason).toBeUndefined();
    }
  });

  it('that is wrong never takes the place of one that works', async () => {
    const { credentialId } = await made(good);
    expect((await errorOf(connect(bad, { credentialId }))).code).toBe('invalid_input');
    const { status, account } = await verifyCredential(keyward.broker, me, { credentialId });
    expect([status, account]).toEqual(['active', 'ann@example.com']);
  });

  it('that its service repeats as the account is not shown', async () => {
    answer = ({ 'x-api-key': key }, response) => json(response, 200, { user: { email: `me ${String(key)}` } });
    const view = await made(good);
    expect(JSON.stringify(view)).not.toContain(good);
  });
});

describe('a token', () => {
  const client = { clientId: 'keyward', clientSecret: 'secret-of-the-client' };
  const byClient = { connectorId: acme, authenticationType: 'oauth2_client_credentials' };

  it('that its service knows a moment later is connected', async () => {
    let asked = 0;
    answer = (_, response) => {
      asked += 1;
      json(response, asked === 1 ? 401 : 200, { user: { email: 'ann@example.com' } });
    };
    await addAuthConfig(keyward.broker, me, { connectorId: acme, ...client });
    const created = await createCredential(keyward.broker, me, byClient, { obtainedBy: 'tool' });
    expect([created.kind, asked]).toEqual(['created', 2]);
  });

  it('with fewer scopes than usual is connected although its service refuses the verification call, and says so', async () => {
    answer = (_, response) => json(response, 401, {});
    const record = await storeTokens(keyward.broker, me, { expiresAt: null });
    const secret = await tokensOf(keyward.broker, me, record.id);
    const granted = (scopes: string[]) => checkSecret(keyward.broker, record, { ...secret, scopes });
    const found = { account: null, statusReason: expect.stringContaining('status 401') };
    expect(await granted(['openid'])).toEqual({ found, listing: null });
    await expect(granted(['openid', 'offline_access'])).rejects.toMatchObject({ code: 'provider_refused' });
  });

  it('that the service gives and then refuses is an error, and nothing is stored', async () => {
    answer = (_, response) => json(response, 401, {});
    await addAuthConfig(keyward.broker, me, { connectorId: acme, ...client });
    const connecting = createCredential(keyward.broker, me, byClient, { obtainedBy: 'tool' });
    expect(await errorOf(connecting)).toMatchObject({ code: 'provider_refused' });
    expect((await listCredentials(keyward.broker, me, {})).credentials).toEqual([]);
  });
});
