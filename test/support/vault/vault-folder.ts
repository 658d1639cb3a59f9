/** A folder with a vault for one test. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { KeySettings } from '../../../src/seal/outer-key/sources.ts';
import { type JsonStoreSettings, openJsonStore } from '../../../src/store/json/json-store.ts';
import type { Store } from '../../../src/store/store.ts';
import type { CredentialSecret } from '../../../src/vault/vault.ts';

export * from './rows.ts';

/** What must never be found outside a sealed value. */
export const canary = 'canary-7f3a-never-to-be-seen';

/** Everything here is deleted when the test ends. */
export function tempFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'keyward-vault-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export type VaultFolder = ReturnType<typeof vaultFolder>;

/** Paths and key of a vault that does not exist yet. The vault's folder is `data`, the key file's `config`. */
export function vaultFolder(root: string = tempFolder()) {
  const data = path.join(root, 'data');
  const file = path.join(data, 'vault.json');
  const key: KeySettings = {
    key: randomBytes(32).toString('base64'),
    fallbackKeyFile: path.join(root, 'config', 'vault.key'),
    keychain: false,
  };
  const noKey: KeySettings = { fallbackKeyFile: key.fallbackKeyFile, keychain: false };
  /** Opens the store; it is closed when the test ends. */
  async function open(settings: Partial<JsonStoreSettings> = {}): Promise<Store> {
    const store = await openJsonStore({ path: file, key, keychain: null, ...settings });
    onTestFinished(() => store.close());
    return store;
  }
  return { root, data, file, audit: path.join(data, 'audit.log'), key, noKey, open };
}

/** Every file below the folder, with its content. */
export async function filesBelow(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(name)] as const)));
}

export const apiKeySecret = (apiKey: string = canary): CredentialSecret => ({ kind: 'inputs', inputs: { apiKey } });
