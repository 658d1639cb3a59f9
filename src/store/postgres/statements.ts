/**
 * Every statement about records. Each that reads or changes what somebody owns takes the owner's tenant and user as its
 * first two parameters. The few that take neither are for what carries no principal yet (a callback, a bearer token) or
 * works on the whole vault; they stand at the end.
 */
import type { ListFilter, TokenKind } from '../store.ts';
import { underKeysOf } from './key-fence.ts';
import { columnNames, columns } from './rows.ts';

/** A statement that a connection prepares at its first use; the name stands for exactly this text. */
export type Statement = { readonly name: string; readonly text: string };

/** $1 tenant, $2 user, $3 kind, $4 id. */
export const get: Statement = {
  name: 'keyward_get',
  text: `select ${columns} from keyward_records r where r.tenant = $1 and r.owner = $2 and r.kind = $3 and r.id = $4`,
};

/** $1 tenant, $2 user, $3 id, $4 what the index of shares calls them (`readerNames`). */
export const findVisible: Statement = {
  name: 'keyward_find_visible',
  text: `select ${columns} from keyward_records r
    where r.kind = 'credential' and r.id = $3 and (
      (r.tenant = $1 and r.owner = $2) or exists (
        select 1 from keyward_shares s
        where s.credential_id = r.id and s.reader_tenant = $1 and s.reader = any($4::text[])))`,
};

/** $1 tenant, $2 user, $3 kind, $4 an id that does not count, $5 the time now, $6 the statuses of what is open. */
export const held: Statement = {
  name: 'keyward_held',
  text: `select count(*) as rows,
      count(*) filter (where (r.status is null or r.status = any($6::text[]))
        and coalesce((r.metadata ->> 'expiresAt')::bigint > $5, true)) as open,
      coalesce(sum(octet_length(r.sealed) + octet_length(r.metadata::text)), 0)::bigint as bytes
    from keyward_records r where r.tenant = $1 and r.owner = $2 and r.kind = $3 and r.id <> $4`,
};

/**
 * $1 tenant, $2 user, $3 kind. Until the end of the transaction nobody else adds to what this owner has of the kind, so
 * that what is counted next is still so at the commit.
 */
export const lockHeld: Statement = {
  name: 'keyward_lock_held',
  text: `select pg_advisory_xact_lock(hashtextextended(json_build_array('keyward', $1::text, $2::text, $3::text)::text, 0))`,
};

const sameConnector = 'r.connector_id = ';
const sameStatus = 'r.status = ';

/** The conditions of a filter, whose values follow after the given number of parameters, and a name for them. */
function conditions({ connectorId, status }: ListFilter, parameters: number) {
  const wanted = [connectorId !== undefined && sameConnector, status !== undefined && sameStatus];
  const used = wanted.filter((condition) => condition !== false);
  return {
    name: `${connectorId === undefined ? '' : '_connector'}${status === undefined ? '' : '_status'}`,
    text: used.map((condition, index) => ` and ${condition}$${parameters + 1 + index}`).join(''),
  };
}

/** $1 tenant, $2 user, $3 and $4 the last row before the page, $5 limit, $6 kind, then the filter's values. */
export function list(filter: ListFilter): Statement {
  const { name, text } = conditions(filter, 6);
  return {
    name: `keyward_list${name}`,
    text: `select ${columns} from keyward_records r
      where r.tenant = $1 and r.owner = $2 and r.kind = $6 and (r.created_at, r.id) > ($3, $4)${text}
      order by r.created_at, r.id limit $5`,
  };
}

/**
 * $1 tenant, $2 user, $3 and $4 the last own row before the page, $5 limit, $6 and $7 the last shared one, $8 what the
 * index of shares calls them (`readerNames`), then the filter's values. Their own rows come first. Each part stops after a
 * page of its own, so a long list costs no more than a short one.
 */
