/** The PostgreSQL store: a row for each record, shared by any number of processes on any number of machines. */
import { hasCode, KeywardError } from '../../errors.ts';
import type { Owner } from '../../principal.ts';
import type { KeyHeader } from '../../seal/key-header.ts';
import { keyAccess } from '../../seal/keys.ts';
import type { KeySettings } from '../../seal/outer-key/sources.ts';
import { loadSodium } from '../../seal/sodium.ts';
import type { AuditLine } from '../audit/audit-line.ts';
import type { CountTogether } from '../counting.ts';
import { type MarkKeeper, noMark, openMark } from '../mark.ts';
import { isOwnedBy, isVisibleTo, offerTo } from '../sharing.ts';
import type { CredentialRow, Kind, KindRow, ListFilter, Page, Rows, Store } from '../store.ts';
import { made } from '../under-keys.ts';
import { archiveLines } from './archive.ts';
import { commitChanges } from './changes.ts';
import { type Database, migrateDatabase, openDatabase, type Query } from './database.ts';
import { changedFirst, storeError } from './failures.ts';
import { type CurrentKeys, openStoredKeys, type StoredKeys } from './keys.ts';
import { withLease } from './leases.ts';
import { headSealer } from './log-head.ts';
import { proveAnew } from './prove.ts';
import { heldBy } from './quotas.ts';
import { allRecords, reading } from './reading.ts';
import { rowProofs } from './row-mac.ts';
import { ownerParameters, readerNames } from './rows.ts';
import * as sql from './statements.ts';
import { openLedger, type StoredLedger } from './stored-ledger.ts';
import { readTarget } from './target.ts';
import { addCounts, appendAudit, ping, readAudit, readAuditBack, sweepCounts } from './upkeep-statements.ts';

const auditPage = 1_000;
/** Whoever reads backwards shows a page of them. */
const backPage = 250;

/** Opens the vault in this database, or makes it where there is none. Errors as `openStore` says. */
export async function openPostgresStore(settings: {
  readonly url: string;
  readonly key: KeySettings;
  readonly adopt?: KeyHeader;
  readonly marks?: string;
}): Promise<Store> {
  const { url, key, adopt, marks } = settings;
  const [target] = await Promise.all([readTarget(url), loadSodium()]);
  await migrateDatabase(target);
  const database = openDatabase(target);
  try {
    const { location } = target;
    const mark = marks === undefined ? noMark : await openMark(marks, location, adopt !== undefined);
    const keys = await openStoredKeys(database, keyAccess(key), { adopt, onNone: () => mark.refuseGone() });
    return storeOver(database, keys, await openLedger(database, keys, mark), mark);
  } catch (error) {
    await database.close();
    throw storeError(error);
  }
}

/** Brings the tables of this database up to date and answers the steps that were missing. */
export async function migratePostgres(url: string): Promise<readonly string[]> {
  return migrateDatabase(await readTarget(url));
}

