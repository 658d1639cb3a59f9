/** What an owner has of a kind, and whether there is room for more, looked at in the transaction that adds to it. */
import type { Owner } from '../../principal.ts';
import { type Held, isOpen, openStatuses, type Quota, requireRoom, sizeOf } from '../quota.ts';
import type { Change, Kind } from '../store.ts';
import type { Query } from './database.ts';
import { ownerParameters } from './rows.ts';
import * as sql from './statements.ts';

type Limited = Exclude<Change, { op: 'delete' }> & { readonly within: Quota };

export function isLimited(change: Change): change is Limited {
  return change.op !== 'delete' && change.within !== undefined;
}

/** In one order everywhere: two processes must not wait for each other's owners. */
export async function lockHeld(query: Query, limited: readonly Limited[]): Promise<void> {
  const locks = new Map(
    limited.map(({ kind, row }) => {
      const values = [...ownerParameters({ tenant: row.tenant, user: row.owner }), kind];
      return [JSON.stringify(values), values];
    }),
  );
  for (const [, values] of [...locks].sort(([a], [b]) => (a < b ? -1 : 1))) await query(sql.lockHeld, values);
}

/** Throws `limit_reached` when there is no room for this change. */
export async function requireRoomFor(query: Query, change: Limited): Promise<void> {
  const { kind, row, within } = change;
  const now = Date.now();
  const held = await heldBy(query, kind, { tenant: row.tenant, user: row.owner }, row.id, now);
  requireRoom(kind, within, held, { open: isOpen(change, now), bytes: sizeOf(change) });
}

/** @param besides the id of a row that does not count */
export async function heldBy(query: Query, kind: Kind, owner: Owner, besides: string, now: number): Promise<Held> {
  const [held] = await query<Held>(sql.held, [...ownerParameters(owner), kind, besides, now, openStatuses]);
  return held ?? { rows: 0, open: 0, bytes: 0 };
}
