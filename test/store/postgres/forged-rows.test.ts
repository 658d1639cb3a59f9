/** What somebody does who may write to the database and has no key. */
import { hash, randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  createSession,
  listSessions,
  principalOfSession,
  revokeSession,
} from '../../../src/broker/sign-in/sessions.ts';
import { beginVisit, endVisit, visitorOf } from '../../../src/broker/sign-in/visits.ts';
import { localPrincipal as me, scopes } from '../../../src/principal.ts';
import { openPostgresStore } from '../../../src/store/postgres/postgres-store.ts';
import { rotateDataKey } from '../../../src/vault/key-change.ts';
import { openVault } from '../../../src/vault/open.ts';
import { connect, freshDatabase, openTestStore, postgresKey } from '../../support/servers/postgres.ts';
import { firstFormatDatabase, firstFormatKey, unreadableIn } from '../../support/vault/first-format.ts';
import { ann, approvalRow, attemptRow, bob, credentialRow } from '../../support/vault/rows.ts';

const damaged = { code: 'vault_damaged' };
const reader = { ...bob, trusted: [], offers: false };

describe('a writer of the database', () => {
  it('116. inserts a session for somebody, or widens, extends or gives away one; it lets nobody in', async () => {
    const url = await freshDatabase();
    const write = await connect(url);
    const vault = await openVault(await openTestStore(url));
    const { token, sessionId } = await createSession({ vault }, me, {
      ...ann,
      scopes: ['credentials:read'],
      expiresAt: Date.now() + 60_000,
    });
    expect(await principalOfSession({ vault }, token)).toMatchObject(ann);

    const [{ row: whole, metadata } = {}] = await write(
      'select to_jsonb(r) as row, metadata from keyward_records r where id = $1',
      [sessionId],
    );
    const put = (changed: object) =>
      write('insert into keyward_records select (json_populate_record(null::keyward_records, $1)).*', [
        JSON.stringify({ ...Object(whole), ...changed }),
      ]);
    const secret = randomBytes(32).toString('base64url');
    const id = randomUUID();
    await put({ id, metadata: { hash: hash('sha256', secret, 'hex'), scopes, expiresAt: null } });
    await expect(principalOfSession({ vault }, `kw_${id.replaceAll('-', '')}${secret}`)).rejects.toMatchObject(damaged);

    const changes = [
      { metadata: { ...Object(metadata), scopes } },
      { metadata: { ...Object(metadata), expiresAt: null } },
      { owner: 'bob' },
      { tenant: 'other' },
      { mac: null },
    ];
    for (const changed of changes) {
      await write('delete from keyward_records where id = $1', [sessionId]);
      await put(changed);
      await expect(principalOfSession({ vault }, token), JSON.stringify(changed)).rejects.toMatchObject(damaged);
    }
    await write('delete from keyward_records where id = $1', [sessionId]);
    await put({});
    expect(await principalOfSession({ vault }, token)).toMatchObject(ann);
  });

  it('117. changes any column of any record, one that comes later included; no door takes it', async () => {
    const url = await freshDatabase();
    const write = await connect(url);
    const store = await openTestStore(url);
    const rows = [
      { kind: 'credential', row: credentialRow({ shares: [{ with: 'user:bob', permission: 'view' }], lastUsedAt: 5 }) },
      { kind: 'attempt', row: attemptRow() },
      { kind: 'approval', row: approvalRow() },
    ] as const;
    await store.commit(rows.map((one) => ({ op: 'insert', ...one })));
    await write('create table kept as select * from keyward_records');
    const columns = await write(
      `select column_name as name, data_type as type from information_schema.columns where table_name = 'keyward_records'`,
    );
    expect(columns.length).toBeGreaterThan(15);
    // A note of the last use proves nothing to anybody; a box proves itself: it opens under a key of its row alone.
    const free = ['last_used_at', 'sealed'];
    const changed: Readonly<Record<string, (column: string) => string>> = {
      bigint: (column) => `coalesce(${column}, 0) + 1`,
      boolean: (column) => `not ${column}`,
      json: (column) => `(${column}::jsonb || '{"hosts": ["evil.example"]}')::json`,
      text: (column) => `coalesce(${column}, '') || 'x'`,
    };
    const scanned = async () => {
      for await (const _ of store.scan());
    };
    for (const { kind, row } of rows) {
      for (const { name, type } of columns.filter((one) => !free.includes(String(one.name)))) {
        const column = String(name);
        const value = changed[String(type)]?.(column) ?? 'null';
        await write(`update keyward_records set ${column} = ${value} where kind = $1 and id = $2`, [kind, row.id]);
        await expect(scanned(), `${kind}.${column}`).rejects.toMatchObject(damaged);
        const got = await store.get(kind, ann, row.id).catch(({ code }: { code: string }) => code);
        // Under another name it is no longer what is asked for.
        const renamed = ['kind', 'id', 'tenant', 'owner'].includes(column);
        expect(got, `${kind}.${column}`).toBe(renamed ? undefined : 'vault_damaged');
        await write('delete from keyward_records');
        await write('insert into keyward_records select * from kept');
      }
    }
    await scanned();
  });

  it('118. shows somebody a credential, by the index of shares or by a share of its own; nobody sees it', async () => {
    const url = await freshDatabase();
    const write = await connect(url);
    const store = await openTestStore(url);
    const row = credentialRow();
    await store.commit([{ op: 'insert', kind: 'credential', row }]);
    await write(
      'insert into keyward_shares (credential_id, reader_tenant, reader, created_at) values ($1, $2, $3, $4)',
      [row.id, bob.tenant, 'user:bob', row.createdAt],
    );
    await expect(store.findVisible(reader, row.id)).rejects.toMatchObject(damaged);
    await expect(store.listVisible(reader, {}, { limit: 10 })).rejects.toMatchObject(damaged);

    const shares = { shares: [{ with: 'user:bob', permission: 'use' }] };
    await write('update keyward_records set metadata = (metadata::jsonb || $1::jsonb)::json, shared = true', [
      JSON.stringify(shares),
    ]);
    await expect(store.findVisible(reader, row.id)).rejects.toMatchObject(damaged);
    await expect(store.get('credential', ann, row.id)).rejects.toMatchObject(damaged);
  });

  it('120. puts a revoked session back, or a browser that signed out; it stays ended, also for who starts later', async () => {
    const url = await freshDatabase();
    const write = await connect(url);
    const vault = await openVault(await openTestStore(url));
    const instance = { vault: await openVault(await openTestStore(url)) };
    const { token, sessionId } = await createSession({ vault }, me, { ...ann, scopes, expiresAt: null });
    const cookie = await beginVisit({ vault }, ann);
    const other = await createSession({ vault }, me, { ...ann, scopes, expiresAt: null });
    await write(`create table kept as select * from keyward_records`);
    await revokeSession({ vault }, me, sessionId);
    await endVisit({ vault }, cookie);
    await write('delete from keyward_records');
    await write('insert into keyward_records select * from kept');
    const later = { vault: await openVault(await openTestStore(url)) };
    for (const parts of [{ vault }, later]) {
      expect(await principalOfSession(parts, token)).toBeNull();
      expect(await visitorOf(parts, cookie)).toBeNull();
      expect((await listSessions(parts)).map(({ id }) => id)).toEqual([other.sessionId]);
      expect(await principalOfSession(parts, other.token)).toMatchObject(ann);
    }
    // One that was running hears of it within a second.
    await vi.waitUntil(async () => (await principalOfSession(instance, token)) === null, { timeout: 5_000 });
  });

  it('120. sets back what says that they ended; whoever runs refuses it, and nobody believes another one', async () => {
    const url = await freshDatabase();
    const write = await connect(url);
    const vault = await openVault(await openTestStore(url));
    const { token, sessionId } = await createSession({ vault }, me, { ...ann, scopes, expiresAt: null });
    const kept = (await write('select ledger from keyward_vault'))[0]?.ledger;
    await write(`create table kept as select * from keyward_records`);
    await revokeSession({ vault }, me, sessionId);
    await write('insert into keyward_records select * from kept');
    for (const ledger of [kept, null, 'x']) {
      await write('update keyward_vault set ledger = $1', [ledger]);
      const refused = () => principalOfSession({ vault }, token).catch(({ code }: { code: string }) => code);
      await vi.waitUntil(async () => (await refused()) === 'vault_damaged', { timeout: 5_000 });
    }
    await expect(openTestStore(url)).rejects.toMatchObject(damaged);
  });

  it('116. brings a record here from another database of the vault; it is nobody’s', async () => {
    const [here, there] = [await freshDatabase(), await freshDatabase()];
    const source = await openTestStore(there);
    const { token } = await createSession({ vault: await openVault(source) }, me, { ...ann, scopes, expiresAt: null });
    const target = await openPostgresStore({ url: here, key: postgresKey, adopt: source.keys });
    onTestFinished(() => target.close());
    const [row] = await (await connect(there))('select to_jsonb(r) as row from keyward_records r');
    const put = 'insert into keyward_records select (json_populate_record(null::keyward_records, $1)).*';
    await (await connect(here))(put, [JSON.stringify(row?.row)]);
    await expect(principalOfSession({ vault: await openVault(target) }, token)).rejects.toMatchObject(damaged);
  });

  it('117. puts back a credential as it was before a share was withdrawn; whoever has seen that refuses it', async () => {
    const url = await freshDatabase();
    const write = await connect(url);
    const store = await openTestStore(url);
    const row = credentialRow({ shares: [{ with: 'user:bob', permission: 'use' }] });
    await store.commit([{ op: 'insert', kind: 'credential', row }]);
    await write('create table kept as select * from keyward_records');
    await write('create table kept_shares as select * from keyward_shares');
    const reading = Array.from({ length: 20 }, () => store.findVisible(reader, row.id));
    await store.commit([{ op: 'update', kind: 'credential', row: { ...row, version: 2, shares: [] }, ifVersion: 1 }]);
    // Who asks while it is withdrawn gets the one or the other, and no alarm.
    await Promise.all([...reading, store.get('credential', ann, row.id)]);
    expect(await store.findVisible(reader, row.id)).toBeUndefined();
    await write('delete from keyward_records');
    await write('insert into keyward_records select * from kept');
    await write('insert into keyward_shares select * from kept_shares');
    await expect(store.findVisible(reader, row.id)).rejects.toMatchObject(damaged);
    await expect(store.get('credential', ann, row.id)).rejects.toMatchObject(damaged);
  });
});

