/** Counters that every process shares. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { sweepCounts } from '../../../src/store/postgres/upkeep-statements.ts';
import type { Store } from '../../../src/store/store.ts';
import { openVault } from '../../../src/vault/open.ts';
import { asAdmin, freshDatabase, openTestStore } from '../../support/postgres.ts';

const minute = 60_000;

async function add({ countTogether }: Pick<Store, 'countTogether'>, counts: Record<string, number>, windowMs = minute) {
  if (countTogether === null) throw new Error('Nothing counts together here.');
  return countTogether(new Map(Object.entries(counts)), windowMs);
}
const totals = async (...given: Parameters<typeof add>) =>
  Object.fromEntries([...(await add(...given))].map(([name, { total }]) => [name, total]));

it('two processes count as one, each counter by itself, and learn when it ends', async () => {
  const url = await freshDatabase();
  const [one, other] = [await openTestStore(url), await openTestStore(url)];
  expect(await totals(one, { a: 3, b: 1 })).toEqual({ a: 3, b: 1 });
  expect(await totals(other, { a: 4 })).toEqual({ a: 7 });
  const standing = (await add(one, { a: 1 })).get('a');
  expect(standing?.total).toBe(8);
  expect(standing?.endsInMs).toBeGreaterThan(0);
  expect(standing?.endsInMs).toBeLessThanOrEqual(minute);
});

it('nothing is lost of what many count at the same time, whatever their order', async () => {
  const url = await freshDatabase();
  const stores = await Promise.all([1, 2, 3].map(() => openTestStore(url)));
  const names = Array.from({ length: 20 }, (_, at) => `counter ${at}`);
  await Promise.all(
    stores.flatMap((store, at) =>
      Array.from({ length: 30 }, () => {
        const order = at % 2 === 0 ? names : [...names].reverse();
        return add(store, Object.fromEntries(order.map((name) => [name, 1])));
      }),
    ),
  );
  const [store] = stores;
  if (!store) throw new Error('There is no store.');
  expect(new Set(Object.values(await totals(store, Object.fromEntries(names.map((name) => [name, 0])))))).toEqual(
    new Set([90]),
  );
});

it('a counter that ended begins again at nothing, and is swept when nobody counts on', async () => {
  const url = await freshDatabase();
  const store = await openTestStore(url);
  await add(store, { short: 5, gone: 1 }, 100);
  await add(store, { long: 5 });
  await expect.poll(() => totals(store, { short: 1 }, 100), { interval: 110 }).toEqual({ short: 1 });
  await expect
    .poll(async () => {
      await asAdmin(url, sweepCounts.text);
      return (await asAdmin(url, 'select name from keyward_counts order by name')).map(({ name }) => name);
    })
    .toEqual(['long']);
});

it('the table names nobody: an address or a user is there as a digest that only this vault computes', async () => {
  const urls = [await freshDatabase(), await freshDatabase()];
  const stored: unknown[] = [];
  const name = `198.51.100.7 ${randomUUID()}`;
  for (const url of urls) {
    const vault = await openVault(await openTestStore(url));
    expect(await totals(vault, { [name]: 2 })).toEqual({ [name]: 2 });
    stored.push(...(await asAdmin(url, 'select name from keyward_counts')).map((row) => row.name));
  }
  for (const one of stored) expect(one).toMatch(/^[\w-]{43}$/);
  expect(new Set(stored).size).toBe(2);
});
