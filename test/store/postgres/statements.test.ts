/** Every statement by itself: none answers or changes a record beyond the tenant, user and shares that it is given. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Owner } from '../../../src/principal.ts';
import { readerNames } from '../../../src/store/postgres/rows.ts';
import * as sql from '../../../src/store/postgres/statements.ts';
import { isSharedWith } from '../../../src/store/sharing.ts';
import type { KindRow, ListFilter, Share } from '../../../src/store/store.ts';
import { reading } from '../../support/principals.ts';
import { freshDatabase, openTestStore } from '../../support/servers/postgres.ts';
import { attemptRow, credentialRow } from '../../support/vault/rows.ts';

/** Names that an injection, a wildcard or a sloppy comparison would confuse. */
const tenants = ['acme', 'ACME', "a'; drop table keyward_records; --"];
const users = ['ann', 'an%', 'tenant:acme'];
const owners: Owner[] = tenants.flatMap((tenant) => users.map((user) => ({ tenant, user })));
const shares: Share[] = [
  { with: 'user:ann', permission: 'view' },
  { with: 'tenant:ACME', permission: 'use' },
];

/** What serves no principal: it finds by an id that the caller proves to know, or works on the whole vault. */
const ownerless = ['find', 'listOffered', 'listTokens', 'purge', 'scan'];

async function filled() {
  const url = await freshDatabase();
  const store = await openTestStore(url);
  const records: KindRow[] = owners.flatMap(({ tenant, user: owner }, at): KindRow[] => {
    const id = randomUUID();
    return [
      { kind: 'credential', row: credentialRow({ tenant, owner, createdAt: 100 + at }) },
      { kind: 'credential', row: credentialRow({ tenant, owner, createdAt: 200 + at, shares, id }) },
      // What is shared is the credential of this id, and nothing else that has it.
      { kind: 'attempt', row: attemptRow({ tenant, owner, id }) },
    ];
  });
  await store.commit(records.map(({ kind, row }) => ({ op: 'insert', kind, row }) as never));
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  const run = async ({ text }: sql.Statement, values: readonly unknown[]) =>
    (await client.query(text, [...values])).rows as { kind: string; id: string }[];
  return { run, records, all: () => run(sql.scan, ['', '', 1_000]) };
}

/** The generation of the keys of a new vault. */
const now = 1;
const beginning = ['-1', '', 1_000] as const;
const filters: ListFilter[] = [
  {},
  { connectorId: 'github' },
  { status: 'active' },
  { connectorId: 'github', status: 'active' },
];
const key = ({ kind, row }: KindRow) => `${kind}/${row.id}`;
const isOf = ({ row }: KindRow, { tenant, user }: Owner) => row.tenant === tenant && row.owner === user;

