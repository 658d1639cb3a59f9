/** Opens the store that the configuration names. The only place that knows which kinds of store exist. */
import { readFile } from 'node:fs/promises';
import type { KeyHeader } from '../seal/key-header.ts';
import { keychainAnswers, osKeychain } from '../seal/outer-key/keychain.ts';
import type { KeySettings, OuterKeyRecord } from '../seal/outer-key/sources.ts';
import { storageError } from '../seal/private-files.ts';
import { readHeader } from './json/format.ts';
import { openJsonStore } from './json/json-store.ts';
import type { Store } from './store.ts';

export { type KeySettings, keychainAnswers, type OuterKeyRecord };

/** A vault file, or the URL of a PostgreSQL database. */
export type StoreSettings =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'postgres'; readonly url: string };

/**
 * Opens the store, or makes a new one where there is none. Errors: `key_missing`, `key_wrong`, `vault_damaged`,
 * `vault_newer`, `vault_busy`, `store_unavailable`, `storage_…`, `config_invalid`.
 */
export async function openStore(settings: {
  readonly store: StoreSettings;
  readonly key: KeySettings;
  /** Keys of a vault that is moved here: they are taken where nothing is kept yet. `conflict` over another vault. */
  readonly adopt?: KeyHeader;
  /** Where this computer keeps what it remembers of vaults, away from them; without, it remembers nothing. */
  readonly marks?: string;
}): Promise<Store> {
  const { store, ...rest } = settings;
  if (store.kind === 'postgres') {
    // Loaded only where it is used: a vault in a file has no need of a database driver.
    const { openPostgresStore } = await import('./postgres/postgres-store.ts');
    return openPostgresStore({ ...rest, url: store.url });
  }
  return openJsonStore({ ...rest, path: store.path, keychain: rest.key.keychain ? osKeychain() : null });
}

/** Brings the tables in PostgreSQL up to date and answers the steps that were missing. A file needs no such step. */
export async function migrateStore(store: StoreSettings): Promise<readonly string[]> {
  if (store.kind === 'file') return [];
  const { migratePostgres } = await import('./postgres/postgres-store.ts');
  return migratePostgres(store.url);
}

/**
 * What a vault file says of itself without its key, so that nothing proves it; null where there is no file. Errors:
 * `vault_damaged`, `vault_newer`, `storage_…`.
 */
export async function describeVault(
  path: string,
): Promise<{ readonly format: number; readonly outer: OuterKeyRecord } | null> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw storageError(error, path);
  }
  const header = readHeader(bytes);
  return { format: header.keyward, outer: header.keyward === 1 ? header.outer : header.keys.outer };
}