export function listVisible(filter: ListFilter): Statement {
  const { name, text } = conditions(filter, 8);
  return {
    name: `keyward_list_visible${name}`,
    // Each row once: the owner's own are no shared ones, and of several names that reach a reader one counts.
    text: `(select ${columns}, 0 as part from keyward_records r
        where r.tenant = $1 and r.owner = $2 and r.kind = 'credential' and (r.created_at, r.id) > ($3, $4)${text}
        order by r.created_at, r.id limit $5)
      union all (select f.* from unnest($8::text[]) as n (reader), lateral (
        select ${columns}, 1 as part from keyward_shares s
          join keyward_records r on r.kind = 'credential' and r.id = s.credential_id and not (r.tenant = $1 and r.owner = $2)${text}
          where s.reader_tenant = $1 and s.reader = n.reader and (s.created_at, s.credential_id) > ($6, $7)
            and not exists (select 1 from keyward_shares d where d.credential_id = s.credential_id
              and d.reader_tenant = $1 and d.reader = any($8::text[]) and d.reader < s.reader)
          order by s.created_at, s.credential_id limit $5) f)
      order by part, created_at, id limit $5`,
  };
}

/** The row is parameters $1 (tenant), $2 (user), $3 (kind), $4 (id) and so on, as `columnNames` has them. */
const place = (name: (typeof columnNames)[number]) => `$${columnNames.indexOf(name) + 1}`;
const afterRow = columnNames.length + 1;
const [readerTenants, readers] = [`$${afterRow}::text[]`, `$${afterRow + 1}::text[]`];

const sharesOf = (changed: string) => `insert into keyward_shares (credential_id, created_at, reader_tenant, reader)
    select c.id, c.created_at, t.reader_tenant, t.reader
    from ${changed} c, unnest(${readerTenants}, ${readers}) as t (reader_tenant, reader)
    where $3 = 'credential' on conflict do nothing`;

/** @param generation the parameter with the generation of the keys that the row was sealed and proved under */
const inserting = (generation: string) => `insert into keyward_records (${columnNames.join(', ')})
      select ${columnNames.map((name) => place(name)).join(', ')} where ${underKeysOf(generation)}
      on conflict do nothing`;

/** While the secret's version stays, so does the box; a use that was noted meanwhile stays, too. */
const assigned: Readonly<Record<string, string>> = {
  sealed: `case when secret_version = ${place('secret_version')} then sealed else ${place('sealed')} end`,
  last_used_at: `greatest(last_used_at, ${place('last_used_at')})`,
};
const identity: readonly string[] = ['tenant', 'owner', 'kind', 'id'];
const updating = (generation: string) => `update keyward_records set ${columnNames
  .filter((name) => !identity.includes(name))
  .map((name) => `${name} = ${assigned[name] ?? place(name)}`)
  .join(', ')}
      where tenant = $1 and owner = $2 and kind = $3 and id = $4 and ${underKeysOf(generation)}`;

/**
 * The row, which is not shared, then the generation of the keys. Answers nothing when there is one already, or when the
 * keys are others.
 */
export const insertUnshared: Statement = {
  name: 'keyward_insert_unshared',
  text: `${inserting(`$${afterRow}`)} returning 1 as changed`,
};

/**
 * The row, which is not shared, then the version that the stored one must have and the generation of the keys. Answers
 * nothing when one of them is another, or when the stored one is shared. Nearly every write is this one, and it costs
 * half of the other.
 */
export const updateUnshared: Statement = {
  name: 'keyward_update_unshared',
  text: `${updating(`$${afterRow + 1}`)} and version = $${afterRow} and not shared returning 1 as changed`,
};

/**
 * The row, then tenants and names of its readers, then the generation of the keys. Answers how many rows changed: none
 * when there is one already, or when the keys are others.
 */
export const insert: Statement = {
  name: 'keyward_insert',
  text: `with changed as (
      ${inserting(`$${afterRow + 2}`)} returning id, created_at),
    shared as (${sharesOf('changed')})
    select count(*) as changed from changed`,
};

