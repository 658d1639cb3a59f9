/**
 * The rows of the vault file in memory, in file order: creation time, then id. Each is sealed as a whole, and opened
 * when it is first needed: a list of fifty opens fifty, and after a reload only changed rows are opened again.
 */

import type { Owner } from '../../principal.ts';
import type { Keyring } from '../../seal/keyring.ts';
import { deriveKey, envelope, openEnvelope } from '../../seal/seal.ts';
import type { Kind, KindRow } from '../store.ts';

/** Changed rows by `rowKey`; null for a deleted one. */
export type RowChanges = ReadonlyMap<string, KindRow | null>;

export type RowTable = {
  /** Takes the rows of a file, in their order. */
  load(sealed: readonly string[]): void;
  find(key: string): KindRow | undefined;
  all(): Iterable<KindRow>;
  /** The rows of one kind that one owner has. */
  ofOwner(kind: Kind, owner: Owner): Iterable<KindRow>;
  /** The sealed rows of the next file. The table stays as it is until `adopt`. */
  plan(changes: RowChanges): { readonly sealed: readonly string[]; adopt(): void };
};

type Entry = { readonly sealed: string; opened: KindRow | undefined };

export function rowKey(kind: Kind, id: string): string {
  return `${kind}/${id}`;
}

function ownerKey(kind: Kind, { tenant, user }: Owner): string {
  return JSON.stringify([kind, tenant, user]);
}

/** An empty table. `keyring` answers the data keys of the file that is loaded. */
export function rowTable(keyring: () => Keyring): RowTable {
  let entries: readonly Entry[] = [];
  let indexed = 0;
  let index = new Map<string, Entry>();
  /** Keys in `index` by kind and owner, of all that was indexed so far. */
  let owned = new Map<string, Set<string>>();
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

  /** Indexes a row at its entry; without one, takes it out of the index. */
  function place({ kind, row }: KindRow, entry: Entry | null): void {
    const key = rowKey(kind, row.id);
    const name = ownerKey(kind, { tenant: row.tenant, user: row.owner });
    const keys = owned.get(name) ?? new Set();
    if (entry !== null) {
      index.set(key, entry);
      owned.set(name, keys.add(key));
      return;
    }
    index.delete(key);
    keys.delete(key);
    if (keys.size === 0) owned.delete(name);
  }

  return {
    load(sealed) {
      const known = new Map(entries.map((entry) => [entry.sealed, entry.opened]));
      // The new texts are kept, not the equal old ones: they may be slices that hold a whole old file in memory.
      entries = sealed.map((text) => ({ sealed: text, opened: known.get(text) }));
      index = new Map();
      owned = new Map();
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
    *ofOwner(kind, owner) {
      while (indexNext() !== undefined);
      for (const key of owned.get(ownerKey(kind, owner)) ?? []) {
        const entry = index.get(key);
        if (entry !== undefined) yield opened(entry);
      }
    },
    plan(changes) {
      while (indexNext() !== undefined);
      const replaced = new Map<Entry, Entry | null>();
      const added: { readonly entry: Entry; readonly row: KindRow['row'] }[] = [];
      const placed: (readonly [KindRow, Entry | null])[] = [];
      for (const [key, change] of changes) {
        // Left unopened: what is served later is what was sealed, not an object that a caller may still hold.
        const entry = change && { sealed: sealer.seal(change), opened: undefined };
        const before = index.get(key);
        const stays = before !== undefined && change?.row.createdAt === opened(before).row.createdAt;
        if (before !== undefined) replaced.set(before, stays ? entry : null);
        if (!stays && entry !== null && change !== null) added.push({ entry, row: change.row });
        const placing = change ?? (before && opened(before));
        if (placing !== undefined) placed.push([placing, entry]);
      }
      const next = entries.map((entry) => replaced.get(entry) ?? entry).filter((entry) => replaced.get(entry) !== null);
      for (const { entry, row } of added) next.splice(positionOf(row, next, opened), 0, entry);
      return {
        sealed: next.map((entry) => entry.sealed),
        adopt() {
          entries = next;
          indexed = next.length;
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

/** The order of lists: creation time, then id. */
export function comesBefore(a: { createdAt: number; id: string }, b: { createdAt: number; id: string }): boolean {
  return a.createdAt < b.createdAt || (a.createdAt === b.createdAt && a.id < b.id);
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
