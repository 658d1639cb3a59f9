/** Rows and their columns: what statements look at has a column, everything else of a row is in `metadata`. */
import { KeywardError } from '../../errors.ts';
import type { Owner } from '../../principal.ts';
import type { Reader } from '../sharing.ts';
import type { CredentialRow, EndingKind, Kind, KindRow, Rows, Share } from '../store.ts';

/** A record as a statement answers it. */
export type Columns = {
  readonly tenant: string;
  readonly owner: string;
  readonly kind: string;
  readonly id: string;
  readonly version: number;
  readonly secret_version: number;
  readonly created_at: number;
  readonly updated_at: number;
  readonly last_used_at: number | null;
  readonly sealed: string;
  /** JSON, as it was written: the MAC is over its very text. */
  readonly metadata: string;
  readonly connector_id: string | null;
  readonly status: string | null;
  /** When a row ended that may be swept away then. */
  readonly ends_at: number | null;
  /** Whether anybody else is to see it. */
  readonly shared: boolean;
  /** Null on a record from before records had one. */
  readonly mac: string | null;
};

/** All columns of a record, in the order of the parameters of an insert or update: what is not here is not read. */
export const columnNames = [
  'tenant',
  'owner',
  'kind',
  'id',
  'version',
  'secret_version',
  'created_at',
  'updated_at',
  'last_used_at',
  'sealed',
  'metadata',
  'connector_id',
  'status',
  'ends_at',
  'shared',
  'mac',
] as const satisfies readonly (keyof Columns)[];

/** The columns for a select from `keyward_records r`. */
export const columns = columnNames.map((name) => (name === 'metadata' ? 'r.metadata::text' : `r.${name}`)).join(', ');

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
    ...((found.kind === 'credential' || found.last_used_at !== null) && { lastUsedAt: found.last_used_at }),
    ...JSON.parse(found.metadata),
  } as unknown as Rows[K];
}

/** The columns of a row, but for what proves them. */
export function columnsOf({ kind, row }: KindRow): Omit<Columns, 'mac'> {
  const { id, tenant, owner, version, secretVersion, sealed, createdAt, updatedAt, ...rest } = row;
  const { lastUsedAt = null, ...metadata } = rest as Partial<CredentialRow>;
  const [inTenant, ofUser] = ownerParameters({ tenant, user: owner });
  const { connectorId = null, status = null } = rest as { connectorId?: string; status?: string };
  return {
    tenant: inTenant,
    owner: ofUser,
    kind,
    id,
    version,
    secret_version: secretVersion,
    created_at: createdAt,
    updated_at: updatedAt,
    last_used_at: lastUsedAt,
    sealed,
    metadata: JSON.stringify(metadata),
    connector_id: connectorId,
    status,
    ends_at: endOf({ kind, row } as KindRow),
    shared: kind === 'credential' && (row.shares ?? []).length > 0,
  };
}

/** Kinds that are swept away some time after they ended. */
const ending: ReadonlySet<Kind> = new Set<EndingKind>([
  'attempt',
  'visit',
  'usedChallenge',
  'replacedSecret',
  'assistant',
  'recentAssistant',
  'registration',
  'authorization',
]);

function endOf({ kind, row }: KindRow): number | null {
  return ending.has(kind) && 'expiresAt' in row ? row.expiresAt : null;
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

/** Tenants and names of those whom the shares of a row reach: the rule of `reaches`, turned round for the index. */
export function readersOf({ kind, row }: KindRow): readonly [readonly string[], readonly string[]] {
  const shares: readonly Share[] = kind === 'credential' ? (row.shares ?? []) : [];
  const readers = shares.flatMap(({ with: grantee, takenBy = [] }) => {
    const tenant = grantee.startsWith('tenant:') ? grantee.slice('tenant:'.length) : row.tenant;
    if (tenant === row.tenant) return [{ tenant, reader: grantee }];
    const names = [`${fromTenant}${row.tenant}`, ...takenBy.map((user) => `${takenByUser}${user}`)];
    return names.map((reader) => ({ tenant, reader }));
  });
  return [readers.map(({ tenant }) => tenant), readers.map(({ reader }) => reader)];
}