function storeOver(database: Database, keys: StoredKeys, ledger: StoredLedger, mark: MarkKeeper): Store {
  const { query } = database;
  const proofs = rowProofs(ledger.name, () => keys.current().keyring);

  const rows = reading(database, keys, ledger, proofs);
  const head = headSealer(database, ledger);

  /** Number of the last line of the audit log that was put aside: its row, and those before it, may be there still. */
  const archived = async () => (await ledger.read()).audit.archived ?? 0;

  /** Runs `work` under the keys as they are, and again should they have been changed when it found nothing to do. */
  async function underKeys<T>(work: (current: CurrentKeys) => Promise<T>): Promise<T> {
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
      const fits = (row: Rows[Kind]) => row.id === id && isOwnedBy(row, owner);
      return (await rows(kind, fits, sql.get, [...ownerParameters(owner), kind, id]))[0];
    },
    async findAttempt(id) {
      return (await rows('attempt', (row) => row.id === id, sql.find, ['attempt', id]))[0];
    },
    async findSession(id) {
      return (await rows('session', (row) => row.id === id, sql.find, ['session', id]))[0];
    },
    async findPasskey(id) {
      return (await rows('passkey', (row) => row.id === id, sql.find, ['passkey', id]))[0];
    },
    async findAssistant(id) {
      return (await rows('assistant', (row) => row.id === id, sql.find, ['assistant', id]))[0];
    },
    listTokens: (kind, page) => rows(kind, () => true, sql.listTokens(kind), [...startOf(page), page.limit]),
    async findVisible(reader, id) {
      const fits = (row: CredentialRow) => row.id === id && isVisibleTo(row, reader);
      const values = [...ownerParameters(reader), id, readerNames(reader)];
      return (await rows('credential', fits, sql.findVisible, values))[0];
    },
    list: <K extends Kind>(kind: K, owner: Owner, filter: ListFilter, page: Page) =>
      rows(kind, (row) => isOwnedBy(row, owner), sql.list(filter), [...pageOf(owner, page), kind, ...valuesOf(filter)]),
    listVisible: (reader, filter, { after, limit }) => {
      const own = after?.shared ? end : startOf({ limit, ...(after && { after }) });
      const shared = startOf({ limit, ...(after?.shared && { after }) });
      const values = [...ownerParameters(reader), ...own, limit, ...shared, readerNames(reader), ...valuesOf(filter)];
      return rows('credential', (row) => isVisibleTo(row, reader), sql.listVisible(filter), values);
    },
    listOffered: (tenant, page) => {
      const [name] = ownerParameters({ tenant, user: '' });
      const fits = (row: CredentialRow) => offerTo(row, tenant) !== undefined;
      return rows('credential', fits, sql.listOffered, [name, ...startOf(page), page.limit]);
    },
    held: (kind, owner) => heldBy(query, kind, owner, '', Date.now()),
    commit: (given) =>
      underKeys(({ keyring, generation }) => commitChanges(database, ledger, proofs, made(given, keyring), generation)),
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
    async purge(kind, before) {
      await query(sql.purge, [kind, before]);
    },
    withLease: (name, waiting, work) => withLease(database, name, waiting, work),
    countTogether: counting(query),
    appendAudit: (given) =>
      underKeys(async ({ keyring, generation }) => {
        const lines = made(given, keyring);
        const done = await query(appendAudit, [lines, generation]);
        if (done.length < lines.length) throw changedFirst();
        head.note();
      }).catch(auditFailed),
    async auditHead() {
      return (await ledger.read()).audit;
    },
    archiveAudit: (file, first) =>
      underKeys((current) => archiveLines({ database, ledger, ...current }, file, first)).catch((error: unknown) => {
        throw storeError(error);
      }),
    async *readAudit() {
      const from = await archived();
      yield* database.snapshot<string>((within) => auditLines(within, from));
    },
    async *readAuditFrom(place) {
      yield* auditFrom(query, Math.max(place, await archived()));
    },
    async *readAuditBack(place) {
      yield* auditBack(query, place ?? Number.MAX_SAFE_INTEGER, await archived());
    },
    async *scan(onForged) {
      yield* database.snapshot<KindRow>((within) => allRecords(within, keys, proofs, onForged));
    },
    async proveAnew() {
      // The ledger, too: every change seals it anew.
      await underKeys(() => ledger.change(async () => (before) => before));
      return proveAnew(query, keys.current().keyring, proofs);
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
    async close() {
      await head.flush();
      await database.close();
      await mark.flush();
    },
  };
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

async function* auditLines(query: Query, place: number): AsyncIterable<string> {
  for await (const { line } of auditFrom(query, place)) yield line;
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

/** From the same places, the other way, down to the number of the last line that counts no more. */
async function* auditBack(query: Query, place: number, least: number): AsyncIterable<AuditLine> {
  for (let below = place; ; ) {
    const page = await query<{ number: number; line: string }>(readAuditBack, [below, backPage]);
    for (const { number, line } of page) if (number > least) yield { line, at: number - 1, next: number };
    below = (page.at(-1)?.number ?? 0) - 1;
    if (page.length < backPage || below <= least) return;
  }
}

function auditFailed(error: unknown): never {
  const { code, hint } = storeError(error);
  throw new KeywardError('audit_unavailable', `The audit log can not be written (${code}), so nothing is done.`, {
    ...(hint !== undefined && { hint }),
  });
}

type Counted = { readonly name: string; readonly total: number; readonly ends_in_ms: number };

/** Counters that ended go within this time, while anything is counted. */
const sweepEveryMs = 60_000;

/** Counters that all processes share, in a table that says nothing of what they count. */
function counting(query: Query): CountTogether {
  let sweepAt = performance.now() + sweepEveryMs;

  /** It may fail: the next one finds what this one left. */
  function sweep(): void {
    if (performance.now() < sweepAt) return;
    sweepAt = performance.now() + sweepEveryMs;
    query(sweepCounts).catch(() => undefined);
  }

  return async (more, windowMs) => {
    const counted = await query<Counted>(addCounts, [[...more.keys()], [...more.values()], windowMs]);
    sweep();
    return new Map(counted.map(({ name, total, ends_in_ms }) => [name, { total, endsInMs: ends_in_ms }]));
  };
}
