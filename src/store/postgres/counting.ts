/** Counters that all processes share, in a table that says nothing of what they count. */
import type { CountTogether } from '../counting.ts';
import type { Query } from './database.ts';
import { addCounts, sweepCounts } from './upkeep-statements.ts';

type Counted = { readonly name: string; readonly total: number; readonly ends_in_ms: number };

/** Counters that ended go within this time, while anything is counted. */
const sweepEveryMs = 60_000;

export function counting(query: Query): CountTogether {
  let sweepAt = performance.now() + sweepEveryMs;

  /** It may fail: the next one finds what this one left. */
  function sweep(): void {
    if (performance.now() < sweepAt) return;
    sweepAt = performance.now() + sweepEveryMs;
    query(sweepCounts).catch(() => undefined);
  }

  return async (more, windowMs) => {
    const counted = await query<Counted>(addCounts, [[...more.keys()], [...more.values()], windowMs]);
    sweep();
    return new Map(counted.map(({ name, total, ends_in_ms }) => [name, { total, endsInMs: ends_in_ms }]));
  };
}
