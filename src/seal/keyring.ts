/**
 * The data keys of one vault. A record is sealed under a key derived from one of them; the data keys themselves are
 * stored wrapped (sealed) under the outer key. Several can be readable side by side, so that a rotation can go on
 * while records are read.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { KeywardError } from '../errors.ts';
import { box, keyBytes, unbox } from './box.ts';
import { derive } from './derive.ts';

/** Unwrapped data keys by key id (16 lower-case hex digits). New records are sealed under `currentKeyId`. */
export type Keyring = {
  readonly vaultId: string;
  readonly currentKeyId: string;
  readonly dataKeys: ReadonlyMap<string, Uint8Array>;
};

/** Wrapped data keys by key id, base64. */
export type WrappedKeys = Readonly<Record<string, string>>;

/** Length of a key id inside an envelope. */
export const keyIdBytes = 8;

/** The key id that a sealed value begins with, base64 as it is. */
export function keyIdOf(sealed: string): string {
  // 8 bytes are in the first 11 letters; 12 decode without padding.
  return Buffer.from(sealed.slice(0, 12), 'base64').toString('hex', 0, keyIdBytes);
}

/** A keyring for a new vault: fresh vault id, one fresh data key. */
export function newKeyring(): Keyring {
  const currentKeyId = randomBytes(keyIdBytes).toString('hex');
  return {
    vaultId: randomUUID(),
    currentKeyId,
    dataKeys: new Map([[currentKeyId, new Uint8Array(randomBytes(keyBytes))]]),
  };
}

/** The keyring with a fresh data key, which is the current one from then on. */
export function withFreshKey({ vaultId, dataKeys }: Keyring): Keyring {
  const currentKeyId = randomBytes(keyIdBytes).toString('hex');
  return {
    vaultId,
    currentKeyId,
    dataKeys: new Map([...dataKeys, [currentKeyId, new Uint8Array(randomBytes(keyBytes))]]),
  };
}

/** The data key of this id. `vault_damaged` if the vault has none: something was moved here from another vault. */
export function dataKey(keyring: Keyring, keyId: string): Uint8Array {
  const key = keyring.dataKeys.get(keyId);
  if (key === undefined)
    throw new KeywardError('vault_damaged', 'A sealed value names a data key that this vault does not have.');
  return key;
}

/** Seals every data key under the outer key, each bound to its vault and key id. */
export function wrapKeys(keyring: Keyring, outerKey: Uint8Array): WrappedKeys {
  return Object.fromEntries(
    [...keyring.dataKeys].map(([keyId, key]) => [
      keyId,
      box(wrappingKey(keyring.vaultId, keyId, outerKey), key).toString('base64'),
    ]),
  );
}

/** Opens wrapped data keys. `vault_damaged` when one does not open, although the outer key is the right one. */
export function unwrapKeys(vaultId: string, currentKeyId: string, wrapped: WrappedKeys, outerKey: Uint8Array): Keyring {
  const dataKeys = new Map<string, Uint8Array>();
  for (const [keyId, text] of Object.entries(wrapped)) {
    const key = unbox(wrappingKey(vaultId, keyId, outerKey), Buffer.from(text, 'base64'));
    if (key?.length !== keyBytes)
      throw new KeywardError('vault_damaged', "One of the vault's wrapped data keys was altered.");
    dataKeys.set(keyId, key);
  }
  const keyring = { vaultId, currentKeyId, dataKeys };
  dataKey(keyring, currentKeyId);
  return keyring;
}

function wrappingKey(vaultId: string, keyId: string, outerKey: Uint8Array): Uint8Array {
  return derive(outerKey, ['wrap', vaultId, keyId]);
}
