/**
 * The rows of the vault file in memory, in file order: creation time, then id. Each is sealed as a whole, and opened
 * when it is first needed: a list of fifty opens fifty, and after a reload only changed rows are opened again.
 */

import type { Keyring } from '../../seal/keyring.ts';
import { deriveKey, envelope, openEnvelope } from '../../seal/seal.ts';
import type { Kind, KindRow } from '../store.ts';
import { comesBefore, type Place, placeAfter, type Shelved, shelvesOf } from './shelves.ts';

/** Changed rows by `rowKey`; null for a deleted one. */
export type RowChanges = ReadonlyMap<string, KindRow | null>;

export type RowTable = {
  /** Takes the rows of a file, in their order. */
  load(sealed: readonly string[]): void;
  find(key: string): KindRow | undefined;
  all(): Iterable<KindRow>;
  /** The rows of a shelf in file order, those behind `after`. Read it in one go: a change moves what comes next. */
  on(shelf: string, after?: Place): Iterable<KindRow>;
  /** The sealed rows of the next file. The table stays as it is until `adopt`. */
  plan(changes: RowChanges): { readonly sealed: readonly string[]; adopt(): void };
};

type Entry = { readonly sealed: string; opened: KindRow | undefined };

export function rowKey(kind: Kind, id: string): string {
  return `${kind}/${id}`;
}

/** An empty table. `keyring` answers the data keys of the file that is loaded. */
export function rowTable(keyring: () => Keyring): RowTable {
  let entries: readonly Entry[] = [];
  let indexed = 0;
  let index = new Map<string, Entry>();
  /** Shelf → the places of its rows, in order, of all that was indexed so far. */
  let shelves = new Map<string, Shelved[]>();
  const sealer = rowSealer(keyring);

  function opened(entry: Entry): KindRow {
    entry.opened ??= sealer.open(entry.sealed);
    return entry.opened;
  }

  /** Opens and indexes the next row; undefined after the last. */
  function indexNext(): KindRow | undefined {
    const entry = entries[indexed];
    if (entry === undefined) return undefined;
    const found = opened(entry);
    place(found, entry);
    indexed += 1;
    return found;
  }

  /** Indexes a row at its entry. */
  function place({ kind, row }: KindRow, entry: Entry): void {
    const key = rowKey(kind, row.id);
    index.set(key, entry);
    for (const shelf of shelvesOf({ kind, row } as KindRow)) {
      const places = shelves.get(shelf) ?? [];
      places.splice(placeAfter(places, row), 0, { createdAt: row.createdAt, id: row.id, key });
      shelves.set(shelf, places);
    }
  }

  /** Takes a row out of the index. */
  function remove(found: KindRow): void {
    const { kind, row } = found;
    index.delete(rowKey(kind, row.id));
    for (const shelf of shelvesOf(found)) {
      const places = shelves.get(shelf) ?? [];
      const at = placeAfter(places, row) - 1;
      if (places[at]?.id === row.id) places.splice(at, 1);
      if (places.length === 0) shelves.delete(shelf);
    }
  }

  return {
    load(sealed) {
      const known = new Map(entries.map((entry) => [entry.sealed, entry.opened]));
      // The new texts are kept, not the equal old ones: they may be slices that hold a whole old file in memory.
      entries = sealed.map((text) => ({ sealed: text, opened: known.get(text) }));
      index = new Map();
      shelves = new Map();
      indexed = 0;
    },
    find(key) {
      while (!index.has(key) && indexNext() !== undefined);
      const entry = index.get(key);
      return entry && opened(entry);
    },
    *all() {
      // Entries are never changed in place, so a list that is read slowly sees one state.
      for (const entry of entries) yield opened(entry);
    },
    *on(shelf, after) {
      let at = after === undefined ? 0 : placeAfter(shelves.get(shelf) ?? [], after);
      // What is not indexed yet comes later in the file, and so later in order.
      for (;;) {
        const found = shelves.get(shelf)?.[at];
        if (found === undefined) {
          const next = indexNext();
          if (next === undefined) return;
          if (after !== undefined && !comesBefore(after, next.row) && shelvesOf(next).includes(shelf)) at += 1;
          continue;
        }
        at += 1;
        const entry = index.get(found.key);
        if (entry !== undefined) yield opened(entry);
      }
    },
    plan(changes) {
      while (indexNext() !== undefined);
      const replaced = new Map<Entry, Entry | null>();
      const added: { readonly entry: Entry; readonly row: KindRow['row'] }[] = [];
      const removed: KindRow[] = [];
      const placed: (readonly [KindRow, Entry])[] = [];
      for (const [key, change] of changes) {
        // Left unopened: what is served later is what was sealed, not an object that a caller may still hold.
        const entry = change && { sealed: sealer.seal(change), opened: undefined };
        const before = index.get(key);
        const stays = before !== undefined && change?.row.createdAt === opened(before).row.createdAt;
        if (before !== undefined) replaced.set(before, stays ? entry : null);
        if (!stays && entry !== null && change !== null) added.push({ entry, row: change.row });
        if (before !== undefined) removed.push(opened(before));
        if (change !== null && entry !== null) placed.push([change, entry]);
      }
      const next = entries.map((entry) => replaced.get(entry) ?? entry).filter((entry) => replaced.get(entry) !== null);
      for (const { entry, row } of added) next.splice(positionOf(row, next, opened), 0, entry);
      return {
        sealed: next.map((entry) => entry.sealed),
        adopt() {
          entries = next;
          indexed = next.length;
          // An update can move a row to other shelves: it is shared, or no more.
          for (const found of removed) remove(found);
          for (const [found, entry] of placed) place(found, entry);
        },
      };
    },
  };
}

/** Where a new row goes. Nearly always at the end; earlier when a clock was set back. */
function positionOf(row: KindRow['row'], entries: readonly Entry[], opened: (entry: Entry) => KindRow): number {
  let place = entries.length;
  for (; place > 0; place--) {
    const before = entries[place - 1];
    if (before !== undefined && comesBefore(opened(before).row, row)) break;
  }
  return place;
}

/** One key seals every row: a row holds its own owner and id, and the file's MAC holds it in its place. */
function rowSealer(keyring: () => Keyring) {
  const keyOf = (keyId: string): Uint8Array => deriveKey(keyring(), 'row', keyId);
  return {
    seal({ kind, row }: KindRow): string {
      const keyId = keyring().currentKeyId;
      return envelope(keyId, keyOf(keyId), Buffer.from(JSON.stringify({ kind, row })));
    },
    open(sealed: string): KindRow {
      return JSON.parse(Buffer.from(openEnvelope(sealed, keyOf)).toString('utf8')) as KindRow;
    },
  };
}
