/** The vault's keys in their table: made once, however many processes start, and read again when somebody changed them. */
import { KeywardError } from '../../errors.ts';
import { type FirstKeyHeader, isFirstKeyHeader, isKeyHeader, type KeyHeader } from '../../seal/key-header.ts';
import { type Keyring, keyIdOf } from '../../seal/keyring.ts';
import { anotherVault, type KeyAccess, newKeys, openFirstKeys, openKeys } from '../../seal/keys.ts';
import type { Database } from './database.ts';
import { changeKeys, holdWriters, makeVault, readKeys, replaceEmptyVault } from './upkeep-statements.ts';

type Stored = { readonly keys: unknown; readonly generation: number };

/** `generation` counts the changes of the row. Statements name it, so that none writes under keys that were changed. */
export type CurrentKeys = { readonly keyring: Keyring; readonly generation: number };

/** A change of the keys is seen within this time. */
const freshMs = 1_000;

export type StoredKeys = {
  readonly current: () => CurrentKeys;
  /** Looks again unless somebody looked within the last second. */
  refresh(): Promise<void>;
  /** Looks again when one of these boxes names a data key that nobody here knows. */
  cover(boxes: readonly { readonly sealed: string }[]): Promise<void>;
  /** Looks again; true when the keys are others than those of this generation. */
  changedSince(generation: number): Promise<boolean>;
  /** Replaces the keys by what `change` makes of them; runs it again when somebody else was faster. */
  change(change: (keys: Keyring) => Promise<Keyring> | Keyring): Promise<void>;
};

/** Opens the keys, or makes those of a new vault. Errors as `openStore` says. */
export async function openStoredKeys(database: Database, access: KeyAccess, adopt?: KeyHeader): Promise<StoredKeys> {
  let seen = await read(database);
  if (seen === undefined) {
    const keys = adopt ?? (await newKeys(access, null)).header;
    // Whoever comes second finds the vault of the first.
    await database.query(makeVault, [JSON.stringify(keys)]);
    seen = await read(database);
  } else if (adopt !== undefined && vaultIdOf(seen) !== adopt.vaultId) {
    // Keyward may have been started here before, and kept nothing.
    await database.query(replaceEmptyVault, [JSON.stringify(adopt)]);
    seen = await read(database);
  }
  while (seen !== undefined && isFirstKeyHeader(seen.keys)) {
    seen = await upgrade(database, access, seen.keys, seen.generation);
  }
  if (seen === undefined) throw withoutKeys();
  if (adopt !== undefined && vaultIdOf(seen) !== adopt.vaultId) throw anotherVault();
  let current = { generation: seen.generation, keyring: await openKeys(headerOf(seen), access), at: performance.now() };

  let looking: Promise<unknown> | undefined;

  async function look(): Promise<void> {
    const at = performance.now();
    const found = await read(database);
    if (found === undefined) throw withoutKeys();
    if (found.generation === current.generation) {
      current = { ...current, at };
      return;
    }
    if (vaultIdOf(found) !== current.keyring.vaultId) {
      throw new KeywardError('vault_damaged', 'There is another vault in the database now.', {
        hint: 'Start Keyward again if that was on purpose.',
      });
    }
    current = { generation: found.generation, keyring: await openKeys(headerOf(found), access, current.keyring), at };
  }

  return {
    current: () => current,
    async refresh() {
      if (performance.now() - current.at <= freshMs) return;
      looking ??= look().finally(() => {
        looking = undefined;
      });
      await looking;
    },
    async cover(boxes) {
      if (boxes.some(({ sealed }) => !current.keyring.dataKeys.has(keyIdOf(sealed)))) await look();
    },
    async changedSince(generation) {
      await look();
      return current.generation !== generation;
    },
    async change(change) {
      for (;;) {
        await look();
        const { keyring, generation } = current;
        const next = await change(keyring);
        if (next === keyring) return;
        if (await replace(database, next.header, generation)) {
          current = { keyring: next, generation: generation + 1, at: performance.now() };
          return;
        }
      }
    },
  };
}

/** Stores these keys while nobody writes; false when those of this generation are gone. */
function replace(database: Database, keys: KeyHeader, generation: number): Promise<boolean> {
  return database.transaction(async (query) => {
    await query(holdWriters);
    return (await query(changeKeys, [JSON.stringify(keys), generation])).length > 0;
  });
}

/** Of several processes one does it, and the others find it done. */
async function upgrade(database: Database, access: KeyAccess, keys: FirstKeyHeader, generation: number) {
  await replace(database, (await openFirstKeys(keys, access)).header, generation);
  return read(database);
}

function headerOf({ keys }: Stored): KeyHeader {
  if (isKeyHeader(keys)) return keys;
  throw new KeywardError('vault_damaged', "The vault's keys in the database are not what Keyward wrote.", {
    hint: 'Nothing was changed. Restore the table keyward_vault from a backup.',
  });
}

function vaultIdOf({ keys }: Stored): unknown {
  return (Object(keys) as Partial<KeyHeader>).vaultId;
}

async function read(database: Database): Promise<Stored | undefined> {
  return (await database.query<Stored>(readKeys))[0];
}

function withoutKeys(): KeywardError {
  return new KeywardError('vault_damaged', 'The database holds records of a vault, but not its keys.', {
    hint: 'Nothing was changed. Restore the table keyward_vault from a backup.',
  });
}
