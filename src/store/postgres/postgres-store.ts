/** The PostgreSQL store: a row for each record, shared by any number of processes on any number of machines. */
import { hasCode, KeywardError } from '../../errors.ts';
import type { Owner } from '../../principal.ts';
import type { KeyHeader } from '../../seal/key-header.ts';
import { keyAccess } from '../../seal/keys.ts';
import { loadSodium } from '../../seal/sodium.ts';
import type { KeySettings } from '../../seal/sources.ts';
import type { AuditLine } from '../audit-line.ts';
import { type Held, isOpen, openStatuses, type Quota, requireRoom, sizeOf } from '../quota.ts';
import type { Change, CredentialRow, Kind, KindRow, ListFilter, Page, Rows, Store } from '../store.ts';
import { made } from '../under-keys.ts';
import { counting } from './counting.ts';
import { type Database, migrateDatabase, openDatabase, type Query } from './database.ts';
import { storeError } from './failures.ts';
import { type CurrentKeys, openStoredKeys, type StoredKeys } from './keys.ts';
import { withLease } from './leases.ts';
import { type Columns, ownerParameters, parametersOf, readerNames, rowOf } from './rows.ts';
import * as sql from './statements.ts';
import { readTarget } from './target.ts';
import { appendAudit, ping, readAudit } from './upkeep-statements.ts';

const auditPage = 1_000;
const scanPage = 500;

/** Opens the vault in this database, or makes it where there is none. Errors as `openStore` says. */
export async function openPostgresStore(settings: {
  readonly url: string;
  readonly key: KeySettings;
  readonly adopt?: KeyHeader;
}): Promise<Store> {
  const { url, key, adopt } = settings;
  const [target] = await Promise.all([readTarget(url), loadSodium()]);
  await migrateDatabase(target);
  const database = openDatabase(target);
  try {
    const keys = await openStoredKeys(database, keyAccess(key), adopt);
    return storeOver(database, keys);
  } catch (error) {
    await database.close();
    throw storeError(error);
  }
}

/** Brings the tables of this database up to date and answers the steps that were missing. */
export async function migratePostgres(url: string): Promise<readonly string[]> {
  return migrateDatabase(await readTarget(url));
}

