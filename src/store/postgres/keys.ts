/** The vault's keys in their table: made once, however many processes start, and read again when somebody changed them. */
import { KeywardError } from '../../errors.ts';
import { anotherVault, type KeyAccess, type KeyHeader, newKeyHeader, openKeyHeader } from '../../seal/key-header.ts';
import { type Keyring, keyIdOf } from '../../seal/keyring.ts';
import type { Database } from './database.ts';
import { changeKeys, makeVault, readKeys, replaceEmptyVault } from './upkeep-statements.ts';

type Stored = { readonly header: KeyHeader; readonly generation: number };

/** A change of the keys is seen within this time. */
const freshMs = 1_000;

export type StoredKeys = {
  readonly keyring: () => Keyring;
  readonly header: () => KeyHeader;
  /** Looks again unless somebody looked within the last second. */
  refresh(): Promise<void>;
  /** Looks again when one of these boxes names a data key that nobody here knows. */
  cover(boxes: readonly { readonly sealed: string }[]): Promise<void>;
  /** Replaces the header by what `change` makes of it; runs it again when somebody else was faster. */
  change(change: (header: KeyHeader) => Promise<KeyHeader>): Promise<void>;
};

/** Opens the keys, or makes those of a new vault. Errors as `openStore` says. */
export async function openKeys(database: Database, access: KeyAccess, adopt?: KeyHeader): Promise<StoredKeys> {
  let seen = await read(database);
  if (seen === undefined) {
    const header = adopt ?? (await newKeyHeader(access, null)).header;
    // Whoever comes second finds the vault of the first.
    await database.query(makeVault, [JSON.stringify(header)]);
    seen = await read(database);
  } else if (adopt !== undefined && seen.header.vaultId !== adopt.vaultId) {
    // Keyward may have been started here before, and kept nothing.
    await database.query(replaceEmptyVault, [JSON.stringify(adopt)]);
    seen = await read(database);
  }
  if (seen === undefined) throw withoutKeys();
  if (adopt !== undefined && seen.header.vaultId !== adopt.vaultId) throw anotherVault();
  let current = { ...seen, keyring: await openKeyHeader(seen.header, access), at: performance.now() };

  let looking: Promise<unknown> | undefined;

  async function look(): Promise<Stored> {
    const at = performance.now();
    const found = await read(database);
    if (found === undefined) throw withoutKeys();
    if (found.generation === current.generation) {
      current = { ...current, at };
      return found;
    }
    if (found.header.vaultId !== current.header.vaultId) {
      throw new KeywardError('vault_damaged', 'There is another vault in the database now.', {
        hint: 'Start Keyward again if that was on purpose.',
      });
    }
    current = { ...found, keyring: await openKeyHeader(found.header, access, current.keyring), at };
    return found;
  }

  return {
    keyring: () => current.keyring,
    header: () => current.header,
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
    async change(change) {
      for (let changed = false; !changed; ) {
        const { header, generation } = await look();
        const next = JSON.stringify(await change(header));
        const rows = await database.query(changeKeys, [next, generation]);
        changed = rows.length > 0;
      }
      await look();
    },
  };
}

async function read(database: Database): Promise<Stored | undefined> {
  return (await database.query<Stored>(readKeys))[0];
}

function withoutKeys(): KeywardError {
  return new KeywardError('vault_damaged', 'The database holds records of a vault, but not its keys.', {
    hint: 'Nothing was changed. Restore the table keyward_vault from a backup.',
  });
}
