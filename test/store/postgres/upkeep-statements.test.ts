/** Statements about leases and the vault's keys, each by itself: what one process holds, no other one takes or changes. */
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import type { Statement } from '../../../src/store/postgres/statements.ts';
import * as sql from '../../../src/store/postgres/upkeep-statements.ts';
import { freshDatabase, openTestStore } from '../../support/postgres.ts';
import { credentialRow } from '../../support/rows.ts';

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
  const [{ header, generation }] = await run(sql.readKeys);
  expect(await run(sql.changeKeys, JSON.stringify({ ...header, mark: 1 }), generation)).toHaveLength(1);
  expect(await run(sql.changeKeys, JSON.stringify({ ...header, mark: 2 }), generation)).toHaveLength(0);
  expect((await run(sql.readKeys))[0].header.mark).toBe(1);
});

it.each(['a record', 'an audit event'])('the keys of a vault that ever held %s are never replaced', async (kept) => {
  const { store, run } = await opened();
  const [{ header, generation }] = await run(sql.readKeys);
  const other = JSON.stringify({ ...header, mark: 1 });
  await run(sql.replaceEmptyVault, other);
  const [replaced] = await run(sql.readKeys);
  expect(replaced.header.mark).toBe(1);
  // Whoever has the former keys in memory learns that there are others now.
  expect(Number(replaced.generation)).toBe(Number(generation) + 1);
  if (kept === 'a record') await store.commit([{ op: 'insert', kind: 'credential', row: credentialRow({}) }]);
  else await run(sql.appendAudit, ['a line']);
  await run(sql.replaceEmptyVault, JSON.stringify({ ...header, mark: 2 }));
  expect((await run(sql.readKeys))[0].header.mark).toBe(1);
});