/**
 * The row, then tenants and names of its readers, then the version that the stored one must have and the generation of
 * the keys. While the secret's version stays, so does the box: a rotation of the data key may have sealed the same
 * secret anew.
 */
export const update: Statement = {
  name: 'keyward_update',
  text: `with changed as (
      ${updating(`$${afterRow + 3}`)} and version = $${afterRow + 2}
      returning id, created_at),
    withdrawn as (
      delete from keyward_shares s using changed c
      where $3 = 'credential' and s.credential_id = c.id
        and (s.reader_tenant, s.reader) not in (select * from unnest(${readerTenants}, ${readers}))),
    shared as (${sharesOf('changed')})
    select count(*) as changed from changed`,
};

/** $1 tenant, $2 user, $3 kind, $4 id, $5 the version that it must have. */
export const remove: Statement = {
  name: 'keyward_remove',
  text: `with changed as (
      delete from keyward_records where tenant = $1 and owner = $2 and kind = $3 and id = $4 and version = $5
      returning id),
    withdrawn as (
      delete from keyward_shares s using changed c where $3 = 'credential' and s.credential_id = c.id)
    select count(*) as changed from changed`,
};

/** Arrays of the same length: $1 tenants, $2 users, $3 ids, $4 times. */
export const touch: Statement = {
  name: 'keyward_touch',
  text: `update keyward_records r set last_used_at = t.used_at
    from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) as t (tenant, owner, id, used_at)
    where r.tenant = t.tenant and r.owner = t.owner and r.kind in ('credential', 'session', 'assistant') and r.id = t.id
      and (r.last_used_at is null or r.last_used_at < t.used_at)`,
};

/** Arrays of the same length: $1 tenants, $2 users, $3 kinds, $4 ids, $5 the boxes as they are, $6 the new ones. */
export const reseal: Statement = {
  name: 'keyward_reseal',
  text: `update keyward_records r set sealed = t.new_box
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
      as t (tenant, owner, kind, id, old_box, new_box)
    where r.tenant = t.tenant and r.owner = t.owner and r.kind = t.kind and r.id = t.id and r.sealed = t.old_box`,
};

/** $1 kind (attempt, session, passkey or assistant: what comes with such an id has no principal yet), $2 id. */
export const find: Statement = {
  name: 'keyward_find',
  text: `select ${columns} from keyward_records r where r.kind = $1 and r.id = $2`,
};

/**
 * What other tenants share with a tenant, for its people to answer and for bounding it: $1 tenant, $2 and $3 the last row
 * before the page, $4 limit. The index calls it `from:<their tenant>`; `;` comes after `:`.
 */
export const listOffered: Statement = {
  name: 'keyward_list_offered',
  text: `select ${columns} from keyward_shares s
    join keyward_records r on r.kind = 'credential' and r.id = s.credential_id
    where s.reader_tenant = $1 and s.reader >= 'from:' and s.reader < 'from;' and (s.created_at, s.credential_id) > ($2, $3)
    order by s.created_at, s.credential_id limit $4`,
};

/** For whoever runs Keyward: $1 and $2 the last row before the page, $3 limit. */
export const listTokens = (kind: TokenKind): Statement => ({
  name: `keyward_list_${kind}s`,
  text: `select ${columns} from keyward_records r where r.kind = '${kind}' and (r.created_at, r.id) > ($1, $2)
    order by r.created_at, r.id limit $3`,
});

/** $1 kind, $2 time. */
export const purge: Statement = {
  name: 'keyward_purge',
  text: 'delete from keyward_records where kind = $1 and ends_at < $2',
};

/** Every record, for rotating keys, moving and backing up: $1 and $2 kind and id of the last one before, $3 limit. */
export const scan: Statement = {
  name: 'keyward_scan',
  text: `select ${columns} from keyward_records r where (r.kind, r.id) > ($1, $2) order by r.kind, r.id limit $3`,
};
