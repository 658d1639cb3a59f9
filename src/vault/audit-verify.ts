/** Verifies the audit log, offline: it needs the vault's key and the log, nothing else. */
import type { Store } from '../store/store.ts';
import { noPrevious } from './audit-chain.ts';
import { auditEnds, isAuthenticLine, readLine } from './audit-ends.ts';

export type AuditReport = {
  /** Whole lines. */
  readonly lines: number;
  /** Chains: one for each process that wrote. */
  readonly chains: number;
  /** Line numbers of lines that a crash cut short while they were written; nobody was told that these were written. */
  readonly torn: readonly number[];
  readonly ok: boolean;
  /** Line numbers, from 1, and what is wrong there. */
  readonly problems: readonly { readonly line: number; readonly problem: string }[];
};

/**
 * Checks every line and every chain. Finds lines that were edited, removed, moved, repeated or made up. Does not find
 * the removal of a chain's last lines, or of a whole chain: nothing after them depends on them. Under a retired key there
 * may be what there was when it was retired, or nothing: a log that was moved away begins anew.
 */
export async function verifyAudit(store: Pick<Store, 'keyring' | 'readAudit'>): Promise<AuditReport> {
  const heads = new Map<string, { readonly seq: number; readonly mac: string }>();
  const problems: { line: number; problem: string }[] = [];
  const torn: number[] = [];
  const ends = auditEnds();
  let line = 0;
  for await (const text of store.readAudit()) {
    line += 1;
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
  return { lines: line - torn.length, chains: heads.size, torn, ok: problems.length === 0, problems };
}
