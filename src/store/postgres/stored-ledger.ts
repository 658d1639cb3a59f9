/** The ledger in its table, shared by several processes. None takes one that is older than one it has seen. */
import { KeywardError } from '../../errors.ts';
import type { MarkKeeper } from '../mark.ts';
import type { Database, Query } from './database.ts';
import { changedFirst } from './failures.ts';
import type { StoredKeys } from './keys.ts';
import { type Ledger, openedLedger, sealedLedger } from './ledger.ts';
import { lockLedger, readLedger, writeLedger } from './proof-statements.ts';

/** A change of the ledger is seen within this time. */
const freshMs = 1_000;

export type StoredLedger = {
  /** What this database is called. */
  readonly name: string;
  /** Tells whether a record was ended, as of at most a second ago. */
  ended(): Promise<(id: string) => boolean>;
  /** The ledger as it is now. */
  read(): Promise<Ledger>;
  /**
   * Does `work` and then changes the ledger by what it answers, both or neither; it may run again. `conflict` when the
   * keys were changed meanwhile. `work` comes first, because whoever changes the keys waits for the tables of records
   * before the ledger, too.
   */
  change(work: (query: Query) => Promise<(ledger: Ledger) => Ledger>): Promise<void>;
};

type Found = { readonly ledger: string | null; readonly generation: number };

/** @param mark what this computer remembers of the database */
export async function openLedger(database: Database, keys: StoredKeys, mark: MarkKeeper): Promise<StoredLedger> {
  let seen = { generation: 0, ended: new Set<string>(), at: Number.NEGATIVE_INFINITY };
  let reading: Promise<unknown> | undefined;

  /** The ledger in this text, which must not be older than what was seen before it was read. */
  function opened(text: string | null | undefined, least: number): Ledger {
    if (text === null || text === undefined) throw damaged('is gone');
    const ledger = openedLedger(keys.current().keyring, text);
    if (ledger.generation < least) throw damaged('was set back to an older one while Keyward was running');
    return ledger;
  }

  function adopt(ledger: Ledger, at: number): void {
    const { generation, ended } = ledger;
    if (generation < seen.generation) return;
    const found = { vaultId: keys.current().keyring.vaultId, generation, history: ledger.database };
    if (seen.generation === 0) mark.check(found);
    mark.note(found);
    seen = { generation, ended: new Set(ended.map(({ id }) => id)), at };
  }

  async function read(): Promise<Ledger> {
    const at = performance.now();
    const least = seen.generation;
    const [row] = await database.query<Found>(readLedger);
    if (row?.ledger) await keys.cover([{ sealed: row.ledger, mac: null }]);
    const ledger = opened(row?.ledger, least);
    adopt(ledger, at);
    return ledger;
  }

  const { database: name } = await read();
  return {
    name,
    read,
    async ended() {
      if (performance.now() - seen.at > freshMs) {
        reading ??= read().finally(() => {
          reading = undefined;
        });
        await reading;
      }
      const { ended } = seen;
      return (id) => ended.has(id);
    },
    async change(work) {
      const least = seen.generation;
      const changed = await database.transaction(async (query) => {
        const { keyring, generation } = keys.current();
        const change = await work(query);
        const [row] = await query<Found>(lockLedger);
        if (row?.generation !== generation) throw changedFirst();
        const before = opened(row.ledger, least);
        const next = { ...change(before), generation: before.generation + 1 };
        await query(writeLedger, [sealedLedger(keyring, next)]);
        return next;
      });
      adopt(changed, performance.now());
    },
  };
}

function damaged(what: string): KeywardError {
  return new KeywardError('vault_damaged', `What the vault in the database vouches for ${what}.`, {
    hint: 'Nothing was changed. Restore the database from a backup, or start Keyward again if you did just that.',
  });
}
