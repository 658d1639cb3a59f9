/** Passphrase to key: Argon2id (RFC 9106). The parameters are recorded in the vault, so that later ones may be stronger. */
import { randomBytes } from 'node:crypto';
import { KeywardError } from '../../errors.ts';
import { keyBytes } from '../box.ts';

/** What the vault records of a passphrase. */
export type Stretching = { readonly salt: string; readonly memoryBytes: number; readonly passes: number };

/**
 * RFC 9106 §4 asks for 64 MiB, 3 passes and 4 lanes where 2 GiB are too much. libsodium has one lane, so that each of
 * ours takes four times the memory instead: 256 MiB and 3 passes, which is libsodium's `MODERATE`.
 */
const memoryBytes = 256 * 1024 * 1024;
const passes = 3;
/** RFC 9106 §3.1: 16 bytes are recommended. */
const saltBytes = 16;
/** Recorded parameters are worked off before anything proves who wrote them: they may cost this many times ours. */
const mostWork = 4;

/** Fresh parameters. */
export function newStretching(): Stretching {
  return { salt: randomBytes(saltBytes).toString('base64'), memoryBytes, passes };
}

/** Whether these parameters are weaker than those that a passphrase gets today. */
export function isOutdated(recorded: Stretching): boolean {
  return recorded.memoryBytes < memoryBytes || recorded.passes < passes;
}

/** The 32-byte key of a passphrase; about half a second. `vault_damaged` for parameters out of range. */
export async function stretch(passphrase: string, recorded: Stretching): Promise<Uint8Array> {
  const salt = Buffer.from(recorded.salt, 'base64');
  if (!isBearable(recorded) || salt.length !== saltBytes)
    throw new KeywardError('vault_damaged', "The vault's passphrase parameters are out of range.");
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

function isBearable(recorded: Stretching): boolean {
  const { crypto_pwhash_MEMLIMIT_MIN: leastBytes, crypto_pwhash_OPSLIMIT_MIN: fewest } = limits;
  const sane = recorded.memoryBytes >= leastBytes && recorded.passes >= fewest;
  const work = recorded.memoryBytes * recorded.passes;
  return sane && recorded.memoryBytes <= mostWork * memoryBytes && work <= mostWork * memoryBytes * passes;
}

/** libsodium's own: below them it refuses. */
const limits = { crypto_pwhash_MEMLIMIT_MIN: 8192, crypto_pwhash_OPSLIMIT_MIN: 1 };

/**
 * A passphrase that takes fewer guesses is refused. Half a second and 256 MiB a guess (`passphrase.ts`) make 10^12 of
 * them some ten thousand years of one computer; four words that were picked by dice have 10^15.
 */
const leastGuesses = 1e12;

/** Longer ones take the library long, and their first characters suffice to judge them. */
const judgedCharacters = 128;

/** Whether somebody who has the vault could guess this passphrase. */
export async function isWeakPassphrase(passphrase: string): Promise<boolean> {
  judge ??= loadJudge();
  const judged = passphrase.normalize('NFC').slice(0, judgedCharacters);
  return (await judge).check(judged, ['keyward']).guesses < leastGuesses;
}

let judge: ReturnType<typeof loadJudge> | undefined;

/** Its dictionaries are large, and only those who set or give a passphrase pay for loading them. */
async function loadJudge() {
  const [{ ZxcvbnFactory }, common, english] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
    import('@zxcvbn-ts/language-en'),
  ]);
  const dictionary = { ...common.dictionary, ...english.dictionary };
  return new ZxcvbnFactory({ dictionary, graphs: common.adjacencyGraphs });
}
