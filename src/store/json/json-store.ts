/** The file store: all rows in one sealed file, shared by several processes. */
import { lstatSync } from 'node:fs';
import { KeywardError } from '../../errors.ts';
import type { KeyHeader } from '../../seal/key-header.ts';
import type { Keyring } from '../../seal/keyring.ts';
import { anotherVault, openKeys } from '../../seal/keys.ts';
import type { Keychain } from '../../seal/outer-key/keychain.ts';
import type { KeySettings } from '../../seal/outer-key/sources.ts';
import { storageError } from '../../seal/private-files.ts';
import { loadSodium } from '../../seal/sodium.ts';
import { type MarkKeeper, noMark, openMark } from '../mark.ts';
import { isOwnedBy, isSharedWith, isVisibleTo, type Reader } from '../sharing.ts';
import type { CredentialRow, KindRow, ListFilter, Page, Rows, Store, VisiblePage } from '../store.ts';
import { made } from '../under-keys.ts';
import { type VaultAdapter, vaultAdapter } from './adapter.ts';
import { type AuditLog, auditLog } from './audit-log.ts';
import { applyChanges, applyReseal, applyTouch, heldBy } from './changes.ts';
import { createVault, isOfFirstFormat, upgradeVault, vaultExists } from './create.ts';
import { type Disk, realDisk } from './disk.ts';
import { type FileLock, fileLock } from './file-lock.ts';
import { prepareFolder, remains, sweep, type VaultPaths, vaultPaths } from './folder.ts';
import { withLease } from './leases.ts';
import { noLog } from './log-head.ts';
import { type RowTable, rowKey } from './rows.ts';

import { type SharedTable, sharedTable } from './shared-table.ts';
import { inOrder, kindShelf, offeredShelf, ownerShelf, sharedShelves } from './shelves.ts';

export type JsonStoreSettings = {
  /** The vault file. */
  readonly path: string;
  readonly key: KeySettings;
  readonly keychain: Keychain | null;
  /** Keys of a vault that is moved here. */
  readonly adopt?: KeyHeader;
  /** Where this computer keeps what it remembers of vaults; without, it remembers nothing. */
  readonly marks?: string;
  /** For tests: a disk that loses what was not synced. */
  readonly disk?: Disk;
  /** How long a commit waits for other processes. */
  readonly lockWaitMs?: number;
};

/** Opens the vault file, or makes it where there is none and never was. Errors as `openStore` says. */
export async function openJsonStore(settings: JsonStoreSettings): Promise<Store> {
  const { key, keychain, adopt, marks, disk = realDisk, lockWaitMs = 10_000 } = settings;
  const paths = vaultPaths(settings.path);
  const lock = fileLock(paths.lock);
  const access = { settings: key, keychain };
  const mark = marks === undefined ? noMark : await openMark(marks, paths.file, adopt !== undefined);
  const unlock = (header: KeyHeader, known?: Keyring) => openKeys(header, access, known);
  let isProved = false;
  // What was seen before it was compared with the mark must not become the mark.
  const adapter = vaultAdapter(paths.file, disk, unlock, (seen) => {
    if (!isProved) mark.check(seen);
    isProved = true;
    mark.note(seen);
  });
  try {
    const [names] = await Promise.all([prepareFolder(paths), loadSodium()]);
    if (!vaultExists(paths.file)) {
      if (adopt === undefined) refuseGone(paths, mark);
      await createVault(paths, disk, lock, access, adopt);
    }
    if (await isOfFirstFormat(paths.file)) await upgradeVault(paths, disk, lock, access);
    const content = await adapter.read();
    if (adopt !== undefined && content.header.keys.vaultId !== adopt.vaultId) throw anotherVault();
    if (leftBehind(names, paths)) await sweepIfFree(paths, disk, lock);
    const audit = auditLog(paths, lockWaitMs);
    return storeOver(sharedTable(adapter, content, lock, lockWaitMs, audit.nextHead), adapter, paths, audit, mark);
  } catch (error) {
    await adapter.close();
    await lock.close();
    throw storageError(error, paths.file);
  }
}

/** A new vault beside the audit log of an earlier one would hide that somebody removed that one. */
function refuseGone({ file, audit }: VaultPaths, mark: MarkKeeper): void {
  mark.refuseGone();
  const log = lstatSync(audit, { throwIfNoEntry: false });
  if (log === undefined || !log.isFile() || log.size === 0) return;
  throw new KeywardError(
    'vault_damaged',
    `There is the audit log of a vault here, but not the vault itself: ${file}.`,
    {
      hint: `Put the vault back, or restore a backup with keyward restore. To begin anew, move ${audit} away.`,
      details: { path: audit },
    },
  );
}

function leftBehind(names: readonly string[], { file }: VaultPaths): boolean {
  return remains(names, file, 'tmp').length + remains(names, file, 'new').length > 0;
}

/** The remains may be the temporary file of a live writer, or on a disk that cannot be written: then they stay. */
async function sweepIfFree(paths: VaultPaths, disk: Disk, lock: FileLock): Promise<void> {
  await lock.hold({ waitMs: 0 }, () => sweep(paths, disk)).catch(() => undefined);
}

