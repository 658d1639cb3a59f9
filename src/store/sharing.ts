/** Whom shares reach. */
import type { Owner } from '../principal.ts';
import type { CredentialRow, Share } from './store.ts';

/** True when a share of this credential reaches the owner; its own credentials are not shared with it. */
export function isSharedWith(row: Pick<CredentialRow, 'tenant' | 'shares'>, { tenant, user }: Owner): boolean {
  return (row.shares ?? []).some((share) => reaches(share, row.tenant, { tenant, user }));
}

/** True when the share of a credential of `ownerTenant` is for this user. */
export function reaches(share: Share, ownerTenant: string, { tenant, user }: Owner): boolean {
  return share.with === `tenant:${tenant}` || (tenant === ownerTenant && share.with === `user:${user}`);
}
