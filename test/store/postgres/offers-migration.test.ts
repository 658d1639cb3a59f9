/** Shares with other tenants that an older Keyward left in the database. */
import { expect, it } from 'vitest';
import { migratePostgres } from '../../../src/store/postgres/postgres-store.ts';
import { reading } from '../../support/principals.ts';
import { asAdmin, freshDatabase, openTestStore } from '../../support/servers/postgres.ts';
import { credentialRow } from '../../support/vault/rows.ts';

it('145. become offers when the tables are brought up to date: nobody there sees them, and none is lost', async () => {
  const url = await freshDatabase();
  const before = await openTestStore(url);
  const across = credentialRow({ createdAt: 1, shares: [{ with: 'tenant:globex', permission: 'use' }] });
  const within = credentialRow({
    createdAt: 2,
    shares: [
      { with: 'tenant:acme', permission: 'view' },
      { with: 'user:bob', permission: 'use' },
    ],
  });
  await before.commit([across, within].map((row) => ({ op: 'insert', kind: 'credential', row })));
  await before.close();
  // As they stood in the index until then.
  await asAdmin(url, `update keyward_shares set reader = 'tenant:globex' where reader_tenant = 'globex'`);
  await asAdmin(url, `create table kept as select kind, id, mac, ledger from keyward_records, keyward_vault`);
  for (const undo of [
    'alter table keyward_records rename column ends_at to attempt_ends_at',
    'drop index keyward_records_by_end',
    'create index keyward_attempts_by_end on keyward_records (attempt_ends_at)',
    'alter table keyward_records drop column mac',
    'alter table keyward_vault drop column ledger',
    `delete from keyward_migrations where name >= '0005'`,
  ])
    await asAdmin(url, undo);
  expect(await migratePostgres(url)).toContain('0005');
  // What proves the records came later; they prove the same as before.
  await asAdmin(url, 'update keyward_records r set mac = k.mac from kept k where k.kind = r.kind and k.id = r.id');
  await asAdmin(url, 'update keyward_vault set ledger = (select ledger from kept limit 1)');

  const store = await openTestStore(url);
  const gus = { tenant: 'globex', user: 'gus' };
  const page = { limit: 5 };
  expect(await store.listVisible(reading(gus, { offers: true }), {}, page)).toEqual([]);
  expect(await store.findVisible(reading(gus, { offers: true }), across.id)).toBeUndefined();
  expect(await store.listOffered('globex', page)).toEqual([across]);
  expect(await store.listVisible(reading(gus, { trusted: ['acme'] }), {}, page)).toEqual([across]);
  expect(await store.listVisible(reading({ tenant: 'acme', user: 'bob' }), {}, page)).toEqual([within]);
  // Once more changes nothing, and what is stored anew stands where it did.
  await store.commit([{ op: 'update', kind: 'credential', row: { ...across, version: 2 }, ifVersion: 1 }]);
  expect(await store.listOffered('globex', page)).toEqual([{ ...across, version: 2 }]);
});
