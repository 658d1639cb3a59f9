/** Proving anew what is proved under another key, and for the first time what is from before records had a MAC. */
import { type Keyring, keyIdBytes } from '../../seal/keyring.ts';
import { belongs } from '../../seal/seal.ts';
import type { Query } from './database.ts';
import { openedLedger, sealedLedger } from './ledger.ts';
import { lockLedger, prove, provedOtherwise, writeLedger } from './proof-statements.ts';
import { type RowProofs, rowProofs } from './row-mac.ts';
import type { Columns } from './rows.ts';

const page = 500;

/**
 * Proves everything under the keys that come, before the ones that they leave out open nothing any more. A rotation has
 * done nearly all of that before; a vault that is moved brings later keys at once.
 */
export async function proveForNext(query: Query, before: Keyring, next: Keyring): Promise<void> {
  if ([...before.dataKeys.keys()].every((keyId) => next.dataKeys.has(keyId))) return;
  const both = { ...next, dataKeys: new Map([...before.dataKeys, ...next.dataKeys]) };
  const [row] = await query<{ ledger: string }>(lockLedger);
  const ledger = openedLedger(both, row?.ledger ?? '');
  await query(writeLedger, [sealedLedger(both, { ...ledger, generation: ledger.generation + 1 })]);
  const proofs = rowProofs(ledger.database, () => both);
  await proveAnew(query, both, proofs);
}

/**
 * Proves under the current key what another key proves; answers how many records that were. A record that nothing proves
 * stays as it is, and nobody believes it.
 */
export function proveAnew(query: Query, keyring: Keyring, proofs: RowProofs): Promise<number> {
  return proveAll(query, keyring, proofs, proofs.isGenuine);
}

/**
 * Proves the records of a database from before they had a MAC. They are taken as they are; but one whose box is not of
 * this very record was not made by Keyward.
 */
export function proveFirst(query: Query, keyring: Keyring, proofs: RowProofs): Promise<number> {
  const isOurs = ({ kind, tenant, owner, id, secret_version: version, sealed, mac }: Columns) =>
    mac === null && belongs(keyring, { purpose: kind, tenant, owner, recordId: id, version }, sealed);
  return proveAll(query, keyring, proofs, isOurs);
}

async function proveAll(
  query: Query,
  { currentKeyId }: Keyring,
  proofs: RowProofs,
  isOurs: (columns: Columns) => boolean,
): Promise<number> {
  // Base64 of the first nine bytes is whole letters; eight are the key's id.
  const beginning = Buffer.from(currentKeyId, 'hex')
    .toString('base64')
    .slice(0, Math.floor((keyIdBytes * 8) / 6));
  let count = 0;
  for (let last = { kind: '', id: '' }; ; ) {
    const found = await query<Columns>(provedOtherwise, [last.kind, last.id, beginning, page]);
    const ours = found.filter(isOurs);
    if (ours.length > 0) {
      await query(prove, [
        ours.map(({ tenant }) => tenant),
        ours.map(({ owner }) => owner),
        ours.map(({ kind }) => kind),
        ours.map(({ id }) => id),
        ours.map(({ version }) => version),
        ours.map(({ mac }) => mac),
        ours.map((columns) => proofs.make(columns)),
      ]);
    }
    count += ours.length;
    last = found.at(-1) ?? last;
    if (found.length < page) return count;
  }
}
