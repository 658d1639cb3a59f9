/** Sealing of records. `seal` and `open` are the only two verbs for encryption. */
import { KeywardError } from '../errors.ts';
import { box, unbox } from './box.ts';
import { derive } from './derive.ts';
import { dataKey, type Keyring, keyIdBytes } from './keyring.ts';

/**
 * Where a sealed value belongs. secretbox has no associated data, so the place goes into the key: a value moved to
 * another kind, tenant, owner, record or version does not open.
 */
export type SealContext = {
  /** Kind of record. */
  readonly purpose: string;
  readonly tenant: string;
  readonly owner: string;
  readonly recordId: string;
  /** Version of the secret. */
  readonly version: number;
};

/** Seals under the current data key. Answers base64 of `key id (8 bytes) || nonce (24) || secretbox`. */
export function seal(keyring: Keyring, context: SealContext, plaintext: Uint8Array): string {
  return envelope(keyring.currentKeyId, recordKey(keyring, keyring.currentKeyId, context), plaintext);
}

/** Opens what `seal` made for the same context. `vault_damaged` for anything else. */
export function open(keyring: Keyring, context: SealContext, sealed: string): Uint8Array {
  return openEnvelope(sealed, (keyId) => recordKey(keyring, keyId, context));
}

/** Whether something was sealed for exactly this context, without what it is. */
export function belongs(keyring: Keyring, context: SealContext, sealed: string): boolean {
  try {
    open(keyring, context, sealed);
    return true;
  } catch {
    return false;
  }
}

/** A 32-byte key for another purpose (a MAC, the store's own rows), unrelated to every record's key. */
export function deriveKey(keyring: Keyring, purpose: string, keyId: string = keyring.currentKeyId): Uint8Array {
  const known = derived.get(keyring) ?? new Map<string, Uint8Array>();
  derived.set(keyring, known);
  const name = `${keyId} ${purpose}`;
  const key = known.get(name) ?? derive(dataKey(keyring, keyId), [purpose, keyring.vaultId, keyId]);
  known.set(name, key);
  return key;
}

/** Keys of whole purposes are few and asked for with every audit line; they are kept as long as the keyring is. */
const derived = new WeakMap<Keyring, Map<string, Uint8Array>>();

const asideMark = 'damaged:';

/** A box that does not open, kept but marked: it is tried no more, and says so to whoever asks for what is in it. */
export function setAside(sealed: string): string {
  return `${asideMark}${sealed}`;
}

export function isSetAside(sealed: string): boolean {
  return sealed.startsWith(asideMark);
}

/** Base64 of `key id || nonce || secretbox` under this key. */
export function envelope(keyId: string, key: Uint8Array, plaintext: Uint8Array): string {
  return Buffer.concat([Buffer.from(keyId, 'hex'), box(key, plaintext)]).toString('base64');
}

/** Opens an envelope with the key that `keyOf` names for its key id. `vault_damaged` if it does not open. */
export function openEnvelope(sealed: string, keyOf: (keyId: string) => Uint8Array): Uint8Array {
  if (isSetAside(sealed)) {
    throw new KeywardError(
      'vault_damaged',
      'This secret was found damaged when the keys were rotated, and set aside.',
      {
        hint: 'Connect again, or restore the vault from a backup.',
      },
    );
  }
  const bytes = Buffer.from(sealed, 'base64');
  // Node skips what is not base64; only the one spelling that `envelope` wrote is taken.
  if (bytes.toString('base64') === sealed && bytes.length > keyIdBytes) {
    const plaintext = unbox(keyOf(bytes.toString('hex', 0, keyIdBytes)), bytes.subarray(keyIdBytes));
    if (plaintext !== undefined) return plaintext;
  }
  throw new KeywardError('vault_damaged', 'A sealed value was altered, or does not belong to this record.', {
    hint: 'Restore the vault from a backup.',
  });
}

function recordKey(keyring: Keyring, keyId: string, context: SealContext): Uint8Array {
  const { purpose, tenant, owner, recordId, version } = context;
  return derive(dataKey(keyring, keyId), [purpose, keyring.vaultId, keyId, tenant, owner, recordId, String(version)]);
}
