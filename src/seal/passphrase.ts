/** Passphrase to key: Argon2id (RFC 9106). The parameters are recorded in the vault, so that later ones may be stronger. */
import { randomBytes } from 'node:crypto';
import { KeywardError } from '../errors.ts';
import { keyBytes } from './box.ts';

/** What the vault records of a passphrase. */
export type Stretching = { readonly salt: string; readonly memoryBytes: number; readonly passes: number };

const shortest = 12;
const memoryBytes = 64 * 1024 * 1024;
const passes = 2;
const saltBytes = 16;

/** Fresh parameters for a new vault. Refuses a passphrase that is too short to resist guessing. */
export function newStretching(passphrase: string): Stretching {
  if ([...passphrase].length < shortest) {
    throw new KeywardError('config_invalid', `KEYWARD_PASSPHRASE is shorter than ${shortest} characters.`, {
      hint: 'Use several random words.',
    });
  }
  return { salt: randomBytes(saltBytes).toString('base64'), memoryBytes, passes };
}

/** The 32-byte key of a passphrase; about 0.1 s. */
export async function stretch(passphrase: string, recorded: Stretching): Promise<Uint8Array> {
  const salt = Buffer.from(recorded.salt, 'base64');
  // The parameters are read before anything proves who wrote them: they must not be able to eat all memory.
  const sane = recorded.memoryBytes <= 16 * memoryBytes && recorded.passes <= 16 && salt.length === saltBytes;
  if (!sane) throw new KeywardError('vault_damaged', "The vault's passphrase parameters are out of range.");
  // Only this build of libsodium has Argon2id, and only vaults with a passphrase pay for loading it.
  const { default: sodium } = await import('libsodium-wrappers-sumo');
  await sodium.ready;
  // A person's input method may compose é as one code point or as two.
  return sodium.crypto_pwhash(
    keyBytes,
    passphrase.normalize('NFC'),
    salt,
    recorded.passes,
    recorded.memoryBytes,
    sodium.crypto_pwhash_ALG_ARGON2ID13,
  );
}
