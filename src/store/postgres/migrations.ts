/** The tables, made and changed step by step. A step that was released is never edited: what follows is a new one. */
import { Kysely, type Migration, Migrator, PostgresDialect, sql } from 'kysely';
import type pg from 'pg';
import { KeywardError } from '../../errors.ts';

/**
 * Times are milliseconds since 1970. Ids and names compare byte by byte, as everywhere in Keyward. A refresh changes no
 * indexed column, and finds room beside the old row: then PostgreSQL touches no index for it.
 */
const tables = [
  `create table keyward_records (
    kind text collate "C" not null,
    id text collate "C" not null,
    tenant text collate "C" not null,
    owner text collate "C" not null,
    version bigint not null,
    secret_version bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    last_used_at bigint,
    sealed text not null,
    metadata json not null,
    connector_id text collate "C" generated always as (metadata ->> 'connectorId') stored,
    status text collate "C" generated always as (metadata ->> 'status') stored,
    attempt_ends_at bigint
      generated always as (case when kind = 'attempt' then (metadata ->> 'expiresAt')::bigint end) stored,
    shared boolean generated always as (coalesce(json_array_length(metadata -> 'shares'), 0) > 0) stored,
    primary key (kind, id)
  ) with (fillfactor = 70)`,
  `create index keyward_records_of_owner on keyward_records (tenant, owner, kind, created_at, id)`,
  `create index keyward_records_by_connector on keyward_records (tenant, owner, kind, connector_id, created_at, id)`,
  `create index keyward_records_by_status on keyward_records (tenant, owner, kind, status, created_at, id)`,
  `create index keyward_sessions on keyward_records (created_at, id) where kind = 'session'`,
  `create index keyward_attempts_by_end on keyward_records (attempt_ends_at) where kind = 'attempt'`,
  `create table keyward_shares (
    credential_id text collate "C" not null,
    reader_tenant text collate "C" not null,
    reader text collate "C" not null,
    created_at bigint not null,
    primary key (credential_id, reader_tenant, reader)
  )`,
  `create index keyward_shares_of_reader on keyward_shares (reader_tenant, reader, created_at, credential_id)`,
  `create table keyward_leases (
    name text collate "C" primary key,
    holder text not null,
    expires_at timestamptz not null
  )`,
  `create table keyward_audit (number bigint generated always as identity primary key, line text not null)`,
  `create table keyward_vault (
    single boolean primary key default true check (single),
    header json not null,
    generation bigint not null default 1
  )`,
];

/** What a crash may begin again is written to no log of the database, so that counting costs no wait for a disk. */
const counts = `create unlogged table keyward_counts (
  name text collate "C" primary key,
  total bigint not null,
  ends_at timestamptz not null
) with (fillfactor = 50)`;

/** What Keyward writes with every change anyway need not be computed from the metadata by the database. */
const written = `alter table keyward_records
  alter column connector_id drop expression,
  alter column status drop expression,
  alter column attempt_ends_at drop expression,
  alter column shared drop expression`;

/**
 * The keys got states and a MAC. They are rewritten at the next start, which has the outer key; until then, and for ever, a
 * Keyward from before finds no column that it knows, and stops rather than misread them.
 */
const keys = 'alter table keyward_vault rename column header to keys';

/**
 * A share with another tenant is an offer now: in the index it stands under the tenant that it comes from, and under those
 * who took it. The rows stay as they are, and nobody has taken anything yet.
 */
const offers = `update keyward_shares s set reader = 'from:' || r.tenant from keyward_records r
  where r.kind = 'credential' and r.id = s.credential_id
    and s.reader = 'tenant:' || s.reader_tenant and r.tenant <> s.reader_tenant`;

/**
 * What proves records (`row-mac.ts`) and the vault as a whole (`ledger.ts`). A database from before gets both at the next
 * start, together with its keys. A Keyward that is still running and knows nothing of it can't write any more, because a
 * column is called otherwise now: it must not leave a record that nobody believes.
 */
const proved = [
  'alter table keyward_records rename column attempt_ends_at to ends_at',
  'drop index keyward_attempts_by_end',
  `create index keyward_records_by_end on keyward_records (kind, ends_at) where ends_at is not null`,
  'alter table keyward_records add column mac text',
  'alter table keyward_vault add column ledger text',
];

/** By name, in the order of their names. */
const migrations: Readonly<Record<string, Migration>> = {
  '0001': {
    async up(db) {
      for (const table of tables) await sql.raw(table).execute(db);
    },
  },
  '0002': {
    async up(db) {
      await sql.raw(counts).execute(db);
    },
  },
  '0003': {
    async up(db) {
      await sql.raw(written).execute(db);
    },
  },
  '0004': {
    async up(db) {
      await sql.raw(keys).execute(db);
    },
  },
  '0005': {
    async up(db) {
      await sql.raw(offers).execute(db);
    },
  },
  '0006': {
    async up(db) {
      for (const change of proved) await sql.raw(change).execute(db);
    },
  },
};

/**
 * Brings the tables up to date and answers the steps that were missing. Of several processes one works and the others
 * wait. `vault_newer` when a later Keyward was here.
 */
export async function migrate(pool: pg.Pool): Promise<readonly string[]> {
  const { error, results } = await new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
    .connection()
    .execute((db) => inTurn(db, () => migratorOn(db).migrateToLatest()));
  if (error !== undefined) throw isLater(error) ? newer() : error;
  return (results ?? []).map(({ migrationName }) => migrationName);
}

function migratorOn(db: Kysely<unknown>): Migrator {
  return new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
    migrationTableName: 'keyward_migrations',
    migrationLockTableName: 'keyward_migration_lock',
  });
}

/**
 * One process after another. The library has a lock of its own, but looks at the tables before it takes that: a column
 * that another process renames at that moment is an error (42703).
 */
async function inTurn<T>(db: Kysely<unknown>, work: () => Promise<T>): Promise<T> {
  await sql`select pg_advisory_lock(hashtext('keyward_migrations'))`.execute(db);
  try {
    return await work();
  } finally {
    // The end of the connection ends the lock as well.
    await sql`select pg_advisory_unlock(hashtext('keyward_migrations'))`.execute(db).catch(() => undefined);
  }
}

/** How the library says that a step was done here which this Keyward does not know. */
function isLater(error: unknown): boolean {
  return error instanceof Error && /^corrupted migrations: previously executed migration/.test(error.message);
}

function newer(): KeywardError {
  return new KeywardError('vault_newer', 'The tables in PostgreSQL were made by a newer Keyward.', {
    hint: 'Update Keyward.',
  });
}
