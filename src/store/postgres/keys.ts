/** The vault's keys in their table: made once, however many processes start, and read again when somebody changed them. */
import { KeywardError } from '../../errors.ts';
import { type FirstKeyHeader, isFirstKeyHeader, isKeyHeader, type KeyHeader } from '../../seal/key-header.ts';
import { type Keyring, keyIdOf } from '../../seal/keyring.ts';
import { anotherVault, type KeyAccess, newKeys, openFirstKeys, openKeys } from '../../seal/keys.ts';
import type { Database } from './database.ts';
import { newLedger, openedLedger } from './ledger.ts';
import { writeLedger } from './proof-statements.ts';
import { proveFirst, proveForNext } from './prove.ts';
import { rowProofs } from './row-mac.ts';
import type { Columns } from './rows.ts';
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
  /** Looks again when one of these records names a data key that nobody here knows. */
  cover(records: readonly Pick<Columns, 'sealed' | 'mac'>[]): Promise<void>;
  /** Looks again; true when the keys are others than those of this generation. */
  changedSince(generation: number): Promise<boolean>;
  /** Replaces the keys by what `change` makes of them; runs it again when somebody else was faster. */
  change(change: (keys: Keyring) => Promise<Keyring> | Keyring): Promise<void>;
};

/** Opens the keys, or makes those of a new vault; `onNone` is called first. Errors as `openStore` says. */
export async function openStoredKeys(
  database: Database,
  access: KeyAccess,
  { adopt, onNone }: { readonly adopt?: KeyHeader | undefined; readonly onNone: () => void },
): Promise<StoredKeys> {
  let seen = await read(database);
  if (seen === undefined) {
    if (adopt === undefined) onNone();
    const keyring = adopt === undefined ? await newKeys(access, null) : await openKeys(adopt, access);
    // Whoever comes second finds the vault of the first.
    await database.query(makeVault, [JSON.stringify(keyring.header), newLedger(keyring)]);
    seen = await read(database);
  } else if (adopt !== undefined && vaultIdOf(seen) !== adopt.vaultId) {
    // Keyward may have been started here before, and kept nothing.
    await database.query(replaceEmptyVault, [JSON.stringify(adopt), newLedger(await openKeys(adopt, access))]);
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
    async cover(records) {
      const isNew = (keyId: string) => !current.keyring.dataKeys.has(keyId);
      const names = ({ sealed, mac }: Pick<Columns, 'sealed' | 'mac'>) =>
        isNew(keyIdOf(sealed)) || (mac !== null && isNew(keyIdOf(mac)));
      if (records.some(names)) await look();
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
        if (await replace(database, { before: keyring, next }, generation)) {
          current = { keyring: next, generation: generation + 1, at: performance.now() };
          return;
        }
      }
    },
  };
}

/** Stores these keys while nobody writes; false when those of this generation are gone. */
function replace(
  database: Database,
  { before, next }: { readonly before: Keyring; readonly next: Keyring },
  generation: number,
): Promise<boolean> {
  return database.transaction(async (query) => {
    await query(holdWriters);
    if ((await query(changeKeys, [JSON.stringify(next.header), generation])).length === 0) return false;
    await proveForNext(query, before, next);
    return true;
  });
}

/**
 * Of several processes one does it, and the others find it done. What vouches for the keys comes together with what
 * vouches for everything else: from then on a record that nothing proves is nobody's.
 */
async function upgrade(database: Database, access: KeyAccess, keys: FirstKeyHeader, generation: number) {
  const keyring = await openFirstKeys(keys, access);
  const ledger = newLedger(keyring);
  const proofs = rowProofs(openedLedger(keyring, ledger).database, () => keyring);
  await database.transaction(async (query) => {
    await query(holdWriters);
    if ((await query(changeKeys, [JSON.stringify(keyring.header), generation])).length === 0) return;
    await query(writeLedger, [ledger]);
    await proveFirst(query, keyring, proofs);
  });
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
