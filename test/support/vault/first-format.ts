/**
 * A vault as the first format had it, with its audit log and a backup, and throw-away secrets. It has three data keys:
 * one that was left and seals nothing any more, one that a rotation was leaving when it was killed, and a fresh one.
 */
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { KeySettings } from '../../../src/seal/outer-key/sources.ts';
import type { Store } from '../../../src/store/store.ts';
import { openVault } from '../../../src/vault/open.ts';
import { connect, freshDatabase } from '../servers/postgres.ts';
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

/** Those records, keys and lines in tables as they were before the keys had states, and records a MAC. */
async function inDatabase(): Promise<Place> {
  const url = await freshDatabase();
  const write = await connect(url);
  await write(await readFile(path.join(folder, 'key', 'database.sql'), 'utf8'));
  const store = { kind: 'postgres', url } as const;
  return { store, key: firstFormatKey, args: [url, firstFormatKey.key ?? ''] };
}

/** That database with a session token of then. */
export async function firstFormatDatabase(): Promise<{ readonly url: string; readonly token: string }> {
  const { store } = await inDatabase();
  const url = store.kind === 'postgres' ? store.url : '';
  await (await connect(url))(await readFile(path.join(folder, 'key', 'session.sql'), 'utf8'));
  return { url, token: `kw_33333333333343338333333333333333${'A'.repeat(43)}` };
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
