/**
 * Where rows are found without a walk through all of them: each lies on the shelf of its owner, and a credential that is
 * shared on those of whom its shares name.
 */
import type { Owner } from '../../principal.ts';
import type { Share } from '../sharing.ts';
import type { Kind, KindRow, TokenKind } from '../store.ts';

/** The place of a row in every list: its creation time, then its id. */
export type Place = { readonly createdAt: number; readonly id: string };

/** A place, with the key of the row that is there. */
export type Shelved = Place & { readonly key: string };

/** The rows of one kind that one owner has. */
export function ownerShelf(kind: Kind, { tenant, user }: Owner): string {
  return JSON.stringify(['owner', kind, tenant, user]);
}

/** The rows of one kind, whoever has them. */
export function kindShelf(kind: TokenKind): string {
  return JSON.stringify(['kind', kind]);
}

/** The credentials that others share with this user within the tenant, by the user's name or the tenant's. */
export function sharedShelves({ tenant, user }: Owner): readonly string[] {
  return [`user:${user}`, `tenant:${tenant}`].map((target) => sharedShelf(tenant, target));
}

/** The credentials of other tenants that have a share with this one. */
export function offeredShelf(tenant: string): string {
  return JSON.stringify(['offered', tenant]);
}

function sharedShelf(tenant: string, target: string): string {
  return JSON.stringify(['shared', tenant, target]);
}

/** The shelves that a row lies on, each once. */
export function shelvesOf({ kind, row }: KindRow): readonly string[] {
  const own = ownerShelf(kind, { tenant: row.tenant, user: row.owner });
  if (kind === 'session' || kind === 'assistant' || kind === 'visit') return [own, kindShelf(kind)];
  if (kind !== 'credential' || row.shares === undefined || row.shares.length === 0) return [own];
  return [...new Set([own, ...row.shares.map((share) => shelfOf(share, row.tenant))])];
}

function shelfOf({ with: target }: Share, tenant: string): string {
  const others = target.startsWith('tenant:') && target !== `tenant:${tenant}`;
  return others ? offeredShelf(target.slice('tenant:'.length)) : sharedShelf(tenant, target);
}

/** How many of these places come before this one, or are it. */
export function placeAfter(places: readonly Place[], { createdAt, id }: Place): number {
  let [low, high] = [0, places.length];
  const last = places.at(-1);
  // Nearly always it is the newest.
  if (last === undefined || !comesBefore({ createdAt, id }, last)) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    const there = places[middle];
    if (there !== undefined && comesBefore({ createdAt, id }, there)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The order of lists. */
export function comesBefore(a: Place, b: Place): boolean {
  return a.createdAt < b.createdAt || (a.createdAt === b.createdAt && a.id < b.id);
}

/** Rows of several lists in that order as one; what is in more than one of them comes once. */
export function* inOrder(lists: readonly Iterable<KindRow>[]): Iterable<KindRow> {
  const heads = lists.map((list) => list[Symbol.iterator]()).map((iterator) => ({ iterator, next: iterator.next() }));
  let last: string | undefined;
  for (;;) {
    let first: (typeof heads)[number] | undefined;
    for (const head of heads) {
      if (head.next.done) continue;
      if (first === undefined || first.next.done || comesBefore(head.next.value.row, first.next.value.row))
        first = head;
    }
    if (first === undefined || first.next.done) return;
    const { value } = first.next;
    first.next = first.iterator.next();
    if (value.row.id !== last) yield value;
    last = value.row.id;
  }
}
