/**
 * What a store keeps of its keys: the data keys, wrapped, and where the outer key that unwraps them comes from. It is
 * the same in a file, in PostgreSQL and in a backup, so that a vault keeps its identity wherever it moves.
 */
import type { Keychain } from './keychain.ts';
import { type Keyring, newKeyring, unwrapKeys, type WrappedKeys, wrapKeys } from './keyring.ts';
import { chooseOuterKey, findOuterKey, type KeySettings, type OuterKeyRecord } from './sources.ts';

export type KeyHeader = {
  readonly vaultId: string;
  /** Where the outer key comes from. */
  readonly outer: OuterKeyRecord;
  readonly dataKeys: WrappedKeys;
  readonly currentKeyId: string;
};

/** Where outer keys may come from. */
export type KeyAccess = { readonly settings: KeySettings; readonly keychain: Keychain | null };

/** The keys of a new vault. Its folder, if it has one, must not hold the outer key. */
export async function newKeyHeader(
  { settings, keychain }: KeyAccess,
  vaultFolder: string | null,
): Promise<{ readonly header: KeyHeader; readonly keyring: Keyring }> {
  const keyring = newKeyring();
  const { vaultId, currentKeyId } = keyring;
  const { key, record } = await chooseOuterKey({ settings, keychain, vaultId }, vaultFolder);
  return { keyring, header: { vaultId, outer: record, dataKeys: wrapKeys(keyring, key), currentKeyId } };
}

/**
 * The data keys of a header. Those that are known already, of the same vault, need no outer key: somebody who changes
 * the outer key leaves running processes alone. `key_missing`, `key_wrong`, `vault_damaged`.
 */
export async function openKeyHeader(
  { vaultId, outer, dataKeys, currentKeyId }: KeyHeader,
  { settings, keychain }: KeyAccess,
  known?: Keyring,
): Promise<Keyring> {
  const same = known?.vaultId === vaultId ? known.dataKeys : undefined;
  const ids = Object.keys(dataKeys);
  if (same !== undefined && ids.length === same.size && ids.every((id) => same.has(id)) && same.has(currentKeyId)) {
    return { vaultId, currentKeyId, dataKeys: same };
  }
  const outerKey = await findOuterKey({ settings, keychain, vaultId }, outer);
  return unwrapKeys(vaultId, currentKeyId, dataKeys, outerKey);
}