function storeOver(database: Database, keys: StoredKeys): Store {
  const { query } = database;

  async function rows<K extends Kind>(statement: sql.Statement, values: readonly unknown[]): Promise<Rows[K][]> {
    const found = await query<Columns>(statement, values);
    await keys.cover(found);
    return found.map((one) => rowOf<K>(one));
  }

  /** Runs `work` under the keys as they are, and again should they have been changed when it found nothing to do. */
  async function underKeys(work: (current: CurrentKeys) => Promise<void>): Promise<void> {
    for (;;) {
      const current = keys.current();
      try {
        return await work(current);
      } catch (error) {
        if (!hasCode(error, 'conflict') || !(await keys.changedSince(current.generation))) throw error;
      }
    }
  }

  return {
    location: database.location,
    get keyring() {
      return keys.current().keyring;
    },
    get keys() {
      return keys.current().keyring.header;
    },
    refreshKeys: () => keys.refresh(),
    async ping() {
      const [answer] = await query<{ read_only: string }>(ping);
      if (answer?.read_only === 'on') throw storeError({ code: '25006' });
    },
    async get(kind, owner, id) {
      return (await rows<typeof kind>(sql.get, [...ownerParameters(owner), kind, id]))[0];
    },
    async findAttempt(id) {
      return (await rows<'attempt'>(sql.find, ['attempt', id]))[0];
    },
    async findSession(id) {
      return (await rows<'session'>(sql.find, ['session', id]))[0];
    },
    listSessions: (page) => rows<'session'>(sql.listSessions, [...startOf(page), page.limit]),
    async findVisible(reader, id) {
      const values = [...ownerParameters(reader), id, readerNames(reader)];
      return (await rows<'credential'>(sql.findVisible, values))[0];
    },
    list: <K extends Kind>(kind: K, owner: Owner, filter: ListFilter, page: Page) =>
      rows<K>(sql.list(filter), [...pageOf(owner, page), kind, ...valuesOf(filter)]),
    listVisible: (reader, filter, { after, limit }): Promise<CredentialRow[]> => {
      const own = after?.shared ? end : startOf({ limit, ...(after && { after }) });
      const shared = startOf({ limit, ...(after?.shared && { after }) });
      const values = [...ownerParameters(reader), ...own, limit, ...shared, readerNames(reader), ...valuesOf(filter)];
      return rows<'credential'>(sql.listVisible(filter), values);
    },
    listOffered: (tenant, page) => {
      const [name] = ownerParameters({ tenant, user: '' });
      return rows<'credential'>(sql.listOffered, [name, ...startOf(page), page.limit]);
    },
    held: (kind, owner) => heldBy(query, kind, owner, '', Date.now()),
    commit: (given) =>
      underKeys(async ({ keyring, generation }) => {
        const changes = made(given, keyring);
        const [first, ...more] = changes;
        if (first === undefined) return;
        const limited = changes.filter(isLimited);
        // One statement is a transaction by itself, and one trip instead of three.
        if (more.length === 0 && limited.length === 0) return apply(query, first, generation);
        await database.transaction(async (within) => {
          await lockHeld(within, limited);
          for (const change of changes) {
            if (isLimited(change)) await requireRoomFor(within, change);
            await apply(within, change, generation);
          }
        });
      }),
    async touch(times) {
      // In one order everywhere: two processes must not wait for each other's rows.
      const uses = [...times].sort(([a], [b]) => (a < b ? -1 : 1));
      const owners = uses.map(([, { owner }]) => ownerParameters(owner));
      await query(sql.touch, [
        owners.map(([tenant]) => tenant),
        owners.map(([, user]) => user),
        uses.map(([id]) => id),
        uses.map(([, { at }]) => at),
      ]);
    },
    async purgeAttempts(before) {
      await query(sql.purgeAttempts, [before]);
    },
    async purgeReplacedSecrets(before) {
      await query(sql.purgeReplacedSecrets, [before]);
    },
    withLease: (name, waiting, work) => withLease(database, name, waiting, work),
    countTogether: counting(query),
    appendAudit: (given) =>
      underKeys(async ({ keyring, generation }) => {
        const lines = made(given, keyring);
        const done = await query(appendAudit, [lines, generation]);
        if (done.length < lines.length) throw changedFirst();
      }).catch(auditFailed),
    async *readAudit() {
      yield* database.snapshot<string>(auditLines);
    },
    readAuditFrom: (place) => auditFrom(query, place),
    async *scan() {
      yield* database.snapshot<KindRow>((within) => allRecords(within, keys));
    },
    async reseal(boxes) {
      const owners = boxes.map(({ owner }) => ownerParameters(owner));
      await query(sql.reseal, [
        owners.map(([tenant]) => tenant),
        owners.map(([, user]) => user),
        boxes.map(({ kind }) => kind),
        boxes.map(({ id }) => id),
        boxes.map(({ from }) => from),
        boxes.map(({ to }) => to),
      ]);
    },
    changeKeys: (change) => keys.change(change),
    close: () => database.close(),
  };
}

type Limited = Exclude<Change, { op: 'delete' }> & { readonly within: Quota };

function isLimited(change: Change): change is Limited {
  return change.op !== 'delete' && change.within !== undefined;
}

/** In one order everywhere: two processes must not wait for each other's owners. */
async function lockHeld(query: Query, limited: readonly Limited[]): Promise<void> {
  const locks = new Map(
    limited.map(({ kind, row }) => {
      const values = [...ownerParameters({ tenant: row.tenant, user: row.owner }), kind];
      return [JSON.stringify(values), values];
    }),
  );
  for (const [, values] of [...locks].sort(([a], [b]) => (a < b ? -1 : 1))) await query(sql.lockHeld, values);
}

