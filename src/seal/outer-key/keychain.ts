/**
 * The keychain of the operating system, through the optional package @napi-rs/keyring. It is only loaded when a vault
 * uses it.
 */
import { Buffer } from 'node:buffer';
import type { AsyncEntry } from '@napi-rs/keyring';
import { loadNative } from '../native.ts';

/** What Keyward needs of a keychain. Both fail, or never answer, when the person or the system says no. */
export type Keychain = {
  /** The stored value; null when there is none, or when access was denied. */
  get(name: string): Promise<Uint8Array | null>;
  set(name: string, value: Uint8Array): Promise<void>;
};

const service = 'keyward';

/** The keychain of this system. Loading fails where the package has no build. */
export function osKeychain(): Keychain {
  return {
    async get(name) {
      const secret = await entry(name).getSecret();
      return secret === null ? null : Buffer.from(secret);
    },
    async set(name, value) {
      await entry(name).setSecret(value);
    },
  };
}

/** Longer than a keychain takes that asks nobody. */
const answersWithinMs = 5_000;

/** Whether this system has a keychain that answers; it is asked for an entry that nobody makes. */
export async function keychainAnswers(): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, answersWithinMs, false);
  });
  const answer = Promise.resolve()
    .then(() => osKeychain().get('does it answer'))
    .then(
      () => true,
      () => false,
    );
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

let loaded: typeof AsyncEntry | undefined;

function entry(name: string): AsyncEntry {
  loaded ??= (loadNative(builds()) as { AsyncEntry: typeof AsyncEntry }).AsyncEntry;
  // Without this, a Linux without a secret service falls back to the kernel's keyring, which a reboot empties.
  return new loaded(service, name, { linux: { store: 'secret-service' } });
}

/** One package for each system; npm installs the one that this system has the C library for. */
function builds() {
  const system = `${process.platform}-${process.arch}`;
  return ['', '-gnu', '-musl', '-gnueabihf', '-msvc'].map((abi) => ({
    name: `@napi-rs/keyring-${system}${abi}`,
    file: `keyring.${system}${abi}.node`,
  }));
}
