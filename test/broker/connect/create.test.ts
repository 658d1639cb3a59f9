/** Creating and reconnecting credentials: what is refused, how it is said, and that nothing is left half-done. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkAttempt } from '../../../src/broker/connect/attempts.ts';
import { finishCallback } from '../../../src/broker/connect/callback.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import type { CreateInput } from '../../../src/broker/connect/create-input.ts';
import { getConnection, listCredentials } from '../../../src/broker/credentials/manage.ts';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import { localPrincipal as me, type Principal } from '../../../src/principal.ts';
import type { ObtainedBy } from '../../../src/vault/vault.ts';
import {
  acme,
  connectAcme,
  consent,
  credentialOf,
  principal,
  startBroker,
  type TestBroker,
  tokensOf,
} from '../../support/broker.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../../support/servers/authorization-server.ts';

let server: AuthorizationServer;
let keyward: TestBroker;
/** A broker on this vault that takes secrets on pages only. */
let strict: TestBroker;
beforeAll(async () => {
  server = await startAuthorizationServer();
  keyward = await startBroker({ origin: server.issuer });
  strict = await startBroker({ origin: server.issuer, folder: keyward.folder, settings: { secretInput: 'page' } });
});
afterAll(async () => {
  await strict.close();
  await keyward.close();
  await server.close();
});

const goodKey = 'acme_0123456789abcdef';
const shop = { connectorId: 'custom.shop', authenticationType: 'bearer', shop: 'tea', region: 'eu', token: 'secret-1' };

const create = (input: CreateInput, obtainedBy: ObtainedBy = 'tool', who: Principal = me, from = keyward) =>
  createCredential(from.broker, who, input, { obtainedBy });
async function created(input: CreateInput, obtainedBy: ObtainedBy = 'tool'): Promise<string> {
  const outcome = await create(input, obtainedBy);
  if (outcome.kind === 'created') return outcome.credentialId;
  throw new Error('Something was left to ask.');
}
const released = async (connectionId: string) =>
  (await getConnectionCredentials(keyward.broker, me, { connectionId })).credentials;

/** Input, code, and the fields that the error names. */
const bad: readonly [string, Record<string, unknown>, string, readonly string[]][] = [
  [
    'an authentication type that the connector lacks',
    { authenticationType: 'api_kei' },
    'invalid_input',
    ['authenticationType'],
  ],
  ['a field that does not exist and one that is missing', { colour: 'red' }, 'invalid_input', ['colour', 'username']],
  ['a misspelt field and a wrong type', { username: 7, passwort: 'x' }, 'invalid_input', ['username', 'passwort']],
  ['a missing field', {}, 'invalid_input', ['username']],
  ['a value of two lines', { username: 'a\nb' }, 'invalid_input', ['username']],
  ['a value that is too long', { username: 'a'.repeat(10_000) }, 'invalid_input', ['username']],
  ['a name of two lines', { username: 'a', name: 'a\nb' }, 'invalid_input', ['name']],
  ['an empty name', { username: 'a', name: ' ' }, 'invalid_input', ['name']],
  ['a name that reads backwards', { username: 'a', name: 'safe \u202egnp' }, 'invalid_input', ['name']],
  ['a malformed credential id', { username: 'a', credentialId: '../../etc' }, 'invalid_input', ['credentialId']],
  ['the id of nothing', { username: 'a', credentialId: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' }, 'not_found', []],
  ['an auth config where none is used', { username: 'a', authConfigId: 'default' }, 'invalid_input', ['authConfigId']],
  ['a prototype as a field', JSON.parse('{"username":"a","__proto__":"x"}'), 'invalid_input', ['__proto__']],
  [
    'a redirectUri elsewhere',
    { username: 'a', redirectUri: 'https://evil.example/' },
    'invalid_input',
    ['redirectUri'],
  ],
];

describe('wrong input', () => {
  it.each(bad)('with %s is one error that names the fields, and nothing is stored', async (_, input, code, fields) => {
    const who = principal('wrong');
    const failure = await create({ connectorId: acme, authenticationType: 'basic', ...input }, 'tool', who).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code, hint: expect.stringMatching(/\w/) });
    const { details } = failure as { details: { fields?: Record<string, string> } };
    expect(Object.keys(details.fields ?? {}).sort()).toEqual([...fields].sort());
    expect((await listCredentials(keyward.broker, who, {})).credentials).toEqual([]);
    expect(await keyward.broker.vault.list('attempt', who, {}, { limit: 1 })).toEqual([]);
  });

  it('an unknown connector is answered with the nearest ids', async () => {
    for (const [asked, nearest] of [
      ['custom.acmee', acme],
      ['githb', 'github'],
    ] as const) {
      await expect(create({ connectorId: asked, authenticationType: 'oauth2' })).rejects.toMatchObject({
        code: 'unknown_connector',
        hint: expect.stringContaining(nearest),
      });
    }
  });

  it.each([
    ['//evil.example/x'],
    ['javascript:alert(1)'],
    ['https://127.0.0.1.evil.example/'],
    ['http://127.0.0.1@evil.example/'],
    ['http:\\\\evil.example'],
    ['http://localhost/#fragment'],
    ['file:///etc/passwd'],
  ])('22. redirectUri %s is refused', async (redirectUri) => {
    const creating = create({ connectorId: acme, authenticationType: 'oauth2', redirectUri });
    await expect(creating).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it('a redirectUri that may not be used is refused even where nobody would be sent to it', async () => {
    const creating = create({ ...shop, redirectUri: 'https://evil.example/' });
    await expect(creating).rejects.toMatchObject({ details: { fields: { redirectUri: expect.any(String) } } });
  });

  it('no error quotes a secret that was given', async () => {
    const canary = 'canary-5f3a';
    for (const input of [
      { authenticationType: 'api_key', apiKey: canary },
      { authenticationType: 'api_key', apiKey: [canary] },
      { authenticationType: 'basic', password: canary, usernam: canary },
    ]) {
      const failure = await create({ connectorId: acme, ...input }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'invalid_input' });
      expect(JSON.stringify([failure, (failure as Error).message, (failure as Error).stack])).not.toContain(canary);
    }
  });

  it('a secret in arguments is refused under secretInput=page, and the person is asked on the page instead', async () => {
    const input = { connectorId: acme, authenticationType: 'api_key' };
    await expect(create({ ...input, apiKey: goodKey }, 'tool', me, strict)).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('apiKey'),
    });
    expect(await create(input, 'tool', me, strict)).toMatchObject({ kind: 'attempt', page: 'connect' });
  });

  it('a program that leaves a secret out is told which; an assistant gets a page for it', async () => {
    const input = { connectorId: acme, authenticationType: 'basic', username: 'ann' };
    await expect(create(input, 'rest')).rejects.toMatchObject({ details: { fields: { password: 'is missing' } } });
    expect(await create(input)).toMatchObject({ kind: 'attempt', page: 'connect' });
  });

  it('client credentials that the service refuses leave nothing behind', async () => {
    const who = principal('refused');
    const wrong = await startBroker({
      origin: server.issuer,
      folder: keyward.folder,
      settings: { authConfigs: new Map([[acme, { clientId: 'keyward', clientSecret: 'wrong' }]]) },
    });
    const creating = create({ connectorId: acme, authenticationType: 'oauth2_client_credentials' }, 'tool', who, wrong);
    await expect(creating).rejects.toMatchObject({
      code: 'provider_refused',
      details: { providerError: 'invalid_client' },
    });
    expect((await listCredentials(keyward.broker, who, {})).credentials).toEqual([]);
    await wrong.close();
  });
});

