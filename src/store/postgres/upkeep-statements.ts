/** Every statement about what belongs to the vault as a whole and to nobody in it: its keys, leases, the audit log. */
import { underKeysOf } from './key-fence.ts';
import type { Statement } from './statements.ts';

/** The wrapped data keys and where the outer key comes from, and how often they were changed. */
export const readKeys: Statement = {
  name: 'keyward_read_keys',
  text: 'select keys, generation from keyward_vault',
};

/**
 * Waits for every statement that writes, and lets none begin until the transaction ends. One that waited looks at the keys
 * only after it got its turn: PostgreSQL takes a statement's locks before its snapshot.
 */
export const holdWriters: Statement = {
  name: 'keyward_hold_writers',
  text: 'lock table keyward_records, keyward_audit in share row exclusive mode',
};

/** $1 header, $2 ledger. Makes the vault where there is neither one nor anything that one left behind. */
export const makeVault: Statement = {
  name: 'keyward_make_vault',
  text: `insert into keyward_vault (keys, ledger) select $1, $2
    where not exists (select 1 from keyward_records) and not exists (select 1 from keyward_audit)
    on conflict do nothing`,
};

/** $1 header, $2 the generation that it follows on. */
export const changeKeys: Statement = {
  name: 'keyward_change_keys',
  text: 'update keyward_vault set keys = $1, generation = generation + 1 where generation = $2 returning generation',
};

/** $1 header, $2 ledger, over those of a vault in which nothing was ever kept. */
export const replaceEmptyVault: Statement = {
  name: 'keyward_replace_empty_vault',
  text: `update keyward_vault set keys = $1, ledger = $2, generation = generation + 1
    where not exists (select 1 from keyward_records) and not exists (select 1 from keyward_audit)`,
};

/** $1 name, $2 holder, $3 milliseconds. Answers a row when the holder has the lease now. The clock is the database's. */
export const takeLease: Statement = {
  name: 'keyward_take_lease',
  text: `insert into keyward_leases (name, holder, expires_at)
    values ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
    on conflict (name) do update set holder = excluded.holder, expires_at = excluded.expires_at
      where keyward_leases.expires_at < clock_timestamp()
    returning name`,
};

/** $1 name, $2 holder, $3 milliseconds. */
export const keepLease: Statement = {
  name: 'keyward_keep_lease',
  text: `update keyward_leases set expires_at = clock_timestamp() + $3 * interval '1 millisecond'
    where name = $1 and holder = $2`,
};

/** $1 name, $2 holder. */
export const releaseLease: Statement = {
  name: 'keyward_release_lease',
  text: 'delete from keyward_leases where name = $1 and holder = $2',
};

/**
 * Arrays of the same length: $1 names, $2 how much to add; $3 milliseconds until a new counter ends. In one order
 * everywhere: two processes must not wait for each other's counters. The clock is the database's.
 */
export const addCounts: Statement = {
  name: 'keyward_add_counts',
  text: `insert into keyward_counts as c (name, total, ends_at)
    select t.name, t.more, now() + $3 * interval '1 millisecond'
    from unnest($1::text[], $2::bigint[]) as t (name, more) order by t.name
    on conflict (name) do update set
      total = excluded.total + case when c.ends_at > now() then c.total else 0 end,
      ends_at = case when c.ends_at > now() then c.ends_at else excluded.ends_at end
    returning name, total, ceil(extract(epoch from ends_at - now()) * 1000)::bigint as ends_in_ms`,
};

/** Counters that ended. */
export const sweepCounts: Statement = {
  name: 'keyward_sweep_counts',
  text: 'delete from keyward_counts where ends_at <= now()',
};

/** Beside others who append, but not beside `holdAppenders`: $1 lines, in their order, $2 generation of the keys they were written under. Answers a row for each. */
export const appendAudit: Statement = {
  name: 'keyward_append_audit',
  text: `with entered as materialized (select pg_advisory_xact_lock_shared(hashtext('keyward_audit')))
    insert into keyward_audit (line)
    select t.line from entered, unnest($1::text[]) with ordinality as t (line, place)
    where ${underKeysOf('$2')} order by t.place returning 1 as appended`,
};

/** $1 number of the last line before, $2 limit. */
export const readAudit: Statement = {
  name: 'keyward_read_audit',
  text: 'select number, line from keyward_audit where number > $1 order by number limit $2',
};

/** $1 number of the line that the first one is at or below, $2 limit. */
export const readAuditBack: Statement = {
  name: 'keyward_read_audit_back',
  text: 'select number, line from keyward_audit where number <= $1 order by number desc limit $2',
};

/** Whether the server would take a write: a standby answers, and takes none. */
export const ping: Statement = {
  name: 'keyward_ping',
  text: `select current_setting('transaction_read_only') as read_only`,
};

/** A server that is told to acknowledge before it has written would lose what Keyward promised. */
export const demandDurability: Statement = {
  name: 'keyward_demand_durability',
  text: `select set_config('synchronous_commit', 'on', false)
    where current_setting('synchronous_commit', true) = 'off'`,
};
