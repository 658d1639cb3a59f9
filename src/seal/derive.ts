/** Key derivation: keyed BLAKE2b (libsodium `crypto_generichash`, RFC 7693) over length-prefixed names. */
import { sodium } from './sodium.ts';

/**
 * A 32-byte key for exactly this list of names. Each name is preceded by its length (uint32, big-endian), so that no
 * two different lists ever hash the same bytes: ("ab", "c") and ("a", "bc") give unrelated keys.
 */
export function derive(key: Uint8Array, names: readonly string[], bytes = 32): Uint8Array {
  return sodium.crypto_generichash(bytes, lengthPrefixed(names), key);
}

/** The names as bytes, each after its length. */
export function lengthPrefixed(names: readonly string[]): Buffer {
  const parts = names.flatMap((name) => {
    const bytes = Buffer.from(name, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(parts);
}