describe('a database from before records were proved', () => {
  it('119. is brought up to date once: what was there is believed, what was made for another record is not', async () => {
    const { url, token } = await firstFormatDatabase();
    const write = await connect(url);
    const [row] = await write(`select to_jsonb(r) as row from keyward_records r where kind = 'session'`);
    const put = (changed: object) =>
      write('insert into keyward_records select (json_populate_record(null::keyward_records, $1)).*', [
        JSON.stringify({ ...Object(row?.row), ...changed }),
      ]);
    const secret = randomBytes(32).toString('base64url');
    const forged = { hash: hash('sha256', secret, 'hex'), scopes, expiresAt: null };
    const tokenOf = (id: string) => `kw_${id.replaceAll('-', '')}${secret}`;
    const before = randomUUID();
    await put({ id: before, metadata: forged });

    const stores = await Promise.all([0, 1, 2].map(() => openTestStore(url, firstFormatKey)));
    for (const store of stores) {
      const vault = await openVault(store);
      expect(await unreadableIn(store)).toBe(0);
      expect(await principalOfSession({ vault }, token)).toMatchObject({ tenant: 'acme', user: 'ann' });
      await expect(principalOfSession({ vault }, tokenOf(before))).rejects.toMatchObject(damaged);
    }
    // One without a proof that comes later is nobody's, also for who starts later.
    const after = randomUUID();
    const columns = Object.keys(Object(row?.row)).filter((name) => name !== 'attempt_ends_at');
    const names = columns.map((name) => `"${name}"`).join(', ');
    await write(
      `insert into keyward_records (${names}) select ${names} from json_populate_record(null::keyward_records, $1)`,
      [JSON.stringify({ ...Object(row?.row), id: after, metadata: forged })],
    );
    const vault = await openVault(await openTestStore(url, firstFormatKey));
    await expect(principalOfSession({ vault }, tokenOf(after))).rejects.toMatchObject(damaged);
    expect(await principalOfSession({ vault }, token)).toMatchObject({ tenant: 'acme', user: 'ann' });
  });
});