describe('reconnecting', () => {
  it('replaces the secret in place: same id and name, and the account has to be verified anew', async () => {
    const id = await created({ ...shop, name: 'My shop' });
    const record = await credentialOf(keyward.broker, me, id);
    const dead = { ...record, status: 'reconnect_required' as const, statusReason: 'It ended.', account: 'ann' };
    await keyward.broker.vault.commit([{ op: 'update', kind: 'credential', record: dead }]);
    expect(await created({ ...shop, token: 'secret-2', region: 'us', credentialId: id })).toBe(id);
    expect(await released(id)).toEqual({ shop: 'tea', region: 'us', token: 'secret-2' });
    const metadata = await getConnection(keyward.broker, me, { connectionId: id });
    expect(metadata).toMatchObject({ credentialId: id, name: 'My shop', status: 'active' });
    expect(metadata).not.toHaveProperty('account');
    expect(metadata).not.toHaveProperty('statusReason');
  });

  it('takes the inputs that are not given from before', async () => {
    const id = await created(shop);
    const { connectorId, authenticationType } = shop;
    expect(await created({ connectorId, authenticationType, token: 'secret-3', credentialId: id })).toBe(id);
    expect(await released(id)).toEqual({ shop: 'tea', region: 'eu', token: 'secret-3' });
  });

  it('can not move a credential to another host', async () => {
    const id = await created(shop);
    await expect(create({ ...shop, shop: 'evil', credentialId: id })).rejects.toMatchObject({ code: 'forbidden' });
    expect(await released(id)).toMatchObject({ shop: 'tea', token: 'secret-1' });
    expect((await keyward.audited()).at(-2)).toMatchObject({ action: 'credential.reconnect', outcome: 'refused' });
  });

  it('can not turn a credential into one of another connector or type', async () => {
    const id = await created(shop);
    const other = { connectorId: acme, authenticationType: 'api_key', apiKey: goodKey, credentialId: id };
    await expect(create(other)).rejects.toMatchObject({ details: { fields: { credentialId: expect.any(String) } } });
  });

  it('another owner’s credential is not found', async () => {
    const id = await created(shop);
    const taking = create({ ...shop, token: 'theirs', credentialId: id }, 'tool', principal('bob'));
    await expect(taking).rejects.toMatchObject({ code: 'not_found' });
    expect(await released(id)).toMatchObject({ token: 'secret-1' });
  });

  it('through the browser keeps the id and revives a dead grant', async () => {
    const id = await connectAcme(keyward.broker, me);
    const record = await credentialOf(keyward.broker, me, id);
    const dead = { ...record, status: 'reconnect_required' as const, statusReason: 'It ended.' };
    await keyward.broker.vault.commit([{ op: 'update', kind: 'credential', record: dead }]);
    expect(await connectAcme(keyward.broker, me, { credentialId: id })).toBe(id);
    const revived = await credentialOf(keyward.broker, me, id);
    expect(revived.status).toBe('active');
    expect(revived.statusReason).not.toContain('It ended.');
    expect(await server.isActive((await tokensOf(keyward.broker, me, id)).accessToken)).toBe(true);
  });

  it('a credential that was deleted meanwhile fails the attempt and is not brought back', async () => {
    const id = await connectAcme(keyward.broker, me);
    const { attemptId, browser, received } = await consent(keyward.broker, me, { credentialId: id });
    const record = await credentialOf(keyward.broker, me, id);
    await keyward.broker.vault.commit([{ op: 'delete', kind: 'credential', record }]);
    await finishCallback(keyward.broker, { received, connectorId: null, cookieOf: () => browser, visitor: 'local' });
    expect(await checkAttempt(keyward.broker, me, { attemptId })).toMatchObject({
      status: 'failed',
      error: { code: 'not_found' },
    });
    expect(await keyward.broker.vault.get('credential', me, id)).toBeUndefined();
  });
});
