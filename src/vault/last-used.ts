/** Lazy `lastUsedAt`: uses are noted in memory, where this process sees them at once, and written together, at most once every few seconds. */
import type { Owner } from '../principal.ts';

/** As much of a record as its last use needs. */
type Used = { readonly id: string; readonly tenant: string; readonly owner: string };

type Times = ReadonlyMap<string, { readonly owner: Owner; readonly at: number }>;

const intervalMs = 3_000;

export function createLastUsed(write: (times: Times) => Promise<void>) {
  let times = new Map<string, { readonly owner: Owner; readonly at: number }>();
  /** On its way to the store. */
  let writing: Times = new Map();
  let timer: NodeJS.Timeout | undefined;

  /** Writes what is noted. A failure keeps it for the next time: a use that is not noted harms nobody. */
  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (times.size === 0) return;
    const taken = times;
    times = new Map();
    writing = taken;
    await write(taken).catch(() => {
      times = new Map([...taken, ...times]);
    });
    if (writing === taken) writing = new Map();
  }

  return {
    flush,
    /** The record with the latest use that is known here. */
    seen<R extends { readonly id: string; readonly lastUsedAt?: number | null }>(record: R): R {
      const { at } = times.get(record.id) ?? writing.get(record.id) ?? {};
      return at === undefined || at <= (record.lastUsedAt ?? 0) ? record : { ...record, lastUsedAt: at };
    },
    add({ id, tenant, owner }: Used): void {
      times.set(id, { owner: { tenant, user: owner }, at: Date.now() });
      // A process that has nothing else to do is not kept alive for it; `flush` at close writes the rest.
      timer ??= setTimeout(flush, intervalMs).unref();
    },
  };
}
