/** Listing, reading, renaming and deleting. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cancelAttempt, checkAttempt } from '../../../src/broker/connect/attempts.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { deleteCredential } from '../../../src/broker/credentials/delete.ts';
import { getConnection, listCredentials, updateCredential } from '../../../src/broker/credentials/manage.ts';
import { listConnectors } from '../../../src/broker/credentials/metadata.ts';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import { shareConnection } from '../../../src/broker/credentials/share.ts';
import { verifyCredential } from '../../../src/broker/credentials/verify.ts';
import { localPrincipal as me, type Principal } from '../../../src/principal.ts';
import {
  acme,
  connectAcme,
  credentialOf,
  principal,
  startBroker,
  storeTokens,
  type TestBroker,
  tokensOf,
} from '../../support/broker.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../../support/servers/authorization-server.ts';

let server: AuthorizationServer;
let keyward: TestBroker;
beforeAll(async () => {
  server = await startAuthorizationServer();
  keyward = await startBroker({ origin: server.issuer });
});
afterAll(async () => {
  await keyward.close();
  await server.close();
});

const live = (who: Principal) => storeTokens(keyward.broker, who, { expiresAt: null });

describe('the base URL', () => {
  const connect = async (who: Principal, input: Record<string, string>) => {
    const given = { authenticationType: 'bearer', token: 'sk-live-0123456789abcdef', ...input };
    const created = await createCredential(keyward.broker, who, given as never, { obtainedBy: 'tool' });
    if (created.kind !== 'created') throw new Error('Something was left to ask.');
    return created.credentialId;
  };
  const shown = async (who: Principal, connectionId: string) => {
    const { baseUrl } = await getConnection(keyward.broker, who, { connectionId });
    const { credentials } = await listCredentials(keyward.broker, who, { limit: 100 });
    expect(credentials.find((one) => one.credentialId === connectionId)?.baseUrl).toBe(baseUrl);
    return baseUrl;
  };

  it('of a connection is shown with what was typed for it', async () => {
    const who = principal('typist');
    const shop = await connect(who, { connectorId: 'custom.shop', shop: 'tea', region: 'eu' });
    expect(await shown(who, shop)).toBe('https://tea.shop.example/v1');
    const any = await connect(who, { connectorId: 'generic-http', baseUrl: 'https://api.example.com/v1/' });
    expect(await shown(who, any)).toBe('https://api.example.com/v1/');
  });

  it('is shown to others where its owner did not type its path', async () => {
    const [ann, bob] = [principal('ann-of-urls'), principal('bob-of-urls')];
    const share = (connectionId: string) =>
      shareConnection(keyward.broker, ann, { connectionId, with: 'user:bob-of-urls', permission: 'use' });
    const shop = await connect(ann, { connectorId: 'custom.shop', shop: 'tea', region: 'eu' });
    const any = await connect(ann, { connectorId: 'generic-http', baseUrl: 'https://api.example.com/hook/T0/B1' });
    for (const id of [shop, any]) await share(id);
    expect(await shown(bob, shop)).toBe('https://tea.shop.example/v1');
    expect(await shown(bob, any)).toBeUndefined();
  });

  it('of a connector that is gone is not known', async () => {
    const who = principal('gone-url');
    const record = await live(who);
    const orphan = { ...record, connectorId: 'custom.gone' };
    await keyward.broker.vault.commit([{ op: 'update', kind: 'credential', record: orphan }]);
    expect(await shown(who, record.id)).toBeUndefined();
  });
});

describe('lists', () => {
  it('9. page through everything once, in a stable order, and never show another owner’s rows', async () => {
    const [ann, bob] = [principal('ann'), principal('bob')];
    const ids: string[] = [];
    for (let n = 0; n < 25; n += 1) {
      ids.push((await live(ann)).id);
      await live(bob);
    }
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await listCredentials(keyward.broker, ann, { limit: 7, cursor });
      seen.push(...page.credentials.map((one) => one.credentialId));
      // What is added meanwhile comes last and disturbs nothing.
      if (cursor === undefined) ids.push((await live(ann)).id);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(seen).toHaveLength(26);
    expect([...seen].sort()).toEqual([...ids].sort());
    const { nextCursor } = await listCredentials(keyward.broker, ann, { limit: 1 });
    const bobs = await listCredentials(keyward.broker, bob, { limit: 100, cursor: nextCursor });
    expect(bobs.credentials.every((one) => !ids.includes(one.credentialId))).toBe(true);
    for (const filter of [{ connectorId: acme }, { status: 'active' as const }, { userId: 'ann' }]) {
      const found = await listCredentials(keyward.broker, ann, { ...filter, limit: 100 });
      expect(found.credentials.map((one) => one.credentialId)).toEqual(seen);
    }
    expect((await listCredentials(keyward.broker, ann, { status: 'reconnect_required' })).credentials).toEqual([]);
  });

  it.each([
    '',
    'x',
    '%00',
    'bnVsbA',
    Buffer.from('[1]').toString('base64url'),
    Buffer.from('["a","b"]').toString('base64url'),
    Buffer.from('{}').toString('base64url'),
    ...['[1.5,"ID"]', '[1e400,"ID"]', '[-1,"ID"]', '[1,"a\\u0000"]', '[1,"x"]'].map((text) =>
      Buffer.from(text.replace('ID', '550e8400-e29b-41d4-a716-446655440000')).toString('base64url'),
    ),
  ])('refuse the cursor “%s”, which none of them answered', async (cursor) => {
    await expect(listCredentials(keyward.broker, me, { cursor })).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it('of connectors page through all of them once', async () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await listConnectors(keyward.broker, me, { limit: 5, cursor });
      seen.push(...page.connectors.map((one) => one.connectorId));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(keyward.broker.catalogue.list().map((one) => one.id));
  });

  it('of connectors that were looked for page through what was found, in its order', async () => {
    const query = 'payments';
    const found = (await keyward.broker.catalogue.search(query)).map((one) => one.id);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await listConnectors(keyward.broker, me, { query, limit: 7, cursor });
      seen.push(...page.connectors.map((one) => one.connectorId));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(found.length).toBeGreaterThan(14);
    expect(seen).toEqual(found);
  });

  it('of connectors say what to do where nothing was found, and name the categories there are', async () => {
    const { connectors, hint } = await listConnectors(keyward.broker, me, { query: 'qqzzxxyy' });
    expect(connectors).toEqual([]);
    for (const id of ['generic-api-key', 'generic-http', 'generic-oauth2', 'mcp-server']) expect(hint).toContain(id);
    const inCategory = await listConnectors(keyward.broker, me, { query: 'qqzzxxyy', category: 'finance' });
    expect(inCategory.hint).toContain('without a category');
    await expect(listConnectors(keyward.broker, me, { category: 'financee' })).rejects.toMatchObject({
      code: 'invalid_input',
      hint: expect.stringContaining('finance'),
    });
    expect(await listConnectors(keyward.broker, me, { category: 'finance' })).not.toHaveProperty('hint');
  });

  it('by an unknown connector are an error with the nearest ids, unless credentials of it are there', async () => {
    await expect(listCredentials(keyward.broker, me, { connectorId: 'custom.acmee' })).rejects.toMatchObject({
      code: 'unknown_connector',
      hint: expect.stringContaining(acme),
    });
    const who = principal('old');
    const record = await live(who);
    const orphan = { ...record, connectorId: 'custom.gone' };
    await keyward.broker.vault.commit([{ op: 'update', kind: 'credential', record: orphan }]);
    const { credentials } = await listCredentials(keyward.broker, who, { connectorId: 'custom.gone' });
    expect(credentials).toMatchObject([{ credentialId: record.id, connectorId: 'custom.gone' }]);
    expect(await deleteCredential(keyward.broker, who, { credentialId: record.id })).toMatchObject({
      deleted: true,
      revocation: 'failed',
    });
  });
});

describe('ids', () => {
  it('13. no variant of an id finds the record but that in capital letters', async () => {
    const { id } = await live(me);
    const variants = [
      ` ${id}`,
      `${id}\n`,
      `../${id}`,
      `${id}/..`,
      `./${id}`,
      id.replace('-', '%2d'),
      id.replaceAll('-', ''),
      id.replace(/[0-9]/, (digit) => String.fromCharCode(0xff10 + Number(digit))),
      id.replace('-', '\u2010'),
      `${id}\u0000`,
      `{${id}}`,
      '',
      '__proto__',
      'constructor',
    ];
    for (const asked of variants) {
      const acts = [
        getConnection(keyward.broker, me, { connectionId: asked }),
        getConnectionCredentials(keyward.broker, me, { connectionId: asked }),
        updateCredential(keyward.broker, me, { credentialId: asked, name: 'x' }),
        verifyCredential(keyward.broker, me, { credentialId: asked }),
        deleteCredential(keyward.broker, me, { credentialId: asked }),
        checkAttempt(keyward.broker, me, { attemptId: asked }),
        cancelAttempt(keyward.broker, me, asked),
      ];
      for (const act of await Promise.allSettled(acts)) {
        expect(act).toMatchObject({ status: 'rejected', reason: { code: 'invalid_input' } });
      }
    }
    // An id of one kind is no id of another.
    await expect(checkAttempt(keyward.broker, me, { attemptId: id })).rejects.toMatchObject({ code: 'not_found' });
    expect(await credentialOf(keyward.broker, me, id)).toMatchObject({ name: 'Acme' });
  });
});

describe('renaming', () => {
  it('changes the name and nothing else, and refuses to change nothing', async () => {
    const { id } = await live(me);
    const before = await getConnection(keyward.broker, me, { connectionId: id });
    const after = await updateCredential(keyward.broker, me, { credentialId: id, name: ' Work ' });
    const { shares, ...row } = before;
    expect(shares).toEqual([]);
    expect(after).toEqual({ ...row, name: 'Work', updatedAt: after.updatedAt });
    expect((await tokensOf(keyward.broker, me, id)).accessToken).toBe('at-0');
    const nothing = updateCredential(keyward.broker, me, { credentialId: id });
    await expect(nothing).rejects.toMatchObject({ details: { fields: { name: 'is missing' } } });
  });
});

describe('deleting', () => {
  it('29. revokes at the service first, and says so', async () => {
    const me = principal('leaver');
    const id = await connectAcme(keyward.broker, me);
    const { accessToken, refreshToken } = await tokensOf(keyward.broker, me, id);
    expect(await deleteCredential(keyward.broker, me, { credentialId: id })).toEqual({
      credentialId: id,
      deleted: true,
      revocation: 'revoked',
    });
    expect([await server.isActive(accessToken), await server.isActive(refreshToken ?? '')]).toEqual([false, false]);
    await expect(getConnection(keyward.broker, me, { connectionId: id })).rejects.toMatchObject({ code: 'not_found' });
    await expect(deleteCredential(keyward.broker, me, { credentialId: id })).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  describe('one of several connections of an account', () => {
    const deleteOf = (broker: TestBroker, who: Principal) => (credentialId: string) =>
      deleteCredential(broker.broker, who, { credentialId });
    const change = async (broker: TestBroker, who: Principal, id: string, changes: object) => {
      const record = { ...(await credentialOf(broker.broker, who, id)), ...changes };
      await broker.broker.vault.commit([{ op: 'update', kind: 'credential', record }]);
    };

    it('keeps the grant where the service ends it as a whole, and revokes it with the last of them', async () => {
      const google = await startBroker({ origin: server.issuer, oauth2: { revocation: { ends: 'grant' } } });
      const who = principal('twice');
      const remove = deleteOf(google, who);
      const connect = () => connectAcme(google.broker, who);
      const [first, second] = [await connect(), await connect()];
      const { refreshToken } = await tokensOf(google.broker, who, first);
      const kept = await remove(first);
      expect(kept).toMatchObject({ deleted: true, revocation: 'kept' });
      // Nothing proves that they are of one account: what stays then is told, and where it ends.
      expect(kept.detail).toMatch(/may share a grant with “.*”.*in the settings of their account at Acme/);
      expect(await server.isActive(refreshToken ?? '')).toBe(true);
      const third = await connect();
      for (const id of [second, third]) await change(google, who, id, { account: 'ann@example.com' });
      expect(await remove(third)).toMatchObject({ detail: expect.stringContaining('the same grant keeps') });
      expect(await remove(second)).toMatchObject({ revocation: 'revoked' });

      // Of another person, of another account, or dead already: none of them is lost by it.
      await connectAcme(google.broker, principal('neighbour'));
      const [mine, other] = [await connect(), await connect()];
      await change(google, who, mine, { account: 'ann@example.com' });
      await change(google, who, other, { account: 'work@example.com' });
      expect(await remove(mine)).toMatchObject({ revocation: 'revoked' });
      const last = await connect();
      await change(google, who, other, { account: null, status: 'reconnect_required' });
      expect(await remove(last)).toMatchObject({ revocation: 'revoked' });

      // Each of two that go at the same moment would leave the grant to the other.
      const both = [await connect(), await connect()];
      const deleted = await Promise.all(both.map(remove));
      expect(deleted.map(({ revocation }) => revocation)).toContain('revoked');
      await google.close();
    });

    it('says at once that another one ended with it, and leaves alone what lives', async () => {
      const who = principal('together');
      const remove = deleteOf(keyward, who);
      const connect = () => connectAcme(keyward.broker, who);
      const [first, second, third] = [await connect(), await connect(), await connect()];
      // The service ends them together without having said so.
      const { refreshToken } = await tokensOf(keyward.broker, who, second);
      await fetch(`${server.issuer}/token/revocation`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa('keyward:keyward-secret')}` },
        body: new URLSearchParams({ token: refreshToken ?? '' }),
      });
      const deleted = await remove(first);
      expect(deleted).toMatchObject({ revocation: 'revoked', detail: expect.stringContaining('ended') });
      expect(await credentialOf(keyward.broker, who, second)).toMatchObject({ status: 'reconnect_required' });
      expect(await credentialOf(keyward.broker, who, third)).toMatchObject({ status: 'active' });
      expect(await remove(third)).toMatchObject({ revocation: 'revoked' });
    });
  });

  it('29. says not_supported where there is nothing to revoke, or no way to', async () => {
    const record = await live(me);
    const inputs = { kind: 'inputs', inputs: { apiKey: 'acme_0123456789abcdef' } } as const;
    const key = { ...record, authenticationType: 'api_key', authConfigId: null };
    await keyward.broker.vault.commit([{ op: 'update', kind: 'credential', record: key, secret: inputs }]);
    expect(await deleteCredential(keyward.broker, me, { credentialId: record.id })).toMatchObject({
      revocation: 'not_supported',
      detail: expect.stringContaining('still works at the service. The person ends it there, in the settings of Acme'),
    });
    const own = { ...(await live(me)), authenticationType: 'oauth2_client_credentials' };
    await keyward.broker.vault.commit([{ op: 'update', kind: 'credential', record: own }]);
    expect(await deleteCredential(keyward.broker, me, { credentialId: own.id })).toMatchObject({
      revocation: 'not_supported',
    });
  });

  it('29. says failed when the service is down, deletes all the same, and audits it', async () => {
    const down = await startBroker({ origin: 'http://127.0.0.1:9' });
    const { id } = await storeTokens(down.broker, me);
    expect(await deleteCredential(down.broker, me, { credentialId: id })).toMatchObject({
      deleted: true,
      revocation: 'failed',
      detail: expect.stringContaining('among the apps that have access'),
    });
    expect(await down.audited()).toMatchObject([
      { action: 'credential.delete', outcome: 'allowed' },
      { action: 'credential.revoke', outcome: 'failed' },
    ]);
    await down.close();
  });

  it('succeeds once when several ask at the same moment', async () => {
    const id = await connectAcme(keyward.broker, me);
    const all = await Promise.allSettled(
      [1, 2, 3].map(() => deleteCredential(keyward.broker, me, { credentialId: id })),
    );
    expect(all.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
  });
});
