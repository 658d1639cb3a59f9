/**
 * What the vault as a whole vouches for, in one sealed value beside its keys: which sign-ins were ended, and how far the
 * audit log went. A record that was taken away proves nothing; that is why an end is written down here, too: a session
 * that somebody puts back into its table, from an old dump, is still ended.
 *
 * The ledger itself counts its changes: `stored-ledger.ts`.
 */
import { randomUUID } from 'node:crypto';
import type { Keyring } from '../../seal/keyring.ts';
import { deriveKey, envelope, openEnvelope } from '../../seal/seal.ts';
import { noLines, type SealedHead } from '../audit/audit-head.ts';
import type { Kind } from '../store.ts';

export type Ledger = {
  /** What this database is called, by chance: records are proved for it, and are good in no other one. */
  readonly database: string;
  /** Grows by one with every change. */
  readonly generation: number;
  /** What lets nobody in any more, though a record says so, until the record would have ended by itself; null is never. */
  readonly ended: readonly { readonly id: string; readonly until: number | null }[];
  /**
   * The head of the audit log, and the number of the last line that it covers. `archived` is that of the last line that was
   * put aside; absent before one was.
   */
  readonly audit: SealedHead & { readonly number: number; readonly archived?: number };
};

/** Whoever has such a record is let in by it: taking it away is an end. */
export const admitting: readonly Kind[] = ['session', 'visit', 'passkey', 'assistant'];

/** More are forgotten, those first that would end by themselves first. */
const mostEnded = 10_000;

/** The ledger of a new database, sealed. */
export function newLedger(keyring: Keyring): string {
  const audit = { ...noLines, from: noLines, number: 0 };
  return sealedLedger(keyring, { database: randomUUID(), generation: 1, ended: [], audit });
}

/** `vault_damaged` for what nobody with the key sealed. */
export function openedLedger(keyring: Keyring, text: string): Ledger {
  const plaintext = openEnvelope(text, (keyId) => deriveKey(keyring, 'ledger', keyId));
  return JSON.parse(Buffer.from(plaintext).toString('utf8')) as Ledger;
}

export function sealedLedger(keyring: Keyring, ledger: Ledger): string {
  const { currentKeyId } = keyring;
  return envelope(currentKeyId, deriveKey(keyring, 'ledger', currentKeyId), Buffer.from(JSON.stringify(ledger)));
}

/** With these ends, and without those that are over. */
export function withEnded(ledger: Ledger, more: Ledger['ended'], now = Date.now()): Ledger {
  const endOf = ({ until }: Ledger['ended'][number]) => until ?? Number.POSITIVE_INFINITY;
  const known = new Map([...ledger.ended, ...more].filter((one) => endOf(one) > now).map((one) => [one.id, one]));
  const ended = [...known.values()].sort((a, b) => (endOf(a) > endOf(b) ? -1 : 1)).slice(0, mostEnded);
  return { ...ledger, ended };
}
