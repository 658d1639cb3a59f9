/**
 * Where the outer key comes from: what the configuration gives; else the keychain of the operating system; else a key
 * file in the config folder. The vault records which one it was, so that a missing key is an error and never a reason
 * to make a new one.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { KeywardError } from '../errors.ts';
import { keyBytes } from './box.ts';
import { derive } from './derive.ts';
import { makeKeyFile, readKeyFile } from './key-file.ts';
import type { Keychain } from './keychain.ts';
import { newStretching, type Stretching, stretch } from './passphrase.ts';
import { fileMode, tighten } from './private-files.ts';

/** What the configuration says about key material. */
export type KeySettings = {
  /** `KEYWARD_KEY`: 32 bytes as base64 or hex. */
  readonly key?: string;
  /** `KEYWARD_KEY_FILE`: path of a file that holds the same. */
  readonly keyFile?: string;
  /** `KEYWARD_PASSPHRASE`. */
  readonly passphrase?: string;
  /** Where a key is kept when nothing is configured and no keychain works: in the config folder, never beside the vault. */
  readonly fallbackKeyFile: string;
  /** Whether the keychain of the operating system may be used. */
  readonly keychain: boolean;
};

/** The source as the vault's header records it. `key` is `KEYWARD_KEY` or `KEYWARD_KEY_FILE`: the same bytes either way. */
export type KeySource =
  | { readonly source: 'key' | 'keychain' | 'file' }
  | ({ readonly source: 'passphrase' } & Stretching);

/** The source, and a fingerprint that tells a wrong key from a damaged vault. */
export type OuterKeyRecord = KeySource & { readonly fingerprint: string };

/** Everything that key sources need to know. */
export type KeyPlace = { readonly settings: KeySettings; readonly keychain: Keychain | null; readonly vaultId: string };

type FoundKey = { readonly key: Uint8Array; readonly source: KeySource };

/**
 * The outer key for a new vault in this folder (null for one that is in no folder): the configured one; else one that is
 * made here and kept elsewhere.
 */
export async function chooseOuterKey(
  place: KeyPlace,
  vaultFolder: string | null,
): Promise<{ key: Uint8Array; record: OuterKeyRecord }> {
  const { key, source } =
    (await configuredKey(place.settings)) ?? (await keychainKey(place)) ?? (await fileKey(place, vaultFolder));
  return { key, record: { ...source, fingerprint: fingerprint(key, place.vaultId) } };
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

/** Where the outer key of a vault comes from, in words. */
export function sourceInWords({ source }: OuterKeyRecord, settings: KeySettings): string {
  return words[source](settings);
}

const words: Record<KeySource['source'], (settings: KeySettings) => string> = {
  key: () => 'KEYWARD_KEY or KEYWARD_KEY_FILE',
  passphrase: () => 'KEYWARD_PASSPHRASE',
  keychain: () => "an entry in this computer's keychain",
  file: (settings) => `the key file ${settings.fallbackKeyFile}`,
};

async function recordedKey({ settings, keychain, vaultId }: KeyPlace, record: OuterKeyRecord): Promise<Uint8Array> {
  checkOneSource(settings);
  if (record.source === 'passphrase') {
    if (settings.passphrase === undefined) throw missing(record.source, settings, 'Set KEYWARD_PASSPHRASE.');
    return stretch(settings.passphrase, record);
  }
  if (settings.passphrase !== undefined) {
    throw new KeywardError('key_wrong', 'KEYWARD_PASSPHRASE is set, but this vault has no passphrase.', {
      hint: `It opens with ${words[record.source](settings)}. Unset KEYWARD_PASSPHRASE.`,
    });
  }
  // A configured key is used even when the vault was made with a generated one: that is how a vault moves house.
  const configured = await configuredKey(settings);
  if (configured !== undefined) return configured.key;
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

function checkOneSource({ key, keyFile, passphrase }: KeySettings): void {
  if ([key, keyFile, passphrase].filter((value) => value !== undefined).length > 1) {
    throw new KeywardError(
      'config_invalid',
      'KEYWARD_KEY, KEYWARD_KEY_FILE and KEYWARD_PASSPHRASE exclude each other.',
      {
        hint: 'Set only one of them.',
      },
    );
  }
}

async function configuredKey(settings: KeySettings): Promise<FoundKey | undefined> {
  checkOneSource(settings);
  if (settings.key !== undefined) return { key: parseKey(settings.key, 'KEYWARD_KEY'), source: { source: 'key' } };
  if (settings.keyFile !== undefined) {
    const text = await readKeyFile(settings.keyFile);
    if (text === undefined) {
      throw new KeywardError(
        'key_missing',
        `The file that KEYWARD_KEY_FILE names, ${settings.keyFile}, does not exist.`,
        {
          hint: 'Correct the path, or put the file there.',
        },
      );
    }
    return { key: parseKey(text, settings.keyFile), source: { source: 'key' } };
  }
  if (settings.passphrase !== undefined) {
    const stretching = newStretching(settings.passphrase);
    return { key: await stretch(settings.passphrase, stretching), source: { source: 'passphrase', ...stretching } };
  }
  return undefined;
}

/** A new key in the keychain, read back; undefined where no keychain answers or keeps it. */
async function keychainKey({ keychain, vaultId }: KeyPlace): Promise<FoundKey | undefined> {
  if (keychain === null) return undefined;
  const key = randomBytes(keyBytes);
  const kept = await answered(keychain.set(vaultId, key).then(() => keychain.get(vaultId)));
  return kept !== null && key.equals(kept) ? { key, source: { source: 'keychain' } } : undefined;
}

async function fileKey({ settings }: KeyPlace, vaultFolder: string | null): Promise<FoundKey> {
  if (vaultFolder !== null && path.resolve(path.dirname(settings.fallbackKeyFile)) === path.resolve(vaultFolder)) {
    throw new KeywardError('config_invalid', 'The key file would lie beside the vault, where a thief finds both.', {
      hint: 'Put the vault into another folder with KEYWARD_STORE, or set KEYWARD_KEY or KEYWARD_PASSPHRASE.',
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
