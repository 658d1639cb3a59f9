/**
 * Where the outer key comes from: what the configuration gives; else the keychain of the operating system; else a key
 * file in the config folder. The vault records which one it was, so that a missing key is an error and never a reason
 * to make a new one.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { KeywardError } from '../../errors.ts';
import { keyBytes } from '../box.ts';
import { derive } from '../derive.ts';
import { fileMode, refuseReadable, tighten } from '../private-files.ts';
import { makeKeyFile, readKeyFile } from './key-file.ts';
import type { Keychain } from './keychain.ts';
import { isOutdated, isWeakPassphrase, newStretching, type Stretching, stretch } from './passphrase.ts';

/** What the configuration says about key material. */
export type KeySettings = {
  /** `KEYWARD_KEY`: 32 bytes as base64 or hex. */
  readonly key?: string;
  /** `KEYWARD_KEY_FILE`: path of a file that holds the same. */
  readonly keyFile?: string;
  /** `KEYWARD_PASSPHRASE`. Together with a key, both are needed. */
  readonly passphrase?: string;
  /** Where a key is kept when nothing is configured and no keychain works: in the config folder, never beside the vault. */
  readonly fallbackKeyFile: string;
  /** Whether the keychain of the operating system may be used. */
  readonly keychain: boolean;
  /** Whether that key file may not be made, because whoever copies the vault's folder would copy it, too. */
  readonly noKeyFile?: boolean;
};

/** The source as the vault's header records it. `key` is `KEYWARD_KEY` or `KEYWARD_KEY_FILE`: the same bytes either way. */
type KeySource =
  | { readonly source: 'key' | 'keychain' | 'file' }
  | ({ readonly source: 'passphrase' | 'key and passphrase' } & Stretching);

/** The source, and a fingerprint that tells a wrong key from a damaged vault. */
export type OuterKeyRecord = KeySource & { readonly fingerprint: string };

/** Everything that key sources need to know. */
type KeyPlace = { readonly settings: KeySettings; readonly keychain: Keychain | null; readonly vaultId: string };

type FoundKey = { readonly key: Uint8Array; readonly source: KeySource };

/**
 * The outer key for a vault in this folder (null for one that is in no folder): the configured one; else one that is made
 * here and kept elsewhere. A passphrase that is easily guessed is `config_invalid`.
 */
export async function chooseOuterKey(
  place: KeyPlace,
  vaultFolder: string | null,
): Promise<{ key: Uint8Array; record: OuterKeyRecord }> {
  const { key, source } = (await newConfiguredKey(place.settings)) ?? (await generatedKey(place, vaultFolder));
  return { key, record: { ...source, fingerprint: fingerprint(key, place.vaultId) } };
}

async function generatedKey(place: KeyPlace, vaultFolder: string | null): Promise<FoundKey> {
  if (vaultFolder === null) {
    throw new KeywardError('config_invalid', 'A vault in PostgreSQL needs a key that every machine can be given.', {
      hint: 'Set KEYWARD_KEY, KEYWARD_KEY_FILE or KEYWARD_PASSPHRASE. Make a key with: openssl rand -base64 32',
    });
  }
  return (await keychainKey(place)) ?? (await fileKey(place, vaultFolder));
}

/** The outer key of an existing vault. `key_missing` when it is not to be had, `key_wrong` when it is another one. */
export async function findOuterKey(place: KeyPlace, record: OuterKeyRecord): Promise<Uint8Array> {
  const key = await recordedKey(place, record);
  if (fingerprint(key, place.vaultId) !== record.fingerprint) {
    throw new KeywardError('key_wrong', 'The key is not the one that this vault was made with.', {
      hint: `This vault opens with ${words[record.source](place.settings)}.`,
    });
  }
  return key;
}

/**
 * Where the outer key of a vault comes from, in words: what the vault records, and what is configured in its place or is
 * missing. Null stands for a vault that is yet to be made.
 */
export function sourceInWords(record: Pick<OuterKeyRecord, 'source'> | null, settings: KeySettings): string {
  const { key, keyFile, passphrase, fallbackKeyFile } = settings;
  const given = keyFile === undefined ? 'KEYWARD_KEY' : `the file ${keyFile}`;
  const hasKey = key !== undefined || keyFile !== undefined;
  const hasPassphrase = passphrase !== undefined;
  const notSet = (source: OuterKeyRecord['source']) => `${words[source](settings)}, which is not set`;
  switch (record?.source) {
    case 'key':
      return hasKey ? given : notSet('key');
    case 'passphrase':
      return hasPassphrase ? 'KEYWARD_PASSPHRASE' : notSet('passphrase');
    case 'key and passphrase':
      return hasKey && hasPassphrase
        ? `${given} together with KEYWARD_PASSPHRASE`
        : `${words[record.source](settings)}; not all of that is set`;
    case 'keychain':
    case 'file':
      return hasKey ? `${given}, in place of ${words[record.source](settings)}` : words[record.source](settings);
    case undefined: {
      const set = [...(hasKey ? [given] : []), ...(hasPassphrase ? ['KEYWARD_PASSPHRASE'] : [])];
      const made = `will be kept in this computer's keychain, or else in the file ${fallbackKeyFile}`;
      return set.length > 0 ? set.join(' together with ') : made;
    }
  }
}