describe('statements', () => {
  it('take the tenant and user as their first parameters, but for those that serve no principal', () => {
    for (const [name, made] of Object.entries(sql)) {
      if (ownerless.includes(name)) continue;
      const { text } = typeof made === 'function' ? made({} as never) : made;
      const compared =
        /tenant = \$1 and (\w+\.)?owner = \$2|select \$1, \$2|\$1::text, \$2::text|unnest\(\$1::text\[\], \$2::text\[\]/;
      expect(text, name).toMatch(compared);
    }
  });

  it('9. 13. answer what the given tenant and user own or are shared, and nothing else', async () => {
    const { run, records } = await filled();
    for (const owner of owners) {
      const { tenant, user } = owner;
      const own = records.filter((one) => isOf(one, owner)).map(key);
      const visible = records
        .filter((one) => one.kind === 'credential' && (isOf(one, owner) || isSharedWith(one.row, reading(owner))))
        .map(key);
      const keys = (rows: { kind: string; id: string }[]) => rows.map(({ kind, id }) => `${kind}/${id}`);
      for (const { kind, row } of records) {
        const got = await run(sql.get, [tenant, user, kind, row.id]);
        expect(keys(got)).toEqual(own.filter((one) => one === `${kind}/${row.id}`));
        const found = await run(sql.findVisible, [tenant, user, row.id, readerNames(reading(owner))]);
        expect(keys(found)).toEqual(visible.filter((one) => one === `credential/${row.id}`));
      }
      for (const filter of filters) {
        const values = [filter.connectorId, filter.status].filter((value) => value !== undefined);
        for (const kind of ['credential', 'attempt', 'session']) {
          const status = filter.status !== undefined && kind === 'attempt';
          const expected = own.filter((one) => one.startsWith(`${kind}/`) && !status);
          const listed = await run(sql.list(filter), [tenant, user, ...beginning, kind, ...values]);
          expect(keys(listed).sort()).toEqual([...expected].sort());
        }
        const listed = await run(sql.listVisible(filter), [
          tenant,
          user,
          ...beginning,
          '-1',
          '',
          readerNames(reading(owner)),
          ...values,
        ]);
        expect(keys(listed).sort()).toEqual([...visible].sort());
      }
    }
  });

  it('7. change nothing of anybody but the given tenant and user', async () => {
    const { run, records, all } = await filled();
    const before = await all();
    const row = ['1', '1', '1', '1', null, 'c2VhbGVk', '{}', 'github', 'active', null, 'false', 'bWFj', [], []];
    for (const owner of owners) {
      for (const { kind, row: foreign } of records.filter((one) => !isOf(one, owner))) {
        const mine = [owner.tenant, owner.user, kind, foreign.id];
        expect(await run(sql.update, [...mine, ...row, foreign.version, now])).toEqual([{ changed: '0' }]);
        expect(await run(sql.remove, [...mine, foreign.version])).toEqual([{ changed: '0' }]);
        expect(await run(sql.insert, [...mine, ...row, now])).toEqual([{ changed: '0' }]);
        const plain = row.slice(0, -2);
        expect(await run(sql.updateUnshared, [...mine, ...plain, foreign.version, now])).toEqual([]);
        expect(await run(sql.insertUnshared, [...mine, ...plain, now])).toEqual([]);
        const lists = [[owner.tenant], [owner.user]];
        await run(sql.touch, [...lists, [foreign.id], ['9']]);
        await run(sql.reseal, [...lists, [kind], [foreign.id], [foreign.sealed], ['bmV3']]);
      }
    }
    expect(await all()).toEqual(before);
    expect(await run(sql.get, ['acme', 'ann', 'credential', randomUUID()])).toEqual([]);
  });
});

it('106. write nothing that was made under keys that were changed since', async () => {
  const { run, records, all } = await filled();
  const before = await all();
  const { kind, row } = records[0] ?? {};
  if (kind === undefined || row === undefined) throw new Error('There are no records.');
  const content = ['1', '1', '1', '1', null, 'c2VhbGVk', '{}', 'github', 'active', null, 'false', 'bWFj'];
  const [mine, fresh] = [row.id, randomUUID()].map((id) => [row.tenant, row.owner, kind, id, ...content]);
  for (const other of [now - 1, now + 1]) {
    expect(await run(sql.updateUnshared, [...(mine ?? []), row.version, other])).toEqual([]);
    expect(await run(sql.insertUnshared, [...(fresh ?? []), other])).toEqual([]);
    expect(await run(sql.update, [...(mine ?? []), [], [], row.version, other])).toEqual([{ changed: '0' }]);
    expect(await run(sql.insert, [...(fresh ?? []), [], [], other])).toEqual([{ changed: '0' }]);
  }
  expect(await all()).toEqual(before);
});

describe('two records of one owner under one id', () => {
  it('are two: what changes, shares or removes the attempt leaves the credential and its shares alone', async () => {
    const { run, records, all } = await filled();
    const [owner] = owners;
    const twins = records.filter((one) => owner && isOf(one, owner));
    const attempt = twins.find(({ kind }) => kind === 'attempt');
    const credential = twins.find((one) => one.kind === 'credential' && one.row.id === attempt?.row.id);
    if (!owner || !attempt || !credential) throw new Error('There are no twins.');
    const stranger = { tenant: 'far', user: 'away' };
    // Of the same version, too, all the while.
    const mine = [owner.tenant, owner.user, 'attempt', attempt.row.id];
    const row = ['1', '1', '1', '1', null, 'c2VhbGVk', '{}', null, null, '1', 'false', 'bWFj'];
    const toStranger = [[stranger.tenant], [`user:${stranger.user}`]];
    const others = async () => (await all()).filter(({ kind, id }) => kind === 'credential' || id !== attempt.row.id);
    const shared = () => run({ name: 'shares', text: 'select * from keyward_shares order by 1, 2, 3' }, []);
    const before = [await others(), await shared()];

    expect(await run(sql.update, [...mine, ...row, ...toStranger, 1, now])).toEqual([{ changed: '1' }]);
    expect([await others(), await shared()]).toEqual(before);
    expect(await run(sql.updateUnshared, [...mine, ...row, 1, now])).toHaveLength(1);
    await run(sql.reseal, [[owner.tenant], [owner.user], ['attempt'], [attempt.row.id], ['c2VhbGVk'], ['bmV3']]);
    expect(await run(sql.remove, [...mine, 1])).toEqual([{ changed: '1' }]);
    expect([await others(), await shared()]).toEqual(before);
    expect(await run(sql.insert, [...mine, ...row, ...toStranger, now])).toEqual([{ changed: '1' }]);
    expect([await others(), await shared()]).toEqual(before);
    const asked = [stranger.tenant, stranger.user, credential.row.id, readerNames(reading(stranger))];
    expect(await run(sql.findVisible, asked)).toEqual([]);

    await run(sql.touch, [[owner.tenant], [owner.user], [attempt.row.id], ['9']]);
    const used = (await all()).filter(({ id }) => id === attempt.row.id);
    expect(used).toMatchObject([
      { kind: 'attempt', last_used_at: null },
      { kind: 'credential', last_used_at: '9' },
    ]);
  });
});

describe('names', () => {
  it('that the driver would make equal, or PostgreSQL can not store, are refused', async () => {
    const store = await openTestStore(await freshDatabase());
    for (const user of ['a\ud800', 'a\udc00', 'a\u0000']) {
      await expect(store.get('credential', { tenant: 'acme', user }, randomUUID())).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
    await expect(store.get('credential', { tenant: 'acme', user: 'ann' }, 'a\u0000')).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });
});
