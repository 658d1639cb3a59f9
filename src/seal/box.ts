/** The one cipher of Keyward: libsodium secretbox (XSalsa20-Poly1305) with a random nonce in front. */
import { randomBytes } from 'node:crypto';
import { sodium } from './sodium.ts';

export const keyBytes = 32;
const nonceBytes = 24;
const tagBytes = 16;

/** `nonce || secretbox`. 24 random bytes never repeat in practice, so no counter has to survive a crash. */
export function box(key: Uint8Array, plaintext: Uint8Array): Buffer {
  const nonce = randomBytes(nonceBytes);
  return Buffer.concat([nonce, sodium.crypto_secretbox_easy(plaintext, nonce, key)]);
}

/** The plaintext, or undefined when key or bytes are not the ones that `box` had. */
export function unbox(key: Uint8Array, boxed: Uint8Array): Uint8Array | undefined {
  if (boxed.length < nonceBytes + tagBytes) return undefined;
  try {
    return sodium.crypto_secretbox_open_easy(boxed.subarray(nonceBytes), boxed.subarray(0, nonceBytes), key);
  } catch {
    return undefined; // libsodium's error says no more than that
  }
}