function storeOver(
  table: SharedTable,
  adapter: VaultAdapter,
  paths: VaultPaths,
  audit: AuditLog,
  mark: MarkKeeper,
): Store {
  return {
    location: paths.file,
    get keyring() {
      return adapter.keyring();
    },
    get keys() {
      return table.keys();
    },
    async refreshKeys() {
      await table.current();
    },
    async ping() {
      await table.current();
    },
    async get(kind, owner, id) {
      const found = (await table.current()).find(rowKey(kind, id))?.row;
      return found !== undefined && isOwnedBy(found, owner) ? (found as Rows[typeof kind]) : undefined;
    },
    async findAttempt(id) {
      const found = (await table.current()).find(rowKey('attempt', id));
      return found?.kind === 'attempt' ? found.row : undefined;
    },
    async findSession(id) {
      const found = (await table.current()).find(rowKey('session', id));
      return found?.kind === 'session' ? found.row : undefined;
    },
    async findPasskey(id) {
      const found = (await table.current()).find(rowKey('passkey', id));
      return found?.kind === 'passkey' ? found.row : undefined;
    },
    async findAssistant(id) {
      const found = (await table.current()).find(rowKey('assistant', id));
      return found?.kind === 'assistant' ? found.row : undefined;
    },
    async listTokens(kind, page) {
      return pageOf((await table.current()).on(kindShelf(kind), page.after), {}, page) as Rows[typeof kind][];
    },
    async findVisible(reader, id) {
      const found = (await table.current()).find(rowKey('credential', id));
      if (found?.kind !== 'credential') return undefined;
      return isVisibleTo(found.row, reader) ? found.row : undefined;
    },
    async list(kind, owner, filter, page) {
      const mine = (await table.current()).on(ownerShelf(kind, owner), page.after);
      return pageOf(mine, filter, page) as Rows[typeof kind][];
    },
    async listVisible(reader, filter, page) {
      return visiblePage(await table.current(), reader, filter, page);
    },
    async listOffered(tenant, page) {
      return pageOf((await table.current()).on(offeredShelf(tenant), page.after), {}, page) as CredentialRow[];
    },
    async held(kind, owner) {
      return heldBy((await table.current()).on(ownerShelf(kind, owner)), Date.now());
    },
    commit: (changes) => table.change((draft) => applyChanges(draft, made(changes, adapter.keyring()))),
    touch: (times) =>
      table.change((draft) => {
        for (const [id, { owner, at }] of times) applyTouch(draft, id, owner, at);
      }),
    async purge(kind, before) {
      // Looks first: a file without any is not written.
      const isOver = (found: KindRow | undefined) =>
        found?.kind === kind && 'expiresAt' in found.row && Number(found.row.expiresAt) < before;
      const over: string[] = [];
      for (const found of (await table.current()).all()) if (isOver(found)) over.push(rowKey(kind, found.row.id));
      if (over.length === 0) return;
      await table.change((draft) => {
        for (const key of over) if (isOver(draft.find(key))) draft.set(key, null);
      });
    },
    countTogether: null,
    withLease: (name, waiting, work) => withLease(paths.leases, name, waiting, work),
    appendAudit: (lines) =>
      audit.append(async () => {
        if (typeof lines === 'function') await table.refresh();
        return made(lines, adapter.keyring());
      }),
    readAudit: () => audit.read(),
    readAuditFrom: (place) => audit.readFrom(place),
    readAuditBack: (place) => audit.readBack(place),
    async auditHead() {
      await table.refresh();
      return table.head() ?? noLog;
    },
    archiveAudit: async (file, first) => {
      const seal = async (next: Parameters<SharedTable['sealHead']>[0]) => {
        await table.sealHead(next);
        return table.head() ?? noLog;
      };
      const { lines, digest } = await audit.archive(file, seal, (head) => first(adapter.keyring(), head));
      return { lines, digest };
    },
    async *scan() {
      yield* (await table.current()).all();
    },
    // The file as a whole is proved anew with each commit.
    proveAnew: async () => 0,
    reseal: (boxes) => table.change((draft) => applyReseal(draft, boxes)),
    // Nobody is in the middle of writing a line under the key that is left here.
    changeKeys: (change) => audit.alone(() => table.changeKeys(change)),
    async close() {
      // The lines of a reader are covered, too, when it ends. A disk that takes no writes keeps nobody from ending.
      if (audit.isAhead()) await table.sealHead().catch(() => undefined);
      await table.close();
      await mark.flush();
      await audit.close();
    },
  };
}

/** One page of what a reader sees: its own rows, then those that are shared with it. */
function visiblePage(table: RowTable, reader: Reader, filter: ListFilter, { after, limit }: VisiblePage) {
  const own = after?.shared ? [] : pageOf(table.on(ownerShelf('credential', reader), after), filter, { limit });
  const left = limit - own.length;
  if (left === 0) return own as CredentialRow[];
  const shelves = [...sharedShelves(reader), offeredShelf(reader.tenant)];
  const behind = after?.shared ? after : undefined;
  const shared = reachedBy(inOrder(shelves.map((shelf) => table.on(shelf, behind))), reader);
  return [...own, ...pageOf(shared, filter, { limit: left })] as CredentialRow[];
}

/** Those of the rows that a share lets this reader see, and that it does not own. */
function* reachedBy(rows: Iterable<KindRow>, reader: Reader): Iterable<KindRow> {
  for (const found of rows) {
    if (found.kind !== 'credential' || isOwnedBy(found.row, reader)) continue;
    if (isSharedWith(found.row, reader)) yield found;
  }
}

/** As many of the rows as a page holds, in their order. */
function pageOf(rows: Iterable<KindRow>, filter: ListFilter, { limit }: Pick<Page, 'limit'>) {
  const found: KindRow['row'][] = [];
  if (limit === 0) return found;
  for (const { row } of rows) {
    if (!fits(row, filter)) continue;
    found.push(row);
    if (found.length >= limit) break;
  }
  return found;
}

function fits(row: KindRow['row'], { connectorId, status }: ListFilter): boolean {
  if (connectorId !== undefined && (!('connectorId' in row) || row.connectorId !== connectorId)) return false;
  return status === undefined || ('status' in row && row.status === status);
}
