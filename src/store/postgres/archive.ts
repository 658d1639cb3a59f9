/** Putting the lines of the audit log into a file, out of the database. */
import { randomBytes } from 'node:crypto';
import { KeywardError } from '../../errors.ts';
import type { Keyring } from '../../seal/keyring.ts';
import { createArchiveFile } from '../audit/archive-file.ts';
import { type AuditHead, headAfter } from '../audit/audit-head.ts';
import type { FirstLine } from '../audit/audit-store.ts';
import type { Database, Query } from './database.ts';
import { changedFirst } from './failures.ts';
import { deleteAuditUntil, holdAppenders, lastAuditNumber, readAuditUntil } from './proof-statements.ts';
import type { StoredLedger } from './stored-ledger.ts';
import { appendAudit } from './upkeep-statements.ts';

type Within = {
  readonly database: Database;
  readonly ledger: StoredLedger;
  readonly keyring: Keyring;
  readonly generation: number;
};

type Line = { readonly number: number; readonly line: string };

const page = 1_000;
/** So many rows go in one statement, which has its time. */
const deletedAtOnce = 10_000;

/**
 * As {@link AuditStore.archiveAudit}; `conflict` also when the keys were changed meanwhile, or somebody else put lines aside.
 * Rows that were put aside count for nothing from the moment that the ledger says so; they are deleted afterwards, and those
 * that a kill left by the next time.
 */
export async function archiveLines(
  { database, ledger, keyring, generation }: Within,
  file: string,
  first: FirstLine,
): Promise<AuditHead> {
  const archive = await createArchiveFile(file, randomBytes(16).toString('hex'));
  try {
    const { audit: begun } = await ledger.read();
    const { archived: before = 0 } = begun;
    let head = { ...begun.from, number: before };
    const take = async (query: Query, last: number) => {
      for (let more = true; more && head.number < last; ) {
        const lines = await query<Line>(readAuditUntil, [head.number, last, page]);
        await archive.add(lines.map(({ line }) => line));
        for (const { number, line } of lines) head = { ...headAfter(head, line), number };
        more = lines.length === page;
      }
    };
    // Most of it while others append: what the vault has sealed is complete up to there.
    await take(database.query, begun.number);
    let last = 0;
    await ledger.change(async (query) => {
      await query(holdAppenders);
      if (((await ledger.read()).audit.archived ?? 0) !== before) throw anotherArchive();
      last = (await query<{ last: number | null }>(lastAuditNumber))[0]?.last ?? 0;
      await take(query, last);
      if ((await query(appendAudit, [[first(keyring, head)], generation])).length === 0) throw changedFirst();
      await archive.finish();
      const { lines, digest } = head;
      return (ledger) => ({
        ...ledger,
        audit: { lines, digest, number: last, from: { lines, digest }, archived: last },
      });
    });
    await deleteUntil(database.query, last);
    return { lines: head.lines, digest: head.digest };
  } finally {
    await archive.end();
  }
}

async function deleteUntil(query: Query, last: number): Promise<void> {
  for (let gone = deletedAtOnce; gone === deletedAtOnce; ) {
    gone = (await query(deleteAuditUntil, [last, deletedAtOnce])).length;
  }
}

function anotherArchive(): KeywardError {
  return new KeywardError('conflict', 'Somebody else put the audit log aside at this moment.', {
    hint: 'Nothing was done. Run it once more if it is still needed.',
  });
}
