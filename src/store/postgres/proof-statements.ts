/** Every statement about what proves records and the vault as a whole. */
import { columns } from './rows.ts';
import type { Statement } from './statements.ts';

/** What the vault vouches for beside its records. */
export const readLedger: Statement = {
  name: 'keyward_read_ledger',
  text: 'select ledger from keyward_vault',
};

/** The ledger with the generation of the keys, and nobody else changes either until the transaction ends. */
export const lockLedger: Statement = {
  name: 'keyward_lock_ledger',
  text: 'select ledger, generation from keyward_vault for update',
};

/** $1 ledger. */
export const writeLedger: Statement = {
  name: 'keyward_write_ledger',
  text: 'update keyward_vault set ledger = $1',
};

/**
 * Records that another than this key proves, or none: $1 and $2 kind and id of the last one before, $3 how every MAC
 * under this key begins, $4 limit.
 */
export const provedOtherwise: Statement = {
  name: 'keyward_proved_otherwise',
  text: `select ${columns} from keyward_records r where (r.kind, r.id) > ($1, $2)
    and (r.mac is null or not starts_with(r.mac, $3)) order by r.kind, r.id limit $4`,
};

/** Arrays of the same length: $1 tenants, $2 users, $3 kinds, $4 ids, $5 versions, $6 the MACs as they are, $7 the new ones. */
export const prove: Statement = {
  name: 'keyward_prove',
  text: `update keyward_records r set mac = t.new_mac
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[])
      as t (tenant, owner, kind, id, version, old_mac, new_mac)
    where r.tenant = t.tenant and r.owner = t.owner and r.kind = t.kind and r.id = t.id and r.version = t.version
      and r.mac is not distinct from t.old_mac`,
};

/** Waits for everybody who is appending to the audit log, and lets nobody else begin until the transaction ends. */
export const holdAppenders: Statement = {
  name: 'keyward_hold_appenders',
  text: "select pg_advisory_xact_lock(hashtext('keyward_audit'))",
};

/** Number of the last line of the audit log; null where there is none. */
export const lastAuditNumber: Statement = {
  name: 'keyward_last_audit_number',
  text: 'select max(number) as last from keyward_audit',
};

/** $1 number of the last line before, $2 of the last line, $3 limit. */
export const readAuditUntil: Statement = {
  name: 'keyward_read_audit_until',
  text: 'select number, line from keyward_audit where number > $1 and number <= $2 order by number limit $3',
};

/** $1 number of the last line that goes, $2 how many at most. Answers a row for each. */
export const deleteAuditUntil: Statement = {
  name: 'keyward_delete_audit_until',
  text: `delete from keyward_audit where number in
    (select number from keyward_audit where number <= $1 order by number limit $2) returning 1 as gone`,
};
