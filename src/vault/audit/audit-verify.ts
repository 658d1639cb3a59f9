/** Verifies the audit log, offline: it needs the vault's key and the log, nothing else. */
import type { Keyring } from '../../seal/keyring.ts';
import { type AuditHead, headAfter, noLines } from '../../store/audit/audit-head.ts';
import type { Store } from '../../store/store.ts';
import type { Archive } from './archives.ts';
import { archivedIn, noPrevious } from './audit-chain.ts';
import { type AuditLine, auditEnds, isAuthenticLine, readLine } from './audit-ends.ts';

/** How far long work is: how much is done, and of how much; 0 where nobody knows. */
export type OnStep = (done: number, total: number) => void;

type VerifiedStore = Pick<Store, 'keyring' | 'readAudit' | 'auditHead'>;

/** What is wrong, and at which line, from 1, of the log or of the archive that is named. */
export type Problem = { readonly line: number; readonly problem: string; readonly archive?: string };

type AuditReport = {
  /** Whole lines, those of the archives among them. */
  readonly lines: number;
  /** Chains: one for each process that wrote. */
  readonly chains: number;
  /** Line numbers of lines that a crash cut short while they were written; their writers got no success. */
  readonly torn: readonly number[];
  readonly ok: boolean;
  readonly problems: readonly Problem[];
  /** So many lines, counted from the first that was ever written, the vault vouches for; it sealed no later head. */
  readonly sealedLines: number;
  /** Of the log as it is now: kept elsewhere, it shows later whether the log still holds all that it holds now. */
  readonly head: AuditHead;
  /** What was put aside before this log begins, and is not among the archives. */
  readonly archived: AuditHead;
};

type Checks = {
  /** A head of this log from earlier: it must still hold what it held then. */
  readonly since?: AuditHead | undefined;
  /** What was put aside of this log, oldest first and up to the last. */
  readonly archives?: readonly Archive[];
  /** Is told how many lines were read, and how many there were at least when the vault last counted them. */
  readonly onStep?: OnStep;
};

/**
 * Checks every line, every chain, and the log as a whole against the head that the vault sealed last. Finds lines that
 * were edited, removed, moved, repeated or made up; up to that head also the removal of last lines, of a chain and of the
 * log, and another order. Under a retired key there may be what there was when it was retired, or nothing. What was put
 * aside is proved by the first line of what follows it.
 */
export async function verifyAudit(
  store: VerifiedStore,
  { since, archives = [], onStep = () => {} }: Checks = {},
): Promise<AuditReport> {
  const { keyring } = store;
  const sealed = await store.auditHead();
  // A log that was moved away goes on in a new file. Both put together again are one log.
  const marks = [sealed, sealed.from, ...(since === undefined ? [] : [since])];
  const problems: Problem[] = [];
  const torn: number[] = [];
  const heads: ChainHeads = new Map();
  const seen = { lines: 0 };
  const step = () => {
    seen.lines += 1;
    onStep(seen.lines, Math.max(seen.lines, sealed.lines));
  };
  const put = await checkArchives(keyring, { archives, marks, heads, step, problems });
  const before = seen.lines;

  const ends = endChecks(keyring);
  let begins: AuditHead | undefined;
  let line = 0;
  const [whole, later] = [runOf(noLines, marks), runOf(sealed.from, marks)];
  let anew: typeof whole | undefined;
  for await (const text of store.readAudit()) {
    line += 1;
    step();
    const entry = readLine(text);
    if (line === 1 && entry !== undefined) begins = beginningOf(keyring, entry, text);
    // It was put aside and not sealed since: what the vault sealed last is all that was put aside.
    if (line === 1 && begins !== undefined && isSame(begins, sealed)) anew = runOf(sealed, marks);
    for (const run of [whole, later, anew]) run?.add(text);
    if (entry === undefined) {
      torn.push(line);
      continue;
    }
    const problem = problemOf(keyring, heads, entry, begins !== undefined);
    if (problem !== null) problems.push({ line, problem });
    if (problem === notAuthentic) continue;
    const late = ends.add(entry);
    if (late !== null) problems.push({ line, problem: late });
  }
  for (const problem of ends.missing()) problems.push({ line, problem });
  if (put !== undefined && !isSame(put.head, begins ?? noLines)) {
    problems.push({ line: 1, problem: 'The log does not go on where the last of these archives ends.' });
  }
  const run = anew ?? (whole.passed(sealed.from) ? whole : later);
  if (run === later && !isSame(begins, sealed.from)) {
    const problem = `The log begins after line ${sealed.from.lines}: what came before was moved away or removed.`;
    problems.push({ line: 1, problem });
  }
  for (const mark of since === undefined ? [sealed] : [sealed, since]) {
    const words = mark === sealed ? 'the vault sealed' : 'there were';
    const gone = mark.lines - run.head().lines;
    if (gone > 0) problems.push({ line, problem: `Of the ${mark.lines} lines that ${words}, ${gone} are gone.` });
    else if (run !== whole && mark.lines < (begins ?? noLines).lines && put === undefined)
      problems.push({ line: 1, problem: `The first ${mark.lines} lines are in archives: name them to compare.` });
    else if (!run.passed(mark) && !put?.passed(mark))
      problems.push({ line, problem: `The first ${mark.lines} lines are not those that ${words}.` });
  }
  return {
    ...{ lines: before + line - torn.length, chains: heads.size, torn, ok: problems.length === 0, problems },
    ...{ sealedLines: sealed.lines, head: run.head(), archived: put?.begins ?? begins ?? noLines },
  };
}

