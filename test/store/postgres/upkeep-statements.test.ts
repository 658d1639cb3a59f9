/**
 * Statements about leases, the vault's keys and the audit log, each by itself: what one process holds, no other one takes
 * or changes, and what was written is there.
 */
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../../src/store/postgres/database.ts';
import { insertUnshared, type Statement } from '../../../src/store/postgres/statements.ts';
import { readTarget } from '../../../src/store/postgres/target.ts';
import * as sql from '../../../src/store/postgres/upkeep-statements.ts';
import { asAdmin, freshDatabase, openTestStore } from '../../support/servers/postgres.ts';

const long = 3_600_000;
const leases = { name: 'leases', text: 'select name, holder, expires_at::text from keyward_leases order by name' };

async function opened() {
  const url = await freshDatabase();
  const store = await openTestStore(url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  const run = async ({ text }: Statement, ...values: unknown[]) => (await client.query(text, values)).rows;
  return { store, run };
}

it('a lease is its holder’s until it ends, and anybody’s afterwards', async () => {
  const { run } = await opened();
  expect(await run(sql.takeLease, 'a', 'first', long)).toHaveLength(1);
  expect(await run(sql.takeLease, 'a', 'second', long)).toHaveLength(0);
  expect(await run(leases)).toMatchObject([{ name: 'a', holder: 'first' }]);
  await run(sql.takeLease, 'ended', 'first', -1);
  expect(await run(sql.takeLease, 'ended', 'second', long)).toHaveLength(1);
  expect(await run(sql.takeLease, 'ended', 'third', long)).toHaveLength(0);
});

it('a lease is kept by its holder alone, and no other lease with it', async () => {
  const { run } = await opened();
  for (const name of ['a', 'b']) await run(sql.takeLease, name, 'first', -1);
  const before = await run(leases);
  await run(sql.keepLease, 'a', 'second', long);
  expect(await run(leases)).toEqual(before);
  await run(sql.keepLease, 'a', 'first', long);
  expect((await run(leases))[1]).toEqual(before[1]);
  expect(await run(sql.takeLease, 'a', 'second', long)).toHaveLength(0);
  expect(await run(sql.takeLease, 'b', 'second', long)).toHaveLength(1);
});

it('a lease is given back by its holder alone, and no other lease with it', async () => {
  const { run } = await opened();
  for (const name of ['a', 'b']) await run(sql.takeLease, name, 'first', long);
  await run(sql.releaseLease, 'a', 'second');
  expect(await run(leases)).toHaveLength(2);
  await run(sql.releaseLease, 'a', 'first');
  expect(await run(leases)).toMatchObject([{ name: 'b', holder: 'first' }]);
});

it('keys are changed by whoever saw the newest ones, so that no data key is lost between two changes', async () => {
  const { run } = await opened();
  const [{ keys, generation }] = await run(sql.readKeys);
  expect(await run(sql.changeKeys, JSON.stringify({ ...keys, mark: 1 }), generation)).toHaveLength(1);
  expect(await run(sql.changeKeys, JSON.stringify({ ...keys, mark: 2 }), generation)).toHaveLength(0);
  expect((await run(sql.readKeys))[0].keys.mark).toBe(1);
});

it.each(['a record', 'an audit event'])('the keys of a vault that ever held %s are never replaced', async (kept) => {
  const { run } = await opened();
  const [{ keys, generation }] = await run(sql.readKeys);
  const other = JSON.stringify({ ...keys, mark: 1 });
  await run(sql.replaceEmptyVault, other, 'ledger');
  const [replaced] = await run(sql.readKeys);
  expect(replaced.keys.mark).toBe(1);
  // Whoever has the former keys in memory learns that there are others now.
  expect(Number(replaced.generation)).toBe(Number(generation) + 1);
  const row = [
    'acme',
    'ann',
    'credential',
    'id',
    1,
    1,
    1,
    1,
    null,
    'c2VhbGVk',
    '{}',
    'github',
    'active',
    null,
    false,
    'bWFj',
  ];
  if (kept === 'a record') await run(insertUnshared, ...row, replaced.generation);
  else await run(sql.appendAudit, ['a line'], replaced.generation);
  await run(sql.replaceEmptyVault, JSON.stringify({ ...keys, mark: 2 }), 'ledger');
  expect((await run(sql.readKeys))[0].keys.mark).toBe(1);
});

it('the audit log is read page by page: every line once, in the order in which the lines were written', async () => {
  const { store, run } = await opened();
  const numbered = `insert into keyward_audit (number, line) overriding system value
    select n, 'line ' || n from unnest($1::bigint[]) as n`;
  // As PostgreSQL may find them after a vacuum.
  await run({ name: 'numbered', text: numbered }, [3, 1, 4, 2]);
  const lines = async (last: number) => (await run(sql.readAudit, last, 2)).map(({ line }) => line);
  expect(await lines(0)).toEqual(['line 1', 'line 2']);
  expect(await lines(2)).toEqual(['line 3', 'line 4']);
  expect(await lines(4)).toEqual([]);
  await run({ name: 'forget', text: 'delete from keyward_audit' });
  const written = Array.from({ length: 2_500 }, (_, at) => `entry ${at}`);
  expect(await run(sql.appendAudit, ['under older keys'], 0)).toEqual([]);
  await run(sql.appendAudit, written, 1);
  const read: string[] = [];
  for await (const line of store.readAudit()) if (read.push(line) > written.length) break;
  expect(read).toEqual(written);
});

it.each([
  ['off', 'on'],
  ['on', 'on'],
  ['remote_apply', 'remote_apply'],
])('where the database is set to acknowledge with %s, Keyward writes with %s', async (set, used) => {
  const url = await freshDatabase();
  const name = new URL(url).pathname.slice(1);
  await asAdmin(url, `alter database ${name} set synchronous_commit = ${set}`);
  const database = openDatabase(await readTarget(url));
  onTestFinished(() => database.close());
  const show = { name: 'show', text: `select current_setting('synchronous_commit') as used` };
  expect(await database.transaction((query) => query(show))).toEqual([{ used }]);
  expect(await database.query(show)).toEqual([{ used }]);
});
