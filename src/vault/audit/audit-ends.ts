/** What of the audit log was written under which data key: the end that a key gets when it is retired. */
import { createHash, type Hash, timingSafeEqual } from 'node:crypto';
import type { AuditEnd } from '../../seal/key-header.ts';
import type { Keyring } from '../../seal/keyring.ts';
import { auditMac, splitLine } from './audit-chain.ts';

/** A line of the log, before anything proves it. */
export type AuditLine = {
  /** What the MAC covers; empty for JSON that is no entry of ours. */
  readonly body: string;
  readonly mac: string;
  readonly chain: string;
  readonly key: string;
  readonly seq: number;
  readonly prev: string;
};

/** Undefined for a line that is no JSON: what is left of a torn one. What is JSON but no entry of ours is never authentic. */
export function readLine(text: string): AuditLine | undefined {
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

/** Whether the vault's key of that id wrote the line. */
export function isAuthenticLine(keyring: Keyring, { body, mac, key }: AuditLine): boolean {
  if (body === '' || !(keyring.dataKeys.has(key) || keyring.retired.has(key))) return false;
  return timingSafeEqual(Buffer.from(auditMac(keyring, key, body)), Buffer.from(mac));
}

/** Counts the authentic lines that it is given, key by key. */
export function auditEnds() {
  const found = new Map<string, { lines: number; readonly hash: Hash }>();
  return {
    /** Answers how many lines of that key there are by now. */
    add({ key, mac }: AuditLine): number {
      const counted = found.get(key) ?? { lines: 0, hash: createHash('sha256') };
      counted.lines += 1;
      counted.hash.update(mac);
      found.set(key, counted);
      return counted.lines;
    },
    of(key: string): AuditEnd {
      const { lines, hash } = found.get(key) ?? { lines: 0, hash: createHash('sha256') };
      return { lines, digest: hash.copy().digest('hex') };
    },
  };
}
