/**
 * Leases as rows: taken by compare-and-swap, kept alive while the work goes on, and free again by themselves when their
 * holder is gone. No connection is held meanwhile, so a slow service takes none away from others.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { KeywardError } from '../../errors.ts';
import type { Database } from './database.ts';
import { keepLease, releaseLease, takeLease } from './upkeep-statements.ts';

/** Longer than the longest network call that is made under a lease (30 s), should keeping it alive fail. */
const lifeMs = 40_000;
const keepEveryMs = 10_000;
const longestPauseMs = 100;

type Waiting = { readonly waitMs: number; readonly signal?: AbortSignal | undefined };

/** Runs `work` under the lease: `vault_busy` when it is not free in time, `cancelled` when the signal fires first. */
export async function withLease<T>(
  { query }: Database,
  name: string,
  { waitMs, signal }: Waiting,
  work: () => Promise<T>,
): Promise<T> {
  const holder = randomUUID();
  const deadline = performance.now() + waitMs;
  for (let pause = 5; ; pause = Math.min(pause * 2, longestPauseMs)) {
    if (signal?.aborted) throw cancelled();
    const taken = await query(takeLease, [name, holder, lifeMs]);
    if (taken.length > 0) break;
    if (performance.now() > deadline) throw busy();
    // The jitter keeps two processes from asking in step.
    await sleep(pause * (0.5 + Math.random()), undefined, signal === undefined ? {} : { signal }).catch(
      () => undefined,
    );
  }
  const keeping = setInterval(() => {
    query(keepLease, [name, holder, lifeMs]).catch(() => undefined);
  }, keepEveryMs).unref();
  try {
    return await work();
  } finally {
    clearInterval(keeping);
    // One that can't be given back ends by itself.
    await query(releaseLease, [name, holder]).catch(() => undefined);
  }
}

function busy(): KeywardError {
  return new KeywardError('vault_busy', 'Another process does not let go of the lease.', {
    hint: 'Try again in a moment.',
  });
}

function cancelled(): KeywardError {
  return new KeywardError('cancelled', 'The call was cancelled while it waited for another one.');
}