async function requireRoomFor(query: Query, change: Limited): Promise<void> {
  const { kind, row, within } = change;
  const now = Date.now();
  const held = await heldBy(query, kind, { tenant: row.tenant, user: row.owner }, row.id, now);
  requireRoom(kind, within, held, { open: isOpen(change, now), bytes: sizeOf(change) });
}

async function heldBy(query: Query, kind: Kind, owner: Owner, besides: string, now: number): Promise<Held> {
  const [held] = await query<Held>(sql.held, [...ownerParameters(owner), kind, besides, now, openStatuses]);
  return held ?? { rows: 0, open: 0, bytes: 0 };
}

/** Makes one change, or throws `conflict`. */
async function apply(query: Query, change: Change, generation: number): Promise<void> {
  const [answer] = await changed(query, change, generation);
  if (answer?.changed !== 1) throw changedFirst();
}

function changedFirst(): KeywardError {
  return new KeywardError('conflict', 'Somebody else changed this record first.', {
    hint: 'Read it again, then retry.',
  });
}

type Changed = { readonly changed: number };

async function changed(query: Query, change: Change, generation: number): Promise<Changed[]> {
  if (change.op === 'delete') {
    const { owner, kind, id, ifVersion } = change;
    return query<Changed>(sql.remove, [...ownerParameters(owner), kind, id, ifVersion]);
  }
  const { row, readers } = parametersOf(change);
  const unshared = readers[0].length === 0;
  if (change.op === 'insert') {
    return unshared
      ? query<Changed>(sql.insertUnshared, [...row, generation])
      : query<Changed>(sql.insert, [...row, ...readers, generation]);
  }
  const done = unshared ? await query<Changed>(sql.updateUnshared, [...row, change.ifVersion, generation]) : [];
  return done.length > 0 ? done : query<Changed>(sql.update, [...row, ...readers, change.ifVersion, generation]);
}

/** Every row comes after this. */
const beginning = { createdAt: Number.MIN_SAFE_INTEGER, id: '' };
/** No row comes after this. */
const end = [Number.MAX_SAFE_INTEGER, ''] as const;

function startOf({ after = beginning }: Page): readonly [number, string] {
  return [after.createdAt, after.id];
}

function pageOf(owner: Owner, page: Page): readonly unknown[] {
  return [...ownerParameters(owner), ...startOf(page), page.limit];
}

function valuesOf({ connectorId, status }: ListFilter): readonly string[] {
  return [connectorId, status].filter((value) => value !== undefined);
}

async function* allRecords(query: Query, keys: StoredKeys): AsyncIterable<KindRow> {
  for (let last = { kind: '', id: '' }; ; ) {
    const page = await query<Columns>(sql.scan, [last.kind, last.id, scanPage]);
    await keys.cover(page);
    for (const found of page) yield { kind: found.kind, row: rowOf(found) } as KindRow;
    last = page.at(-1) ?? last;
    if (page.length < scanPage) return;
  }
}

async function* auditLines(query: Query): AsyncIterable<string> {
  for await (const { line } of auditFrom(query, 0)) yield line;
}

/** A place is the number that the next line is above. */
async function* auditFrom(query: Query, place: number): AsyncIterable<AuditLine> {
  for (let last = place; ; ) {
    const page = await query<{ number: number; line: string }>(readAudit, [last, auditPage]);
    for (const { number, line } of page) yield { line, at: number - 1, next: number };
    last = page.at(-1)?.number ?? last;
    if (page.length < auditPage) return;
  }
}

function auditFailed(error: unknown): never {
  const { code, hint } = storeError(error);
  throw new KeywardError('audit_unavailable', `The audit log can not be written (${code}), so nothing is done.`, {
    ...(hint !== undefined && { hint }),
  });
}
