/** What a change does to the rows, on a draft that lies over them. A draft that is thrown away never happened. */
import { KeywardError } from '../../errors.ts';
import type { Owner } from '../../principal.ts';
import { type Held, isOpen, requireRoom, sizeOf } from '../quota.ts';
import { isOwnedBy } from '../sharing.ts';
import type { Change, Kind, KindRow, Reseal } from '../store.ts';
import { type RowChanges, rowKey } from './rows.ts';

export type Draft = {
  readonly changes: RowChanges;
  find(key: string): KindRow | undefined;
  set(key: string, row: KindRow | null): void;
  /** The rows of one kind that one owner has, in no particular order. */
  ofOwner(kind: Kind, owner: Owner): Iterable<KindRow>;
};

/** What a draft lies over: another one, or the stored rows. */
export type Below = Pick<Draft, 'find' | 'ofOwner'>;

export function draftOver(below: Below): Draft {
  const changes = new Map<string, KindRow | null>();
  return {
    changes,
    find: (key) => (changes.has(key) ? (changes.get(key) ?? undefined) : below.find(key)),
    set: (key, row) => void changes.set(key, row),
    *ofOwner(kind, owner) {
      for (const found of below.ofOwner(kind, owner)) {
        if (changes.size === 0 || !changes.has(rowKey(kind, found.row.id))) yield found;
      }
      for (const found of changes.values()) if (found?.kind === kind && isOwnedBy(found.row, owner)) yield found;
    },
  };
}

/** Applies all the changes, or throws `conflict` or `limit_reached` and leaves the draft to be thrown away. */
export function applyChanges(draft: Draft, changes: readonly Change[]): void {
  for (const change of changes) {
    const [id, owner] = change.op === 'delete' ? [change.id, change.owner] : [change.row.id, ownerOf(change.row)];
    const key = rowKey(change.kind, id);
    const stored = draft.find(key);
    if (change.op !== 'delete' && change.within !== undefined) {
      const now = Date.now();
      const held = heldBy(draft.ofOwner(change.kind, owner), now, id);
      requireRoom(change.kind, change.within, held, { open: isOpen(change, now), bytes: sizeOf(change) });
    }
    if (change.op === 'insert') {
      if (stored !== undefined) throw conflict();
      draft.set(key, change);
      continue;
    }
    if (stored === undefined || !isOwnedBy(stored.row, owner) || stored.row.version !== change.ifVersion)
      throw conflict();
    draft.set(key, change.op === 'delete' ? null : withLatestUse(withSameBox(change, stored), stored));
  }
}

/** Sets `lastUsedAt` of one credential or token, never backwards; one that is gone meanwhile is no error. */
export function applyTouch(draft: Draft, id: string, owner: Owner, at: number): void {
  for (const kind of used) {
    const stored = draft.find(rowKey(kind, id));
    if (stored === undefined || !isOwnedBy(stored.row, owner)) continue;
    const { lastUsedAt = null } = stored.row as { lastUsedAt?: number | null };
    if (at > (lastUsedAt ?? 0))
      draft.set(rowKey(kind, id), { kind, row: { ...stored.row, lastUsedAt: at } } as KindRow);
  }
}

/** Kinds of rows whose last use is noted; no two of them have the same id. */
const used = ['credential', 'session', 'assistant'] as const;

/** Replaces boxes that are still as they were. */
export function applyReseal(draft: Draft, boxes: readonly Reseal[]): void {
  for (const { kind, owner, id, from, to } of boxes) {
    const key = rowKey(kind, id);
    const stored = draft.find(key);
    if (stored === undefined || !isOwnedBy(stored.row, owner) || stored.row.sealed !== from) continue;
    draft.set(key, { kind, row: { ...stored.row, sealed: to } } as KindRow);
  }
}

/** What these rows come to, besides the one with this id. */
export function heldBy(found: Iterable<KindRow>, now: number, besides?: string): Held {
  const held = { rows: 0, open: 0, bytes: 0 };
  for (const one of found) {
    if (one.row.id === besides) continue;
    held.rows += 1;
    held.open += isOpen(one, now) ? 1 : 0;
    held.bytes += sizeOf(one);
  }
  return held;
}

function ownerOf(row: { readonly tenant: string; readonly owner: string }): Owner {
  return { tenant: row.tenant, user: row.owner };
}

/** While the secret's version stays, so does its box: a rotation may have sealed the same secret anew. */
function withSameBox({ kind, row }: Extract<Change, { op: 'update' }>, stored: KindRow): KindRow {
  const same = row.secretVersion === stored.row.secretVersion;
  return { kind, row: same ? { ...row, sealed: stored.row.sealed } : row } as KindRow;
}

/** A touch changes no version, so an update that was read before it must not undo it. */
function withLatestUse({ kind, row }: KindRow, stored: KindRow): KindRow {
  if (kind !== 'credential' || stored.kind !== 'credential') return { kind, row } as KindRow;
  const latest = Math.max(row.lastUsedAt ?? 0, stored.row.lastUsedAt ?? 0);
  return { kind, row: { ...row, lastUsedAt: latest === 0 ? null : latest } };
}

function conflict(): KeywardError {
  return new KeywardError('conflict', 'Somebody else changed this record first.', {
    hint: 'Read it again, then retry.',
  });
}
