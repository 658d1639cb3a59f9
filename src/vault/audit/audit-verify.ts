/** Verifies the audit log, offline: it needs the vault's key and the log, nothing else. */
import { type AuditHead, headAfter, noLines } from '../../store/audit-head.ts';
import type { Store } from '../../store/store.ts';
import { noPrevious } from './audit-chain.ts';
import { auditEnds, isAuthenticLine, readLine } from './audit-ends.ts';

/** How far long work is: how much is done, and of how much; 0 where nobody knows. */
export type OnStep = (done: number, total: number) => void;

type VerifiedStore = Pick<Store, 'keyring' | 'readAudit' | 'auditHead'>;

type AuditReport = {
  /** Whole lines. */
  readonly lines: number;
  /** Chains: one for each process that wrote. */
  readonly chains: number;
  /** Line numbers of lines that a crash cut short while they were written; their writers got no success. */
  readonly torn: readonly number[];
  readonly ok: boolean;
  /** Line numbers, from 1, and what is wrong there. */
  readonly problems: readonly { readonly line: number; readonly problem: string }[];
  /** So many lines, counted from the first that was ever written, the vault vouches for; it sealed no later head. */
  readonly sealedLines: number;
  /** Of the log as it is now: kept elsewhere, it shows later whether the log still holds all that it holds now. */
  readonly head: AuditHead;
};

/**
 * Checks every line, every chain, and the log as a whole against the head that the vault sealed last. Finds lines that
 * were edited, removed, moved, repeated or made up; up to that head also the removal of last lines, of a chain and of the
 * log, and another order. Under a retired key there may be what there was when it was retired, or nothing.
 *
 * @param since a head of this log from earlier: it must still hold what it held then
 * @param onStep is told how many lines were read, and how many there were at least when the vault last counted them
 */
export async function verifyAudit(
  store: VerifiedStore,
  since?: AuditHead,
  onStep: OnStep = () => {},
): Promise<AuditReport> {
  const heads = new Map<string, { readonly seq: number; readonly mac: string }>();
  const problems: { line: number; problem: string }[] = [];
  const torn: number[] = [];
  const ends = auditEnds();
  let line = 0;
  const sealed = await store.auditHead();
  // A log that was moved away goes on in a new file. Both put together again are one log.
  const marks = [sealed, sealed.from, ...(since === undefined ? [] : [since])];
  const [whole, later] = [runOf(noLines, marks), runOf(sealed.from, marks)];
  for await (const text of store.readAudit()) {
    line += 1;
    onStep(line, Math.max(line, sealed.lines));
    whole.add(text);
    later.add(text);
    const entry = readLine(text);
    if (entry === undefined) {
      torn.push(line);
      continue;
    }
    if (!isAuthenticLine(store.keyring, entry)) {
      problems.push({ line, problem: 'The line was altered, or was not written with the key of this vault.' });
      continue;
    }
    const lines = ends.add(entry);
    const end = store.keyring.retired.get(entry.key)?.end;
    if (end !== undefined && lines > end.lines) {
      problems.push({ line, problem: 'The line was written under a key that was retired before.' });
    } else if (lines === end?.lines && ends.of(entry.key).digest !== end.digest) {
      problems.push({ line, problem: 'The lines up to here are not those of when their key was retired.' });
    }
    const before = heads.get(entry.chain) ?? { seq: 0, mac: noPrevious };
    if (entry.seq !== before.seq + 1) {
      problems.push({ line, problem: `Entry ${entry.seq} of chain ${entry.chain} follows entry ${before.seq}.` });
    } else if (entry.prev !== before.mac) {
      problems.push({ line, problem: `Entry ${entry.seq} of chain ${entry.chain} does not continue the one before.` });
    }
    heads.set(entry.chain, { seq: entry.seq, mac: entry.mac });
  }
  for (const [keyId, { end }] of store.keyring.retired) {
    const { lines } = ends.of(keyId);
    if (lines > 0 && lines < end.lines) {
      problems.push({ line, problem: `Of ${end.lines} lines under the retired key ${keyId} there are only ${lines}.` });
    }
  }
  const run = whole.passed(sealed.from) ? whole : later;
  if (run === later) {
    const problem = `The log begins after line ${sealed.from.lines}: what came before was moved away or removed.`;
    problems.push({ line: 1, problem });
  }
  for (const mark of since === undefined ? [sealed] : [sealed, since]) {
    const words = mark === sealed ? 'the vault sealed' : 'there were';
    const gone = mark.lines - run.head().lines;
    if (gone > 0) problems.push({ line, problem: `Of the ${mark.lines} lines that ${words}, ${gone} are gone.` });
    else if (!run.passed(mark))
      problems.push({ line, problem: `The first ${mark.lines} lines are not those that ${words}.` });
  }
  return {
    ...{ lines: line - torn.length, chains: heads.size, torn, ok: problems.length === 0, problems },
    ...{ sealedLines: sealed.lines, head: run.head() },
  };
}

/** Heads line by line from this one on; it tells afterwards which of the marks were among them. */
function runOf(start: AuditHead, marks: readonly AuditHead[]) {
  const passed = new Set<AuditHead>();
  let head = start;
  const note = () => {
    for (const mark of marks) if (mark.lines === head.lines && mark.digest === head.digest) passed.add(mark);
  };
  note();
  return {
    head: () => head,
    add(line: string): void {
      head = headAfter(head, line);
      note();
    },
    passed: (mark: AuditHead) => passed.has(mark),
  };
}