/**
 * Looks, in the log or in one archive, whether there is under each retired key what there was when it was retired: that was
 * counted from where the log began then.
 */
function endChecks(keyring: Keyring) {
  const ends = auditEnds();
  return {
    /** What is wrong with one more line; null for nothing. */
    add(entry: AuditLine): string | null {
      const lines = ends.add(entry);
      const end = keyring.retired.get(entry.key)?.end;
      if (end !== undefined && lines > end.lines) return 'The line was written under a key that was retired before.';
      const isLast = lines === end?.lines;
      return isLast && ends.of(entry.key).digest !== end?.digest
        ? 'The lines up to here are not those of when their key was retired.'
        : null;
    },
    /** Which keys have fewer lines than they had. */
    missing: () =>
      [...keyring.retired].flatMap(([keyId, { end }]) => {
        const { lines } = ends.of(keyId);
        return lines > 0 && lines < end.lines
          ? [`Of ${end.lines} lines under the retired key ${keyId} there are only ${lines}.`]
          : [];
      }),
  };
}

type ChainHeads = Map<string, { readonly seq: number; readonly mac: string }>;

const notAuthentic = 'The line was altered, or was not written with the key of this vault.';

/**
 * What is wrong with a line by itself and in its chain; null for nothing. Its chain goes on with it.
 *
 * @param midway chains may have begun in what was put aside
 */
function problemOf(keyring: Keyring, heads: ChainHeads, entry: AuditLine, midway: boolean): string | null {
  if (!isAuthenticLine(keyring, entry)) return notAuthentic;
  const { chain, seq, prev, mac } = entry;
  const known = heads.get(chain);
  const before = known ?? { seq: 0, mac: noPrevious };
  heads.set(chain, { seq, mac });
  if (known === undefined && midway) return null;
  if (seq !== before.seq + 1) return `Entry ${seq} of chain ${chain} follows entry ${before.seq}.`;
  return prev === before.mac ? null : `Entry ${seq} of chain ${chain} does not continue the one before.`;
}

/** The head of what was put aside before this first line. */
function beginningOf(keyring: Keyring, entry: AuditLine, text: string): AuditHead | undefined {
  return isAuthenticLine(keyring, entry) ? archivedIn(text) : undefined;
}

function isSame(one: AuditHead | undefined, other: AuditHead): boolean {
  return one?.lines === other.lines && one.digest === other.digest;
}

type Archives = {
  readonly archives: readonly Archive[];
  readonly marks: readonly AuditHead[];
  readonly heads: ChainHeads;
  readonly step: () => void;
  readonly problems: Problem[];
};

/**
 * What is wrong under retired keys with lines that were put aside just now. Later this can't be told any more: a key may be
 * retired at any time, and nothing says how much was put aside by then.
 */
export async function problemsOfArchive(keyring: Keyring, { name, lines }: Archive): Promise<Problem[]> {
  const ends = endChecks(keyring);
  const problems: Problem[] = [];
  let line = 0;
  for await (const text of lines) {
    line += 1;
    const entry = readLine(text);
    const problem = entry !== undefined && isAuthenticLine(keyring, entry) ? ends.add(entry) : null;
    if (problem !== null) problems.push({ line, problem, archive: name });
  }
  return [...problems, ...ends.missing().map((problem) => ({ line, problem, archive: name }))];
}

/** Checks archives, of which each has to go on where the one before ends. Undefined where there are none. */
async function checkArchives(keyring: Keyring, { archives, marks, heads, step, problems }: Archives) {
  let run: ReturnType<typeof runOf> | undefined;
  let first: AuditHead | undefined;
  const passed = new Set<AuditHead>();
  for (const { name: archive, lines } of archives) {
    let line = 0;
    let begins: AuditHead = noLines;
    let own: ReturnType<typeof runOf> | undefined;
    for await (const text of lines) {
      line += 1;
      step();
      const entry = readLine(text);
      if (line === 1) {
        begins = (entry && beginningOf(keyring, entry, text)) ?? noLines;
        first ??= begins;
        if (run !== undefined && !isSame(run.head(), begins)) {
          problems.push({ line, archive, problem: 'It does not go on where the archive before it ends.' });
        }
        own = runOf(begins, marks);
      }
      own?.add(text);
      const problem = entry === undefined ? null : problemOf(keyring, heads, entry, begins.lines > 0);
      if (problem !== null) problems.push({ line, archive, problem });
    }
    if (own === undefined) problems.push({ line: 0, archive, problem: 'It is empty.' });
    else for (const mark of marks) if (own.passed(mark)) passed.add(mark);
    run = own ?? run;
  }
  if (run === undefined) return undefined;
  return { head: run.head(), begins: first ?? noLines, passed: (mark: AuditHead) => passed.has(mark) };
}

/** Heads line by line from this one on; it tells afterwards which of the marks were among them. */
function runOf(start: AuditHead, marks: readonly AuditHead[]) {
  const passed = new Set<AuditHead>();
  let head = start;
  const note = () => {
    for (const mark of marks) if (isSame(mark, head)) passed.add(mark);
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
