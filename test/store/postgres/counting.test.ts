/** Counters that every process shares. */
import { randomUUID } from 'node:crypto';
import { expect, it, onTestFinished, vi } from 'vitest';
import { sweepCounts } from '../../../src/store/postgres/upkeep-statements.ts';
import type { Store } from '../../../src/store/store.ts';
import { openVault } from '../../../src/vault/open.ts';
import { asAdmin, freshDatabase, openTestStore } from '../../support/servers/postgres.ts';

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

it('a counter ends a window after it began, however much is counted meanwhile, and then begins a whole new one', async () => {
  const url = await freshDatabase();
  const store = await openTestStore(url);
  const standing = async () => (await add(store, { a: 1 })).get('a') ?? { total: 0, endsInMs: 0 };
  const endsIn = (interval: string) =>
    asAdmin(url, `update keyward_counts set ends_at = now() + interval '${interval}'`);
  expect((await standing()).endsInMs).toBeGreaterThan(minute - 20_000);
  await endsIn('30 seconds');
  const later = await standing();
  expect(later).toMatchObject({ total: 2 });
  expect(later.endsInMs).toBeLessThanOrEqual(30_000);
  await endsIn('-1 second');
  const anew = await standing();
  expect(anew).toMatchObject({ total: 1 });
  expect(anew.endsInMs).toBeGreaterThan(minute - 20_000);
  // Everybody counts on in the new window.
  expect(await standing()).toMatchObject({ total: 2 });
});

it('counters that ended are swept while others are counted, and a sweep that fails is nobody’s failure', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const url = await freshDatabase();
  const store = await openTestStore(url);
  await add(store, { gone: 1 }, -1);
  await asAdmin(url, `create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$`);
  await asAdmin(url, 'create trigger refusing before delete on keyward_counts execute function refuse()');
  const names = async () =>
    (await asAdmin(url, 'select name from keyward_counts order by name')).map(({ name }) => name);
  vi.advanceTimersByTime(minute);
  await add(store, { one: 1 });
  expect(await names()).toEqual(['gone', 'one']);
  await asAdmin(url, 'drop trigger refusing on keyward_counts');
  await expect
    .poll(async () => {
      vi.advanceTimersByTime(minute);
      await add(store, { one: 1 });
      return names();
    })
    .toEqual(['one']);
});
