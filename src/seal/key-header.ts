/**
 * What a store keeps of its keys: the data keys, wrapped, and where the outer key that unwraps them comes from. It is
 * the same in a file, in PostgreSQL and in a backup, so that a vault keeps its identity wherever it moves.
 */
import { KeywardError } from '../errors.ts';
import { type Keychain, osKeychain } from './keychain.ts';
import { type Keyring, newKeyring, unwrapKeys, type WrappedKeys, withFreshKey, wrapKeys } from './keyring.ts';
import { chooseOuterKey, findOuterKey, type KeySettings, type OuterKeyRecord } from './sources.ts';

export type KeyHeader = {
  readonly vaultId: string;
  /** Where the outer key comes from. */
  readonly outer: OuterKeyRecord;
  readonly dataKeys: WrappedKeys;
  readonly currentKeyId: string;
};

/** True for what has the form of one. By hand: every start pays for this, and a schema library takes 4 ms to get going. */
export function isKeyHeader(value: unknown): value is KeyHeader {
  const { vaultId, outer, dataKeys, currentKeyId } = Object(value) as Record<string, unknown>;
  return (
    isText(vaultId) &&
    isText(currentKeyId) &&
    isRecord(dataKeys) &&
    Object.values(dataKeys).every(isText) &&
    isRecord(outer) &&
    isText(outer.fingerprint) &&
    (outer.source === 'passphrase'
      ? isText(outer.salt) && Number.isSafeInteger(outer.memoryBytes) && Number.isSafeInteger(outer.passes)
      : ['key', 'keychain', 'file'].includes(String(outer.source)))
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** Where outer keys may come from. */
export type KeyAccess = { readonly settings: KeySettings; readonly keychain: Keychain | null };

/** Where this configuration lets outer keys come from. */
export function keyAccess(settings: KeySettings): KeyAccess {
  return { settings, keychain: settings.keychain ? osKeychain() : null };
}

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

/** What is moved to where another vault is already. */
export function anotherVault(): KeywardError {
  return new KeywardError('conflict', 'There is another vault already.', {
    hint: 'Name a place that is empty, or remove that vault first if nobody needs it.',
  });
}

/** The header with a fresh data key, which seals from then on. The others stay, so that what they sealed stays readable. */
export async function withNewDataKey(header: KeyHeader, { settings, keychain }: KeyAccess): Promise<KeyHeader> {
  const { vaultId, outer, dataKeys, currentKeyId } = header;
  const outerKey = await findOuterKey({ settings, keychain, vaultId }, outer);
  const keyring = withFreshKey(unwrapKeys(vaultId, currentKeyId, dataKeys, outerKey));
  return { vaultId, outer, dataKeys: wrapKeys(keyring, outerKey), currentKeyId: keyring.currentKeyId };
}

/**
 * The header with the same data keys under another outer key: the one that `next` configures, or a generated one.
 * Nothing that is sealed changes. `conflict` when that is the key it has already.
 */
export async function rewrapped(
  { vaultId, outer, dataKeys, currentKeyId }: KeyHeader,
  { settings, keychain }: KeyAccess,
  next: KeySettings,
  vaultFolder: string | null,
): Promise<KeyHeader> {
  const keyring = unwrapKeys(
    vaultId,
    currentKeyId,
    dataKeys,
    await findOuterKey({ settings, keychain, vaultId }, outer),
  );
  const generated = next.key === undefined && next.keyFile === undefined && next.passphrase === undefined;
  if (generated && (outer.source === 'keychain' || outer.source === 'file')) {
    // It would have to take the place of the old one before the vault knows it: a crash between would lock the vault.
    throw new KeywardError('conflict', 'This vault has a generated key already.', {
      hint: 'Give it a key file or a passphrase.',
    });
  }
  const { key, record } = await chooseOuterKey({ settings: next, keychain, vaultId }, vaultFolder);
  if (record.fingerprint === outer.fingerprint) {
    throw new KeywardError('conflict', 'That is the key which the vault has already.', { hint: 'Make another one.' });
  }
  return { vaultId, outer: record, dataKeys: wrapKeys(keyring, key), currentKeyId };
}
