/**
 * A vault as the first format had it, with its audit log and a backup, and throw-away secrets. It has three data keys:
 * one that was left and seals nothing any more, one that a rotation was leaving when it was killed, and a fresh one.
 */
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { KeySettings } from '../../../src/seal/sources.ts';
import { openStore } from '../../../src/store/open.ts';
import type { KindRow, Store } from '../../../src/store/store.ts';
import { openVault } from '../../../src/vault/open.ts';
import { asAdmin, freshDatabase } from '../servers/postgres.ts';
import type { Place, PlaceName } from './places.ts';
import { ann } from './rows.ts';
import { vaultFolder } from './vault-folder.ts';

const folder = path.join(import.meta.dirname, '..', '..', 'fixtures', 'vaults', 'first-format');

const rest = { fallbackKeyFile: '/nowhere/key', keychain: false };
/** The outer keys of the two vaults; they protect nothing. */
export const firstFormatKey: KeySettings = { key: Buffer.alloc(32, 7).toString('base64'), ...rest };
export const firstFormatPassphrase: KeySettings = { passphrase: 'password1234', ...rest };

export const firstFormatBackup = path.join(folder, 'key', 'backup');

/** Ids of the credentials in the vault with a key; their secrets name them. */
export const firstFormatIds = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];

/** A copy of it, in a place of its own; it is gone when the test ends. */
export async function firstFormatPlace(name: PlaceName): Promise<Place> {
  return name === 'PostgreSQL' ? inDatabase() : inFile('key', firstFormatKey);
}

export async function inFile(
  which: 'key' | 'passphrase',
  key: KeySettings,
): Promise<Place & { readonly file: string }> {
  const { file, audit, data } = vaultFolder();
  await mkdir(data, { mode: 0o700 });
  await copyFile(path.join(folder, which, 'vault'), file);
  await copyFile(path.join(folder, which, 'audit'), audit);
  return { store: { kind: 'file', path: file }, key, args: [file, key.key ?? ''], file };
}

/** The same records, keys and lines in tables as they were before the keys had states. */
async function inDatabase(): Promise<Place> {
  const source = await inFile('key', firstFormatKey);
  const first = JSON.parse(`${(await readFile(source.file, 'utf8')).split(',"rows":[')[0]}}`) as Record<
    string,
    unknown
  >;
  const records: KindRow[] = [];
  const lines: string[] = [];
  const opened = await openStore(source);
  for await (const found of opened.scan()) records.push(found);
  for await (const line of opened.readAudit()) lines.push(line);
  await opened.close();

  const url = await freshDatabase();
  const place: Place = { ...source, store: { kind: 'postgres', url }, args: [url, firstFormatKey.key ?? ''] };
  const made = await openStore(place);
  await made.commit(records.map(({ kind, row }) => ({ op: 'insert', kind, row }) as never));
  await made.close();
  const { vaultId, outer, dataKeys, currentKeyId } = first;
  await asAdmin(url, 'insert into keyward_audit (line) select * from unnest($1::text[])', [lines]);
  await asAdmin(url, 'alter table keyward_vault rename column keys to header');
  await asAdmin(url, 'update keyward_vault set header = $1', [
    JSON.stringify({ vaultId, outer, dataKeys, currentKeyId }),
  ]);
  await asAdmin(url, `delete from keyward_migrations where name >= '0004'`);
  return place;
}

/** How many of its secrets do not open to what they were. */
export async function unreadableIn(store: Store): Promise<number> {
  const vault = await openVault(store);
  let unreadable = 0;
  for (const id of firstFormatIds) {
    const record = await vault.get('credential', ann, id);
    const secret = record && (await vault.open('credential', record).catch(() => undefined));
    const expected = { kind: 'inputs', inputs: { apiKey: `throw-away ${id}` } };
    if (JSON.stringify(secret) !== JSON.stringify(expected)) unreadable += 1;
  }
  return unreadable;
}
