/** Putting the lines of the audit log into a file, out of the database. */
import { randomBytes } from 'node:crypto';
import type { Keyring } from '../../seal/keyring.ts';
import { createArchiveFile } from '../archive-file.ts';
import { type AuditHead, headAfter } from '../audit-head.ts';
import type { FirstLine } from '../audit-store.ts';
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

/** As {@link AuditStore.archiveAudit}; `conflict` also when the keys were changed meanwhile. */
export async function archiveLines(
  { database, ledger, keyring, generation }: Within,
  file: string,
  first: FirstLine,
): Promise<AuditHead> {
  const archive = await createArchiveFile(file, randomBytes(16).toString('hex'));
  try {
    // The log begins where the one before was put aside: the head goes on from there.
    let head = { ...(await ledger.read()).audit.from, number: 0 };
    const take = async (query: Query, last: number) => {
      for (let more = true; more && head.number < last; ) {
        const lines = await query<Line>(readAuditUntil, [head.number, last, page]);
        await archive.add(lines.map(({ line }) => line));
        for (const { number, line } of lines) head = { ...headAfter(head, line), number };
        more = lines.length === page;
      }
    };
    // Most of it while others append: what the vault has sealed is complete up to there.
    await take(database.query, (await ledger.read()).audit.number);
    await ledger.change(async (query) => {
      await query(holdAppenders);
      const last = (await query<{ last: number | null }>(lastAuditNumber))[0]?.last ?? 0;
      await take(query, last);
      const begun = await query(appendAudit, [[first(keyring, head)], generation]);
      if (begun.length === 0) throw changedFirst();
      await archive.finish();
      await query(deleteAuditUntil, [last]);
      const { lines, digest } = head;
      return (before) => ({ ...before, audit: { lines, digest, number: last, from: { lines, digest } } });
    });
    return { lines: head.lines, digest: head.digest };
  } finally {
    await archive.end();
  }
}