/** Why the outer key of this vault should be changed: words that name `keyward key rewrap`; undefined if it need not be. */
export async function outerKeyAdvice(record: OuterKeyRecord, settings: KeySettings): Promise<string | undefined> {
  if (record.source === 'file' && settings.noKeyFile && (await givenKey(settings)) === undefined) {
    return 'Vault and key file lie below one folder, KEYWARD_HOME: whoever copies it has both. See keyward key rewrap --new-key-file';
  }
  if (record.source !== 'passphrase' && record.source !== 'key and passphrase') return undefined;
  // Beside a key the passphrase alone opens nothing.
  const weak = record.source === 'passphrase' && (await isWeakPassphrase(settings.passphrase ?? ''));
  if (weak) return 'The passphrase of this vault can be guessed. Choose another one with: keyward key rewrap';
  if (!isOutdated(record)) return undefined;
  return 'The passphrase of this vault is stretched less than it is done today. Bring it up to date with: keyward key rewrap';
}

const words: Record<KeySource['source'], (settings: KeySettings) => string> = {
  key: () => 'KEYWARD_KEY or KEYWARD_KEY_FILE',
  passphrase: () => 'KEYWARD_PASSPHRASE',
  'key and passphrase': () => 'KEYWARD_PASSPHRASE together with KEYWARD_KEY or KEYWARD_KEY_FILE',
  keychain: () => "an entry in this computer's keychain",
  file: (settings) => `the key file ${settings.fallbackKeyFile}`,
};

async function recordedKey({ settings, keychain, vaultId }: KeyPlace, record: OuterKeyRecord): Promise<Uint8Array> {
  const given = await givenKey(settings);
  const { passphrase } = settings;
  if (record.source === 'passphrase' || record.source === 'key and passphrase') {
    const both = record.source === 'key and passphrase';
    if (passphrase === undefined) throw missing(record.source, settings, 'Set KEYWARD_PASSPHRASE.');
    if (both && given === undefined) throw missing(record.source, settings, 'Set KEYWARD_KEY or KEYWARD_KEY_FILE.');
    if (!both && given !== undefined) {
      throw new KeywardError('key_wrong', 'A key is set, but this vault opens with a passphrase alone.', {
        hint: 'Unset KEYWARD_KEY and KEYWARD_KEY_FILE. keyward key rewrap can make both necessary.',
      });
    }
    const stretched = await stretch(passphrase, record);
    return given === undefined ? stretched : composed(given, stretched);
  }
  if (passphrase !== undefined) {
    throw new KeywardError('key_wrong', 'KEYWARD_PASSPHRASE is set, but this vault has no passphrase.', {
      hint: `It opens with ${words[record.source](settings)}. Unset KEYWARD_PASSPHRASE.`,
    });
  }
  // A configured key is used even when the vault was made with a generated one: that is how a vault moves house.
  if (given !== undefined) return given;
  switch (record.source) {
    case 'key':
      throw missing(record.source, settings, 'Set KEYWARD_KEY or KEYWARD_KEY_FILE to the key it was made with.');
    case 'keychain': {
      // Null may mean "denied" as well as "gone"; neither is a reason to make a new key.
      const value = keychain === null ? null : await answered(keychain.get(vaultId));
      if (value !== null && value.length === keyBytes) return value;
      throw missing(record.source, settings, 'Unlock the keychain and allow Keyward to read it, then start again.');
    }
    case 'file': {
      const text = await readKeyFile(settings.fallbackKeyFile);
      if (text === undefined) throw missing(record.source, settings, 'Put the file back, or restore it from a backup.');
      // Copied or restored it may be open to everybody. Where it is somebody else's to close, it still opens the vault.
      await tighten(settings.fallbackKeyFile, fileMode).catch(() => undefined);
      return parseKey(text, settings.fallbackKeyFile);
    }
  }
}

function missing(source: KeySource['source'], settings: KeySettings, hint: string): KeywardError {
  return new KeywardError('key_missing', `This vault opens with ${words[source](settings)}, which is not there.`, {
    hint,
  });
}

