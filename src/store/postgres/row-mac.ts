/**
 * What proves that a record in the database is Keyward's: a MAC (HMAC-SHA256 under a key derived from a data key) over
 * the names and values of all its columns. Whoever writes to the database and has no key can neither make a record nor
 * change one, nor bring one here from another database of the vault. It can take records away, and put back one that
 * once was here; `ledger.ts` and `reading.ts` say where that is noticed.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { KeywardError } from '../../errors.ts';
import { type Keyring, keyIdOf } from '../../seal/keyring.ts';
import { deriveKey } from '../../seal/seal.ts';
import { type Columns, columnNames } from './rows.ts';

/**
 * Not covered: a note of the last use, which changes often and grants nothing; and the box, which a rotation seals anew
 * and which proves itself: it opens only under a key of this record and the secret version, and those are covered.
 */
const uncovered: readonly string[] = ['last_used_at', 'sealed', 'mac'];
const covered = columnNames.filter((name) => !uncovered.includes(name)).sort();

export type RowProofs = {
  /** The MAC under the current data key, as its column holds it: base64 of `key id (8 bytes) || MAC`. */
  make(columns: Omit<Columns, 'mac'>): string;
  isGenuine(columns: Columns): boolean;
  /** `vault_damaged` unless these columns are what somebody with the vault's key wrote here. */
  check(columns: Columns): void;
};

/** @param database what this database is called, and no other */
export function rowProofs(database: string, keyring: () => Keyring): RowProofs {
  function macUnder(keyId: string, columns: Omit<Columns, 'mac'>): string {
    // A list of names and values in JSON: no two records have the same text.
    const text = JSON.stringify([database, ...covered.map((name) => [name, columns[name as keyof typeof columns]])]);
    const mac = createHmac('sha256', deriveKey(keyring(), 'record', keyId))
      .update(text)
      .digest();
    return Buffer.concat([Buffer.from(keyId, 'hex'), mac]).toString('base64');
  }

  function isGenuine(columns: Columns): boolean {
    if (columns.mac === null) return false;
    const keyId = keyIdOf(columns.mac);
    if (!keyring().dataKeys.has(keyId)) return false;
    const [given, due] = [Buffer.from(columns.mac), Buffer.from(macUnder(keyId, columns))];
    return given.length === due.length && timingSafeEqual(given, due);
  }

  return {
    make: (columns) => macUnder(keyring().currentKeyId, columns),
    isGenuine,
    check(columns) {
      if (!isGenuine(columns)) throw forged(columns);
    },
  };
}

/** What is told to whoever asked for such a record. Whoever runs Keyward finds it by kind and id. */
export function forged({ kind, id }: Pick<Columns, 'kind' | 'id'>): KeywardError {
  return new KeywardError('vault_damaged', `The ${kind} ${id} in the database was not written by Keyward.`, {
    hint: 'Somebody changed the tables. Find out who may write to them, then restore the record from a backup.',
  });
}

/** A record that is Keyward's, but not the one of now. */
export function setBack({ kind, id }: Pick<Columns, 'kind' | 'id'>): KeywardError {
  return new KeywardError(
    'vault_damaged',
    `The ${kind} ${id} was set back to an older version while Keyward was running.`,
    {
      hint: 'Find out who may write to the tables. If you restored the database, start Keyward again.',
    },
  );
}
