/**
 * Heads of the audit log. Each line vouches for the one before it in its own chain; the head vouches for all of them, of
 * every chain, in their order. The vault keeps one sealed, and so notices when lines at the end, a chain or the whole
 * log is gone. It covers the lines up to it: what was written after the last head was sealed may go unnoticed.
 */
import { hash } from 'node:crypto';

/** So many lines, from the first that was ever written, and a digest (hex) over them. */
export type AuditHead = { readonly lines: number; readonly digest: string };

/** The head that the vault sealed last, and the one after which the log begins: what came before it was moved away. */
export type SealedHead = AuditHead & { readonly from: AuditHead };

/** Of a log without lines. */
export const noLines: AuditHead = { lines: 0, digest: '' };

/** The head one line further on. */
export function headAfter({ lines, digest }: AuditHead, line: string): AuditHead {
  return { lines: lines + 1, digest: hash('sha256', `${digest}\n${line}`, 'hex') };
}