/** The key of `KEYWARD_KEY` or of the file that `KEYWARD_KEY_FILE` names; undefined when neither is set. */
async function givenKey({ key, keyFile }: KeySettings): Promise<Uint8Array | undefined> {
  if (key !== undefined && keyFile !== undefined) {
    throw new KeywardError('config_invalid', 'KEYWARD_KEY and KEYWARD_KEY_FILE exclude each other.', {
      hint: 'Set only one of them.',
    });
  }
  if (key !== undefined) return parseKey(key, 'KEYWARD_KEY');
  if (keyFile === undefined) return undefined;
  await refuseReadable(keyFile);
  const text = await readKeyFile(keyFile);
  if (text === undefined) {
    throw new KeywardError('key_missing', `The file that KEYWARD_KEY_FILE names, ${keyFile}, does not exist.`, {
      hint: 'Correct the path, or put the file there.',
    });
  }
  return parseKey(text, keyFile);
}

/** What is configured, for a vault that gets this outer key now; undefined when nothing is. */
async function newConfiguredKey(settings: KeySettings): Promise<FoundKey | undefined> {
  const given = await givenKey(settings);
  const { passphrase } = settings;
  if (passphrase === undefined) return given && { key: given, source: { source: 'key' } };
  if (await isWeakPassphrase(passphrase)) {
    throw new KeywardError('config_invalid', 'This passphrase can be guessed by somebody who has the vault.', {
      hint: 'Use five or more random words, which no song, book or list of passwords has in this order.',
    });
  }
  const stretching = newStretching();
  const stretched = await stretch(passphrase, stretching);
  if (given === undefined) return { key: stretched, source: { source: 'passphrase', ...stretching } };
  return { key: composed(given, stretched), source: { source: 'key and passphrase', ...stretching } };
}

/** One key of both: without either nothing of it is known (keyed BLAKE2b, whose key is the stretched passphrase). */
function composed(given: Uint8Array, stretched: Uint8Array): Uint8Array {
  return derive(stretched, ['key and passphrase', Buffer.from(given).toString('hex')]);
}

/** A new key in the keychain, read back; undefined where no keychain answers or keeps it. */
async function keychainKey({ keychain, vaultId }: KeyPlace): Promise<FoundKey | undefined> {
  if (keychain === null) return undefined;
  const key = randomBytes(keyBytes);
  const kept = await answered(keychain.set(vaultId, key).then(() => keychain.get(vaultId)));
  return kept !== null && key.equals(kept) ? { key, source: { source: 'keychain' } } : undefined;
}

async function fileKey({ settings }: KeyPlace, vaultFolder: string): Promise<FoundKey> {
  if (path.resolve(path.dirname(settings.fallbackKeyFile)) === path.resolve(vaultFolder)) {
    throw new KeywardError('config_invalid', 'The key file would lie beside the vault, where a thief finds both.', {
      hint: 'Put the vault into another folder with KEYWARD_STORE, or set KEYWARD_KEY or KEYWARD_PASSPHRASE.',
    });
  }
  if (settings.noKeyFile) {
    throw new KeywardError('config_invalid', 'Vault and key file would lie below one folder, KEYWARD_HOME.', {
      hint:
        'Whoever copies or backs up that folder of a server would have both. Set KEYWARD_KEY, KEYWARD_KEY_FILE or ' +
        'KEYWARD_PASSPHRASE. Make a key with: openssl rand -base64 32',
    });
  }
  await makeKeyFile(settings.fallbackKeyFile);
  const text = (await readKeyFile(settings.fallbackKeyFile)) ?? '';
  return { key: parseKey(text, settings.fallbackKeyFile), source: { source: 'file' } };
}

/** A keychain may be locked, absent, or ask a person who is not there; all of that is null after a while. */
async function answered(answer: Promise<Uint8Array | null>): Promise<Uint8Array | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, 30_000, null);
  });
  try {
    return await Promise.race([answer, late]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

const spellings = [
  { pattern: /^[0-9a-fA-F]{64}$/, encoding: 'hex' },
  { pattern: /^[A-Za-z0-9+/_-]{43}=?$/, encoding: 'base64' },
] as const;

/** 32 bytes written as hex (64 digits) or base64 (43 or 44 characters). */
function parseKey(text: string, where: string): Uint8Array {
  const trimmed = text.trim();
  const spelling = spellings.find(({ pattern }) => pattern.test(trimmed));
  if (spelling !== undefined) return Buffer.from(trimmed, spelling.encoding);
  throw new KeywardError('config_invalid', `${where} must hold exactly 32 bytes, written as base64 or hex.`, {
    hint: 'Make a key with: openssl rand -base64 32',
  });
}

/** Identifies a key without revealing it. */
function fingerprint(key: Uint8Array, vaultId: string): string {
  return Buffer.from(derive(key, ['fingerprint', vaultId], 16)).toString('hex');
}
