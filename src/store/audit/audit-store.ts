/** The audit log of a store: lines that are appended, read, and put aside, and nothing else. */
import type { Keyring } from '../../seal/keyring.ts';
import type { UnderKeys } from '../under-keys.ts';
import type { AuditHead, SealedHead } from './audit-head.ts';
import type { AuditLine } from './audit-line.ts';

export interface AuditStore {
  /** Appends finished audit lines, in order; durable when it resolves. Fails with `audit_unavailable`. */
  appendAudit(lines: UnderKeys<string>): Promise<void>;
  /** Every audit line, oldest first. */
  readAudit(): AsyncIterable<string>;
  /** The lines from a place on, each with its own place and the next one; 0 is the first. Reads no more than is taken. */
  readAuditFrom(place: number): AsyncIterable<AuditLine>;
  /** The lines before a place, newest first; null is the end. Reads little more than is taken. */
  readAuditBack(place: number | null): AsyncIterable<AuditLine>;
  /** How far the audit log went when the vault sealed that last: with its commits, or every few seconds, and at close. */
  auditHead(): Promise<SealedHead>;
  /**
   * Puts all lines into a file that there is not yet, and begins the log anew. The file holds them, on the disk, before
   * the log is without them; the vault has sealed their head by then.
   *
   * @param first makes the first line of the new log, out of the head of those that were put aside
   * @returns that head
   * @throws KeywardError `conflict` where there is such a file, `storage_…`, `audit_unavailable`
   */
  archiveAudit(file: string, first: FirstLine): Promise<AuditHead>;
}

/** A line under these keys about the lines up to this head. */
export type FirstLine = (keyring: Keyring, head: AuditHead) => string;
