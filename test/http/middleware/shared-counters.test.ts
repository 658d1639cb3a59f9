/** Counters that are told to other processes: what one hears of them never lifts a limit. */
import { setImmediate } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { createCounters } from '../../../src/http/middleware/shared-counters.ts';
import type { Log } from '../../../src/log.ts';
import type { CountTogether } from '../../../src/store/counting.ts';

const quiet: Log = { info() {}, warn() {}, error() {} };
const minute = 60_000;

/** Others, who answer when and what the test lets them. */
function others() {
  const told: { readonly more: ReadonlyMap<string, number>; answer(total: number | Error): void }[] = [];
  const together: CountTogether = (more) =>
    new Promise((resolve, reject) => {
      const standings = (total: number) => new Map([...more.keys()].map((name) => [name, { total, endsInMs: minute }]));
      const answer = (total: number | Error) => (typeof total === 'number' ? resolve(standings(total)) : reject(total));
      told.push({ more, answer });
    });
  return { told, count: createCounters(together, quiet)('requests', 5) };
}

const isToldOf = (told: readonly unknown[], times: number) => vi.waitUntil(() => told.length === times, 5_000);
const refused = { code: 'rate_limited' };

it('what could not be told counts here all the same', async () => {
  const { told, count } = others();
  for (let n = 0; n < 5; n += 1) await count('ann');
  await isToldOf(told, 1);
  told[0]?.answer(new Error('away'));
  await expect(count('ann')).rejects.toMatchObject(refused);
  await isToldOf(told, 2);
  // They have heard of the last one only.
  told[1]?.answer(1);
  await setImmediate();
  await expect(count('ann')).rejects.toMatchObject(refused);
});

it('what is counted while the others are told comes on top of what they say, and is told next', async () => {
  const { told, count } = others();
  await count('ann');
  await isToldOf(told, 1);
  await count('ann');
  await count('ann');
  told[0]?.answer(3);
  await isToldOf(told, 2);
  expect([...(told[1]?.more.values() ?? [])]).toEqual([2]);
  await expect(count('ann')).rejects.toMatchObject(refused);
  await count('bob');
  told[1]?.answer(5);
});
