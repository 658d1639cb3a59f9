/** The head of the audit log, sealed into the ledger a few seconds after lines were appended, and at close. */
import { type AuditHead, headAfter } from '../audit/audit-head.ts';
import type { Database } from './database.ts';
import { holdAppenders, lastAuditNumber, readAuditUntil } from './proof-statements.ts';
import type { StoredLedger } from './stored-ledger.ts';

const intervalMs = 5_000;
const page = 1_000;
/** A long log that has no head yet gets there step by step. */
const mostPages = 50;

type HeadSealer = {
  /** Lines were appended: their head is sealed soon. */
  note(): void;
  /** Seals it now, if lines were appended since. */
  flush(): Promise<void>;
};

export function headSealer(database: Database, ledger: StoredLedger): HeadSealer {
  let timer: NodeJS.Timeout | undefined;
  let ahead = false;

  async function seal(): Promise<void> {
    // Whoever began to append earlier is done, and whoever begins later gets higher numbers: up to here nothing changes.
    const last = await database.transaction(async (query) => {
      await query(holdAppenders);
      return (await query<{ last: number | null }>(lastAuditNumber))[0]?.last ?? 0;
    });
    const { audit } = await ledger.read();
    let head: AuditHead & { readonly number: number } = audit;
    for (let count = 0; count < mostPages && head.number < last; count += 1) {
      const lines = await database.query<{ number: number; line: string }>(readAuditUntil, [head.number, last, page]);
      for (const { number, line } of lines) head = { ...headAfter(head, line), number };
      if (lines.length < page) break;
    }
    if (head.number === audit.number) return;
    const { lines, digest, number } = head;
    await ledger.change(async () => (before) => {
      // Another process was faster.
      if (before.audit.number !== audit.number) return before;
      return { ...before, audit: { ...before.audit, lines, digest, number } };
    });
  }

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (!ahead) return;
    ahead = false;
    // A failure leaves it to the next time: the lines themselves are kept.
    await seal().catch(() => {
      ahead = true;
    });
  }

  return {
    flush,
    note() {
      ahead = true;
      timer ??= setTimeout(flush, intervalMs).unref();
    },
  };
}
