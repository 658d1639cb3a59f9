/** What a share is, and whom shares reach: within a tenant at once, across tenants where the operator lets them. */
import type { Owner } from '../principal.ts';
import type { CallPolicy, SharePermission } from './asked.ts';
import type { Row } from './row.ts';

export function isOwnedBy(row: Pick<Row, 'tenant' | 'owner'>, owner: Owner): boolean {
  return row.tenant === owner.tenant && row.owner === owner.user;
}

/** A grant on a credential. */
export type Share = {
  /** `user:<id>` is a user of the owner's tenant, `tenant:<id>` everybody of that tenant; of another tenant, an offer. */
  readonly with: string;
  readonly permission: SharePermission;
  /** What a `use` share may call, within the credential's own policy; absent means reading methods only. */
  readonly policy?: CallPolicy;
  /** When another tenant was offered it; absent on shares from before there were offers, and those do not end. */
  readonly offeredAt?: number;
  /** The users of the other tenant who took the offer. */
  readonly takenBy?: readonly string[];
  /** Marks of the users of the other tenant who declined it; the newest last. */
  readonly declinedBy?: readonly string[];
};

/** A credential as far as sharing goes. */
type Shared = { readonly tenant: string; readonly shares?: readonly Share[] };

/**
 * What the operator lets cross from one tenant to another: shares between the named pairs reach everybody at once; with
 * `offers`, every other one reaches those who took it. With neither, nothing crosses, whatever was taken before.
 */
export type ShareRule = {
  readonly offers: boolean;
  readonly pairs: readonly { readonly from: string; readonly to: string }[];
};

/** Somebody who reads, and what the operator lets cross to them. */
export type Reader = Owner & {
  /** Tenants whose shares reach this one at once. */
  readonly trusted: readonly string[];
  /** Whether shares of other tenants reach those who took them. */
  readonly offers: boolean;
};

export function readerUnder({ offers, pairs }: ShareRule, { tenant, user }: Owner): Reader {
  const trusted = pairs.filter(({ to }) => to === tenant).map(({ from }) => from);
  return { tenant, user, trusted, offers };
}

/** True for the owner of a credential, and for whom one of its shares reaches. */
export function isVisibleTo(row: Shared & Pick<Row, 'owner'>, reader: Reader): boolean {
  return isOwnedBy(row, reader) || isSharedWith(row, reader);
}

/** True when a share of this credential reaches the reader; its own credentials are not shared with it. */
export function isSharedWith(row: Shared, reader: Reader): boolean {
  return (row.shares ?? []).some((share) => reaches(share, row.tenant, reader));
}

/** True when the share of a credential of `ownerTenant` is for this reader. */
export function reaches(share: Share, ownerTenant: string, { tenant, user, trusted, offers }: Reader): boolean {
  if (tenant === ownerTenant) return share.with === `tenant:${tenant}` || share.with === `user:${user}`;
  if (share.with !== `tenant:${tenant}`) return false;
  return trusted.includes(ownerTenant) || (offers && share.takenBy?.includes(user) === true);
}

/** The share that a credential of another tenant has with this one. */
export function offerTo(row: Shared, tenant: string): Share | undefined {
  return row.tenant === tenant ? undefined : row.shares?.find((share) => share.with === `tenant:${tenant}`);
}
