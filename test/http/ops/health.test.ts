/** What a load balancer is told, however the store behaves. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KeywardError } from '../../../src/errors.ts';
import { healthRoutes } from '../../../src/http/ops/health.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** A store that answers when it is told to, and counts how often it was asked. */
function heldStore() {
  const asked: { answer(): void; fail(error: Error): void }[] = [];
  const ping = () => new Promise<void>((answer, fail) => void asked.push({ answer, fail }));
  return { asked, ping };
}

const probe = async (routes: ReturnType<typeof healthRoutes>, path = '/readyz') => {
  const answer = await routes.request(path);
  return [answer.status, await answer.json()];
};
const ready = [200, { status: 'ready' }];
const silent = [503, { status: 'not_ready', code: 'store_unavailable' }];

describe('readyz', () => {
  it('says no within two seconds while the store is silent, and asks it once for all who probe meanwhile', async () => {
    const { asked, ping } = heldStore();
    const routes = healthRoutes(ping);
    const together = Promise.all(Array.from({ length: 50 }, () => probe(routes)));
    await vi.advanceTimersByTimeAsync(2_000);
    for (const answer of await together) expect(answer).toEqual(silent);
    // Known by now: nobody waits again, and nothing piles up at the store.
    for (let seconds = 0; seconds < 20; seconds += 1) {
      expect(await probe(routes)).toEqual(silent);
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(asked).toHaveLength(1);
    expect(await probe(routes, '/healthz')).toEqual([200, { status: 'alive' }]);
  });

  it('says yes with the first probe after the store has answered again', async () => {
    const { asked, ping } = heldStore();
    const routes = healthRoutes(ping);
    const first = probe(routes);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await first).toEqual(silent);
    asked[0]?.fail(new KeywardError('store_unavailable', 'It was given up.'));
    await vi.advanceTimersByTimeAsync(0);
    const next = probe(routes);
    asked[1]?.answer();
    expect(await next).toEqual(ready);
    expect(asked).toHaveLength(2);
  });

  it('trusts what it found for a second, and looks again then', async () => {
    const { asked, ping } = heldStore();
    const routes = healthRoutes(ping);
    const first = probe(routes);
    asked[0]?.answer();
    expect(await first).toEqual(ready);
    await vi.advanceTimersByTimeAsync(900);
    expect(await probe(routes)).toEqual(ready);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    const later = probe(routes);
    asked[1]?.fail(new KeywardError('storage_readonly', 'It takes no writes.'));
    expect(await later).toEqual([503, { status: 'not_ready', code: 'storage_readonly' }]);
  });
});
