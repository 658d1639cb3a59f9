/**
 * The rows of one vault file, shared with other processes: every look sees what they last committed, and every change
 * goes through lock, reload, draft, durable write.
 */
import { Low } from 'lowdb';
import { KeywardError } from '../../errors.ts';
import type { KeyHeader } from '../../seal/key-header.ts';
import type { Keyring } from '../../seal/keyring.ts';
import { grouped } from '../group.ts';
import type { VaultAdapter } from './adapter.ts';
import { type Below, type Draft, draftOver } from './changes.ts';
import type { FileLock } from './file-lock.ts';
import type { Header, VaultFile } from './format.ts';
import type { LogHead } from './log-head.ts';
import { type RowTable, rowTable } from './rows.ts';
import { ownerShelf } from './shelves.ts';

export type SharedTable = {
  /**
   * The rows as they are now. All who ask within one turn of the event loop share one look: what a request asks for in one
   * go is one state, and no request came in since.
   */
  current(): Promise<RowTable>;
  /** Looks now, whoever looked a moment ago. */
  refresh(): Promise<void>;
  /** Runs `apply` on a draft of the latest rows; durable when it resolves. When `apply` throws, only this change fails. */
  change(apply: (draft: Draft) => void): Promise<void>;
  /** The keys as the file of the last look has them. */
  keys(): KeyHeader;
  /** The head of the audit log as the file of the last look has it. */
  head(): LogHead | undefined;
  /**
   * Seals the head of the audit log as it is now; every commit does that by the way.
   *
   * @param next answers that head to whoever keeps others from appending meanwhile
   */
  sealHead(next?: NextHead): Promise<void>;
  /** Stores what `change` makes of the keys. */
  changeKeys(change: ChangeKeys): Promise<void>;
  close(): Promise<void>;
};

type Apply = (draft: Draft) => void;
type ChangeKeys = (keys: Keyring) => Promise<Keyring> | Keyring;
type NextHead = (before: LogHead | undefined) => Promise<LogHead | undefined>;
type Step = { readonly apply: Apply } | { readonly keys: ChangeKeys } | { readonly seal: NextHead };

/**
 * `content` is what the adapter read last. `nextHead` answers the head of the audit log after this one; the same where it
 * can't be told now.
 */
export function sharedTable(
  adapter: VaultAdapter,
  content: VaultFile,
  lock: FileLock,
  lockWaitMs: number,
  nextHead: NextHead,
): SharedTable {
  const db = new Low<VaultFile>(adapter, content);
  const table = rowTable(adapter.keyring);
  table.load(content.rows);
  const stored: Below = { find: table.find, ofOwner: (kind, owner) => table.on(ownerShelf(kind, owner)) };
  let loading: Promise<void> | undefined;
  let looked: Promise<RowTable> | undefined;
  let writing = false;
  let closed = false;

  async function load(): Promise<void> {
    await db.read();
    table.load(db.data.rows);
  }

  async function refresh(): Promise<void> {
    // While this process writes it holds the lock, and memory is what the file was before the write.
    // Twice: the first load may be one that began before this look. A load is over when the table has it, which is a
    // little later than when the adapter has it.
    for (let look = 0; look < 2 && !writing && (loading !== undefined || adapter.changed()); look++) {
      loading ??= load().finally(() => {
        loading = undefined;
      });
      await loading;
    }
  }

  const commits = grouped<Step>((steps) =>
    lock.hold({ waitMs: lockWaitMs }, async () => {
      await refresh();
      const draft = draftOver(stored);
      const errors: (Error | undefined)[] = [];
      // What is sealed in this group is sealed under the keys that it leaves.
      for (const step of steps) if ('keys' in step) await changeKeys(step.keys);
      for (const step of steps) errors.push('apply' in step ? attempt(draft, step.apply) : undefined);
      const seals = steps.flatMap((step) => ('seal' in step ? [step.seal] : []));
      // Whoever gives another head than everybody finds has the log to itself: its head goes further.
      const seal = seals.find((next) => next !== nextHead) ?? nextHead;
      if (draft.changes.size > 0 || seals.length > 0) await write(draft, db.data.header, seal);
      return errors;
    }),
  );

  /** Keys are changed by a command, which has nothing else to do; its failure is that of the whole group. */
  async function changeKeys(change: ChangeKeys): Promise<void> {
    const keyring = await change(adapter.keyring());
    if (keyring === adapter.keyring()) return;
    adapter.next(keyring);
    await write(draftOver(stored), { ...db.data.header, keys: keyring.header }, nextHead);
  }

  async function write(draft: Draft, header: Header, seal: NextHead): Promise<void> {
    const before = db.data;
    const plan = table.plan(draft.changes);
    const audit = await seal(header.audit);
    const next = { ...header, generation: header.generation + 1, ...(audit !== undefined && { audit }) };
    db.data = { header: next, rows: plan.sealed };
    writing = true;
    try {
      await db.write();
      plan.adopt();
    } catch (error) {
      db.data = before;
      throw error;
    } finally {
      writing = false;
    }
  }

  function checkOpen(): void {
    if (closed) throw new KeywardError('storage_failed', 'The vault is closed.');
  }

  return {
    async current() {
      checkOpen();
      // Ticks come after all promises that this turn settles, and before anything else comes in.
      if (looked === undefined) process.nextTick(() => (looked = undefined));
      looked ??= refresh().then(() => table);
      return looked;
    },
    async change(apply) {
      checkOpen();
      await commits.add({ apply });
    },
    async refresh() {
      checkOpen();
      await refresh();
    },
    keys: () => db.data.header.keys,
    head: () => db.data.header.audit,
    async sealHead(next = nextHead) {
      checkOpen();
      await commits.add({ seal: next });
    },
    async changeKeys(change) {
      checkOpen();
      await commits.add({ keys: change });
    },
    async close() {
      closed = true;
      await commits.idle();
      await adapter.close();
      await lock.close();
    },
  };
}

/** Applies one change set on a draft of its own, so that a conflict in it leaves the others alone. */
function attempt(draft: Draft, apply: Apply): Error | undefined {
  const own = draftOver(draft);
  try {
    apply(own);
  } catch (error) {
    return error instanceof Error ? error : new Error('A change failed.');
  }
  for (const [key, row] of own.changes) draft.set(key, row);
  return undefined;
}
