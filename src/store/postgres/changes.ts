/** Changes of records, each proved before it is written. */
import type { Change } from '../store.ts';
import type { Database, Query } from './database.ts';
import { changedFirst } from './failures.ts';
import { admitting, type Ledger, withEnded } from './ledger.ts';
import { isLimited, lockHeld, requireRoomFor } from './quotas.ts';
import type { RowProofs } from './row-mac.ts';
import { type Columns, columnNames, columnsOf, ownerParameters, readersOf, rowOf } from './rows.ts';
import * as sql from './statements.ts';
import type { StoredLedger } from './stored-ledger.ts';

/** Makes all these changes or none, or throws `conflict`. What let somebody in and is taken away is ended in the ledger. */
export async function commitChanges(
  { query, transaction }: Database,
  ledger: StoredLedger,
  proofs: RowProofs,
  changes: readonly Change[],
  generation: number,
): Promise<void> {
  const [first, ...more] = changes;
  if (first === undefined) return;
  const limited = changes.filter(isLimited);
  const all = async (within: Query) => {
    await lockHeld(within, limited);
    for (const change of changes) {
      if (isLimited(change)) await requireRoomFor(within, change);
      await apply(within, proofs, change, generation);
    }
  };
  if (changes.some(endsAdmission)) {
    return ledger.change(async (within) => {
      const ends = await endsOf(within, proofs, changes);
      await all(within);
      return (before) => withEnded(before, ends);
    });
  }
  // One statement is a transaction by itself, and one trip instead of three.
  if (more.length === 0 && limited.length === 0) return apply(query, proofs, first, generation);
  await transaction(all);
}

function endsAdmission({ op, kind }: Change): boolean {
  return op === 'delete' && admitting.includes(kind);
}

/** When those records would have ended by themselves. */
async function endsOf(query: Query, proofs: RowProofs, changes: readonly Change[]): Promise<Ledger['ended']> {
  const ends: Ledger['ended'][number][] = [];
  for (const change of changes) {
    if (change.op !== 'delete' || !endsAdmission(change)) continue;
    const [found] = await query<Columns>(sql.get, [...ownerParameters(change.owner), change.kind, change.id]);
    const until = (found && proofs.isGenuine(found) ? rowOf<'session'>(found).expiresAt : null) ?? null;
    if (found !== undefined) ends.push({ id: change.id, until });
  }
  return ends;
}

/** Makes one change, or throws `conflict`. */
async function apply(query: Query, proofs: RowProofs, change: Change, generation: number): Promise<void> {
  const [answer] = await changed(query, proofs, change, generation);
  if (answer?.changed !== 1) throw changedFirst();
}

type Changed = { readonly changed: number };

async function changed(query: Query, proofs: RowProofs, change: Change, generation: number): Promise<Changed[]> {
  if (change.op === 'delete') {
    const { owner, kind, id, ifVersion } = change;
    return query<Changed>(sql.remove, [...ownerParameters(owner), kind, id, ifVersion]);
  }
  const columns = columnsOf(change);
  const proved = { ...columns, mac: proofs.make(columns) };
  const row = columnNames.map((name) => proved[name]);
  const readers = readersOf(change);
  if (change.op === 'insert') {
    return columns.shared
      ? query<Changed>(sql.insert, [...row, ...readers, generation])
      : query<Changed>(sql.insertUnshared, [...row, generation]);
  }
  const done = columns.shared ? [] : await query<Changed>(sql.updateUnshared, [...row, change.ifVersion, generation]);
  return done.length > 0 ? done : query<Changed>(sql.update, [...row, ...readers, change.ifVersion, generation]);
}
