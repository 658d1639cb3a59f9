/** Who owns what after a move: a vault of one person becomes a part of a team's. */

import { KeywardError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import type { Owner } from '../../principal.ts';
import { isSetAside, open, seal } from '../../seal/seal.ts';
import type { KindRow, Share, Store } from '../../store/store.ts';
import { contextOf } from '../seal-context.ts';

export type OwnerChange = { readonly from: Owner; readonly to: Owner };

/** Reads a map of owners: `[{ "from": { "tenant", "user" }, "to": { "tenant", "user" } }]`. */
export function readOwnerMap(text: string): readonly OwnerChange[] {
  let map: unknown;
  try {
    map = parseJson(text);
  } catch {
    throw invalid('is no JSON');
  }
  if (!Array.isArray(map) || !map.every(isChange)) throw invalid('must be a list of { "from": owner, "to": owner }');
  const known = new Set(map.map(({ from }) => keyOf(from)));
  if (known.size !== map.length) throw invalid('names an owner twice');
  return map;
}

/** The row under its new owner. Its secret is sealed anew, since a box belongs to its owner. */
export function underNewOwner(
  { keyring }: Pick<Store, 'keyring'>,
  map: readonly OwnerChange[],
  found: KindRow,
): KindRow {
  const { kind, row } = found;
  const owner = newOwnerOf(map, { tenant: row.tenant, user: row.owner });
  const moved = { ...row, tenant: owner.tenant, owner: owner.user };
  if ((moved.tenant !== row.tenant || moved.owner !== row.owner) && !isSetAside(row.sealed)) {
    const secret = open(keyring, contextOf(kind, row, row.secretVersion), row.sealed);
    moved.sealed = seal(keyring, contextOf(kind, moved, row.secretVersion), secret);
  }
  if (kind !== 'credential') return { kind, row: moved } as KindRow;
  const shares = row.shares?.map((share) => newShare(map, row.tenant, owner.tenant, share));
  const authConfigOwner = row.authConfigOwner && newHolder(map, row.tenant, owner.tenant, row.authConfigOwner);
  const changed = { ...(shares && { shares }), ...(authConfigOwner && { authConfigOwner }) };
  return { kind, row: { ...moved, ...changed } } as KindRow;
}

function newOwnerOf(map: readonly OwnerChange[], owner: Owner): Owner {
  return map.find(({ from }) => keyOf(from) === keyOf(owner))?.to ?? owner;
}

/** Whom a share names after the move. One that would come to mean somebody else stops it. */
function newReader(map: readonly OwnerChange[], oldTenant: string, newTenant: string, share: Share): string {
  const [, kind, name = ''] = /^(user|tenant):(.*)$/s.exec(share.with) ?? [];
  if (kind === 'user') {
    const reader = newOwnerOf(map, { tenant: oldTenant, user: name });
    if (reader.tenant === newTenant) return `user:${reader.user}`;
    throw lost(share, 'would be of another tenant than the owner');
  }
  const tenants = [...new Set(map.filter(({ from }) => from.tenant === name).map(({ to }) => to.tenant))];
  if (tenants.length > 1) throw lost(share, 'goes to several tenants');
  const [tenant = name] = tenants;
  if (name !== oldTenant && tenant === newTenant) throw lost(share, 'would reach everybody there, taken or not');
  return `tenant:${tenant}`;
}

/** The share after the move, and who took it; who declined it may be asked once more. */
function newShare(map: readonly OwnerChange[], oldTenant: string, newTenant: string, share: Share): Share {
  const { takenBy, declinedBy: _, ...kept } = share;
  const moved = { ...kept, with: newReader(map, oldTenant, newTenant, share) };
  if (takenBy === undefined) return moved;
  const tenant = share.with.slice('tenant:'.length);
  const takers = takenBy.map((user) => newOwnerOf(map, { tenant, user }));
  if (takers.some((taker) => moved.with !== `tenant:${taker.tenant}`)) throw lost(share, 'goes to several tenants');
  return { ...moved, takenBy: takers.map(({ user }) => user) };
}

/** Who holds the OAuth client of a credential after the move; both have to stay in one tenant. */
function newHolder(map: readonly OwnerChange[], oldTenant: string, newTenant: string, user: string): string {
  const holder = newOwnerOf(map, { tenant: oldTenant, user });
  if (holder.tenant === newTenant) return holder.user;
  throw new KeywardError(
    'conflict',
    `A credential was connected with an OAuth client of ${user}, who goes elsewhere.`,
    {
      hint: 'Nothing of it was moved. Complete the map of owners: both have to go to the same tenant.',
    },
  );
}

function lost(share: Share, why: string): KeywardError {
  return new KeywardError('conflict', `A credential is shared with ${share.with}, which ${why}.`, {
    hint: 'Nothing of it was moved. Complete the map of owners, or end that share first.',
  });
}

/** Lengths keep ("ab", "c") and ("a", "bc") apart. */
function keyOf({ tenant, user }: Owner): string {
  return `${tenant.length}:${tenant}${user}`;
}

function isChange(value: unknown): value is OwnerChange {
  const { from, to } = Object(value) as Partial<OwnerChange>;
  return [from, to].every((owner) => isName(owner?.tenant) && isName(owner?.user));
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function invalid(rule: string): KeywardError {
  return new KeywardError('config_invalid', `The map of owners ${rule}.`, {
    hint: 'For example: [{ "from": { "tenant": "local", "user": "local" }, "to": { "tenant": "default", "user": "ann" } }]',
  });
}
