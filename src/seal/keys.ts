/** The keys of a vault: made, opened, and changed. Each change answers the keyring whose header is to be stored. */
import { randomUUID } from 'node:crypto';
import { hasCode, KeywardError } from '../errors.ts';
import { canonicalJson } from './canonical.ts';
import type { AuditEnd, FirstKeyHeader, KeyHeader } from './key-header.ts';
import {
  auditSubKey,
  dataKey,
  freshDataKey,
  type KeyMaterial,
  type Keyring,
  keyringOf,
  unwrapDataKey,
  unwrapKeys,
} from './keyring.ts';
import { type Keychain, osKeychain } from './outer-key/keychain.ts';
import { chooseOuterKey, findOuterKey, type KeySettings, sourceInWords } from './outer-key/sources.ts';

/** Where outer keys may come from. */
export type KeyAccess = { readonly settings: KeySettings; readonly keychain: Keychain | null };

/** Where this configuration lets outer keys come from. */
export function keyAccess(settings: KeySettings): KeyAccess {
  return { settings, keychain: settings.keychain ? osKeychain() : null };
}

/** The keys of a new vault. Its folder, if it has one, must not hold the outer key. */
export async function newKeys({ settings, keychain }: KeyAccess, vaultFolder: string | null): Promise<Keyring> {
  const vaultId = randomUUID();
  const [currentKeyId, key] = freshDataKey();
  const { key: outerKey, record: outer } = await chooseOuterKey({ settings, keychain, vaultId }, vaultFolder);
  const dataKeys = new Map([[currentKeyId, key]]);
  return keyringOf({ vaultId, revision: 1, outer, outerKey, currentKeyId, dataKeys, retired: new Map() });
}

/**
 * The data keys of a header. `known` are those that this process had of the same vault: it takes no header that is older.
 * Another outer key around the same keys leaves running processes alone; keys that are new to them need the new one.
 * `key_missing`, `key_wrong`, `vault_damaged`.
 */
export async function openKeys(header: KeyHeader, access: KeyAccess, known?: Keyring): Promise<Keyring> {
  if (known === undefined) return unwrapKeys(header, await outerKeyOf(header, access));
  if (canonicalJson(header) === canonicalJson(known.header)) return known;
  if (header.revision <= known.header.revision) {
    throw new KeywardError('vault_damaged', "The vault's keys were set back to older ones while Keyward was running.", {
      hint: 'Nothing was changed. Restore the vault from a backup.',
    });
  }
  if (header.outer.fingerprint === known.header.outer.fingerprint) return unwrapKeys(header, known.outerKey);
  if (sameKeys(header, known.header)) return known;
  const outerKey = await outerKeyOf(header, access).catch((error: unknown) => {
    if (!hasCode(error, 'key_wrong', 'key_missing')) throw error;
    throw new KeywardError('key_wrong', 'The outer key of this vault was changed while Keyward was running.', {
      hint: `Start Keyward again with the new key. This vault opens with ${sourceInWords(header.outer, access.settings)}.`,
    });
  });
  return unwrapKeys(header, outerKey);
}

/** The keys of a header of the first format. All but the current one open records until `keyward` has looked who needs them. */
export async function openFirstKeys(header: FirstKeyHeader, access: KeyAccess): Promise<Keyring> {
  const { vaultId, outer, currentKeyId } = header;
  const outerKey = await outerKeyOf(header, access);
  const dataKeys = new Map(
    Object.entries(header.dataKeys).map(([id, text]) => [id, unwrapDataKey(vaultId, id, text, outerKey)]),
  );
  dataKey({ dataKeys }, currentKeyId);
  return keyringOf({ vaultId, revision: 1, outer, outerKey, currentKeyId, dataKeys, retired: new Map() });
}

/** With a fresh data key, which seals from then on. The one before opens records until it is retired. */
export function withFreshKey(keyring: Keyring): Keyring {
  return keyringOf({ ...nextOf(keyring), ...freshKeyIn(keyring) });
}

/** Without these keys: they open nothing from then on, and vouch for the lines of the audit log that are there. */
export function withRetired(keyring: Keyring, ends: ReadonlyMap<string, AuditEnd>): Keyring {
  const { vaultId, currentKeyId } = keyring;
  const dataKeys = new Map(keyring.dataKeys);
  const retired = new Map(keyring.retired);
  for (const [keyId, end] of ends) {
    if (keyId === currentKeyId || !dataKeys.has(keyId)) continue;
    retired.set(keyId, { auditKey: auditSubKey(dataKey(keyring, keyId), vaultId, keyId), end });
    dataKeys.delete(keyId);
  }
  return retired.size === keyring.retired.size ? keyring : keyringOf({ ...nextOf(keyring), dataKeys, retired });
}

/**
 * Under another outer key: the one that `next` configures, or a generated one. With `freshKey` a fresh data key seals
 * from then on, which nobody who had the old outer key has ever seen. `conflict` when it is the key that it has already.
 */
export async function rewrapped(
  keyring: Keyring,
  next: KeyAccess,
  vaultFolder: string | null,
  { freshKey }: { readonly freshKey: boolean },
): Promise<Keyring> {
  const { vaultId, header } = keyring;
  const { key, keyFile, passphrase } = next.settings;
  const generated = key === undefined && keyFile === undefined && passphrase === undefined;
  if (generated && (header.outer.source === 'keychain' || header.outer.source === 'file')) {
    // It would have to take the place of the old one before the vault knows it: a crash between would lock the vault.
    throw new KeywardError('conflict', 'This vault has a generated key already.', {
      hint: 'Give it a key file or a passphrase.',
    });
  }
  const { key: outerKey, record: outer } = await chooseOuterKey({ ...next, vaultId }, vaultFolder);
  if (outer.fingerprint === header.outer.fingerprint) {
    throw new KeywardError('conflict', 'That is the key which the vault has already.', { hint: 'Make another one.' });
  }
  return keyringOf({ ...nextOf(keyring), ...(freshKey && freshKeyIn(keyring)), outer, outerKey });
}

/** These keys, with a header that may follow this one. */
export function succeeding(keyring: Keyring, header: KeyHeader): Keyring {
  const revision = Math.max(keyring.header.revision, header.revision + 1);
  return revision === keyring.header.revision ? keyring : keyringOf({ ...nextOf(keyring), revision });
}

/** What is moved to where another vault is already. */
export function anotherVault(): KeywardError {
  return new KeywardError('conflict', 'There is another vault already.', {
    hint: 'Name a place that is empty, or remove that vault first if nobody needs it.',
  });
}

function outerKeyOf({ vaultId, outer }: Pick<KeyHeader, 'vaultId' | 'outer'>, { settings, keychain }: KeyAccess) {
  return findOuterKey({ settings, keychain, vaultId }, outer);
}

function nextOf({ header, ...keys }: Keyring): KeyMaterial {
  return { ...keys, outer: header.outer, revision: header.revision + 1 };
}

function freshKeyIn({ dataKeys }: Keyring): Pick<Keyring, 'currentKeyId' | 'dataKeys'> {
  const [currentKeyId, key] = freshDataKey();
  return { currentKeyId, dataKeys: new Map([...dataKeys, [currentKeyId, key]]) };
}

/** Whether both headers hold the same keys in the same states, whatever is wrapped around them. */
function sameKeys(one: KeyHeader, other: KeyHeader): boolean {
  const told = ({ vaultId, dataKeys }: KeyHeader) =>
    canonicalJson([vaultId, Object.entries(dataKeys).map(([id, { wrapped: _, ...record }]) => [id, record])]);
  return told(one) === told(other);
}
