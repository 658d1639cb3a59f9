/** Rows and their columns: what statements look at has a column, everything else of a row is in `metadata`. */
import { KeywardError } from '../../errors.ts';
import type { Owner } from '../../principal.ts';
import type { Reader } from '../sharing.ts';
import type { CredentialRow, Kind, KindRow, Rows, Share } from '../store.ts';

/** A record as a statement answers it. */
export type Columns = {
  readonly kind: string;
  readonly id: string;
  readonly tenant: string;
  readonly owner: string;
  readonly version: number;
  readonly secret_version: number;
  readonly created_at: number;
  readonly updated_at: number;
  readonly last_used_at: number | null;
  readonly sealed: string;
  readonly metadata: Readonly<Record<string, unknown>>;
};

/** The row of these columns. */
export function rowOf<K extends Kind>(found: Columns): Rows[K] {
  return {
    id: found.id,
    tenant: found.tenant,
    owner: found.owner,
    version: found.version,
    secretVersion: found.secret_version,
    sealed: found.sealed,
    createdAt: found.created_at,
    updatedAt: found.updated_at,
    ...(found.kind === 'credential' && { lastUsedAt: found.last_used_at }),
    ...found.metadata,
  } as unknown as Rows[K];
}

/** The parameters that every insert and update begins with, and tenants and names of those whom shares reach. */
export function parametersOf({ kind, row }: KindRow): {
  readonly row: readonly unknown[];
  readonly readers: readonly [readonly string[], readonly string[]];
} {
  const { id, tenant, owner, version, secretVersion, sealed, createdAt, updatedAt, ...rest } = row;
  const { lastUsedAt = null, ...metadata } = rest as Partial<CredentialRow>;
  const readers = kind === 'credential' ? readersOfShares(row.tenant, row.shares ?? []) : [];
  const ids = [...ownerParameters({ tenant, user: owner }), kind, id];
  const counted = [version, secretVersion, createdAt, updatedAt];
  const { connectorId = null, status = null } = rest as { connectorId?: string; status?: string };
  const endsAt = kind === 'attempt' || kind === 'replacedSecret' ? row.expiresAt : null;
  return {
    row: [...ids, ...counted, lastUsedAt, sealed, JSON.stringify(metadata), connectorId, status, endsAt],
    readers: [readers.map((one) => one.tenant), readers.map(({ reader }) => reader)],
  };
}

/**
 * Tenant and user as parameters. PostgreSQL stores neither a zero byte nor half of a surrogate pair, and the driver
 * turns every such half into the same character: two users must not become one.
 */
export function ownerParameters({ tenant, user }: Owner): readonly [string, string] {
  if ([tenant, user].some((name) => /[\0\p{Cs}]/u.test(name))) {
    throw new KeywardError('invalid_input', 'The name of a tenant or user holds a character that can not be stored.');
  }
  return [tenant, user];
}

/** What the index of shares calls this reader: by its user and its tenant, and as far as the operator lets it, by what crosses. */
export function readerNames({ tenant, user, trusted, offers }: Reader): readonly string[] {
  const crossing = trusted.map((from) => `${fromTenant}${from}`);
  return [`user:${user}`, `tenant:${tenant}`, ...(offers ? [`${takenByUser}${user}`] : []), ...crossing];
}

/** Everybody of a tenant, as far as the operator trusts the tenant that shares. */
const fromTenant = 'from:';
/** One who took an offer. */
const takenByUser = 'taken:';

/** Whom the shares of an owner in this tenant reach: the rule of `reaches`, turned round for the index. */
function readersOfShares(ownerTenant: string, shares: readonly Share[]) {
  return shares.flatMap(({ with: grantee, takenBy = [] }) => {
    const tenant = grantee.startsWith('tenant:') ? grantee.slice('tenant:'.length) : ownerTenant;
    if (tenant === ownerTenant) return [{ tenant, reader: grantee }];
    const readers = [`${fromTenant}${ownerTenant}`, ...takenBy.map((user) => `${takenByUser}${user}`)];
    return readers.map((reader) => ({ tenant, reader }));
  });
}
