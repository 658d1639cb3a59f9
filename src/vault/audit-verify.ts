/** Verifies the audit log, offline: it needs the vault's key and the log, nothing else. */
import { timingSafeEqual } from 'node:crypto';
import type { Store } from '../store/store.ts';
import { auditMac, noPrevious, splitLine } from './audit-chain.ts';

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
 * the removal of a chain's last lines, or of a whole chain: nothing after them depends on them.
 */
export async function verifyAudit(store: Pick<Store, 'keyring' | 'readAudit'>): Promise<AuditReport> {
  const heads = new Map<string, { readonly seq: number; readonly mac: string }>();
  const problems: { line: number; problem: string }[] = [];
  const torn: number[] = [];
  let line = 0;
  for await (const text of store.readAudit()) {
    line += 1;
    const entry = parse(text);
    if (entry === undefined) {
      torn.push(line);
      continue;
    }
    if (!isAuthentic(store, entry)) {
      problems.push({ line, problem: 'The line was altered, or was not written with the key of this vault.' });
      continue;
    }
    const before = heads.get(entry.chain) ?? { seq: 0, mac: noPrevious };
    if (entry.seq !== before.seq + 1) {
      problems.push({ line, problem: `Entry ${entry.seq} of chain ${entry.chain} follows entry ${before.seq}.` });
    } else if (entry.prev !== before.mac) {
      problems.push({ line, problem: `Entry ${entry.seq} of chain ${entry.chain} does not continue the one before.` });
    }
    heads.set(entry.chain, { seq: entry.seq, mac: entry.mac });
  }
  return { lines: line - torn.length, chains: heads.size, torn, ok: problems.length === 0, problems };
}

type Entry = {
  readonly body: string;
  readonly mac: string;
  readonly chain: string;
  readonly key: string;
  readonly seq: number;
  readonly prev: string;
};

/** Undefined for a line that is no JSON: what is left of a torn one. What is JSON but no entry of ours is never authentic. */
function parse(text: string): Entry | undefined {
  let fields: Record<string, unknown>;
  try {
    fields = Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { body, mac } = splitLine(text) ?? { body: '', mac: '' };
  const { chain, key, seq, prev } = fields;
  return { body, mac, chain: String(chain), key: String(key), seq: Number(seq), prev: String(prev) };
}

function isAuthentic({ keyring }: Pick<Store, 'keyring'>, { body, mac, key }: Entry): boolean {
  if (body === '' || !keyring.dataKeys.has(key)) return false;
  return timingSafeEqual(Buffer.from(auditMac(keyring, key, body)), Buffer.from(mac));
}
