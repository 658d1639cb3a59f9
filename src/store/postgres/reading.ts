/** Reading records: each is proved to be Keyward's, and to be what was asked for. */
import { boundedMap } from '../../bounded-map.ts';
import type { Kind, KindRow, Rows, Store } from '../store.ts';
import type { Database, Query } from './database.ts';
import type { StoredKeys } from './keys.ts';
import { admitting } from './ledger.ts';
import { forged, type RowProofs, setBack } from './row-mac.ts';
import { type Columns, rowOf } from './rows.ts';
import { type Statement, scan } from './statements.ts';
import type { StoredLedger } from './stored-ledger.ts';

const scanPage = 500;

/** Answers rows of one kind; `vault_damaged` when one of them is not Keyward's, or is another than `fits` takes. */
type ReadRows = <K extends Kind>(
  kind: K,
  fits: (row: Rows[K]) => boolean,
  statement: Statement,
  values: readonly unknown[],
) => Promise<Rows[K][]>;

export function reading({ query }: Database, keys: StoredKeys, ledger: StoredLedger, proofs: RowProofs): ReadRows {
  const seen = seenVersions();
  return async (kind, fits, statement, values) => {
    const began = seen.begin();
    const found = await query<Columns>(statement, values);
    await keys.cover(found);
    const rows = found.map((columns) => {
      proofs.check(columns);
      const row = rowOf<typeof kind>(columns);
      // An index, a view or a rule in the database decides nothing either.
      if (columns.kind !== kind || !fits(row)) throw forged(columns);
      if (kind === 'credential' && !seen.isNewest(columns.id, columns.version, began)) throw setBack(columns);
      return row;
    });
    if (!admitting.includes(kind) || rows.length === 0) return rows;
    const isEnded = await ledger.ended();
    return rows.filter(({ id }) => !isEnded(id));
  };
}

/** Every record, in the order of their kinds and ids. */
export async function* allRecords(
  query: Query,
  keys: StoredKeys,
  proofs: RowProofs,
  onForged: Parameters<Store['scan']>[0],
): AsyncIterable<KindRow> {
  for (let last = { kind: '', id: '' }; ; ) {
    const page = await query<Columns>(scan, [last.kind, last.id, scanPage]);
    await keys.cover(page);
    for (const found of page) {
      if (proofs.isGenuine(found)) yield { kind: found.kind, row: rowOf(found) } as KindRow;
      else if (onForged === undefined) throw forged(found);
      else onForged({ kind: found.kind as Kind, id: found.id });
    }
    last = page.at(-1) ?? last;
    if (page.length < scanPage) return;
  }
}

/**
 * The versions of credentials that this process has seen. Somebody who may write to the database can put back a record
 * as it once was, with the proof of then: a share that was withdrawn is there again. A process that has seen the later
 * version refuses the earlier one. A process that starts afterwards has seen none.
 */
type SeenVersions = {
  /** Call it before a read begins. */
  begin(): number;
  /** False for a version that had been followed by another one before the read began. */
  isNewest(id: string, version: number, began: number): boolean;
};

function seenVersions(): SeenVersions {
  // Those that were looked at longest ago are forgotten.
  const newest = boundedMap<string, { readonly version: number; readonly at: number }>(20_000);
  let clock = 0;
  return {
    begin: () => clock,
    isNewest(id, version, began) {
      const known = newest.get(id);
      // A read that began before the later version was seen may have an answer from before it.
      if (known !== undefined && version < known.version) return known.at > began;
      if (known === undefined || version > known.version) clock += 1;
      newest.set(id, { version, at: known?.version === version ? known.at : clock });
      return true;
    },
  };
}