describe('a rotation', () => {
  it('121. proves every record anew, leaves out what nobody made, and retires what the old key vouches for', async () => {
    const url = await freshDatabase();
    const write = await connect(url);
    const store = await openTestStore(url);
    const vault = await openVault(store);
    const { token, sessionId } = await createSession({ vault }, me, { ...ann, scopes, expiresAt: null });
    const revoked = await createSession({ vault }, me, { ...ann, scopes, expiresAt: null });
    await revokeSession({ vault }, me, revoked.sessionId);
    const forged = credentialRow();
    await store.commit([{ op: 'insert', kind: 'credential', row: forged }]);
    await write('create table kept as select * from keyward_records');
    await write(`update keyward_records set owner = 'eve' where id = $1`, [forged.id]);
    const told: unknown[] = [];
    const { damaged: aside } = await rotateDataKey(store, async (record) => void told.push(record));
    expect(aside).toEqual([{ kind: 'credential', id: forged.id }]);
    expect(told).toEqual(aside);
    expect(await principalOfSession({ vault }, token)).toMatchObject(ann);
    const later = { vault: await openVault(await openTestStore(url)) };
    expect(await principalOfSession(later, token)).toMatchObject(ann);
    // As it was under the key that was left.
    await write('delete from keyward_records where id = $1', [sessionId]);
    await write('insert into keyward_records select * from kept where id = $1', [sessionId]);
    await expect(principalOfSession({ vault }, token)).rejects.toMatchObject(damaged);
  });
});
