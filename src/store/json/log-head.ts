/** The head of the audit log beside the vault, sealed into the vault with its commits. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { noFollow } from '../../seal/private-files.ts';
import { headAfter, noLines, type SealedHead } from '../audit/audit-head.ts';

/** A head, with the place in the file that it covers: `bytes` of it, which end like this. */
export type LogHead = SealedHead & { readonly bytes: number; readonly end: string };

/** Before there is a log. */
export const noLog: LogHead = { ...noLines, from: noLines, bytes: 0, end: '' };
const endLength = 24;
/** A long log that has no head yet gets there in several commits. */
const mostAtOnce = 4 * 1024 * 1024;

/**
 * The head that follows on `before`, over the whole lines that this file holds now. A file that does not hold what the
 * head covers is another log: the head goes on with it, and keeps in `from` where it begins. The caller sees to it that
 * nobody is appending.
 */
export function logHead(file: string, before: LogHead = noLog): LogHead {
  const fd = openLog(file);
  if (fd === undefined) return before.bytes === 0 ? before : beginning(before);
  try {
    const { size } = fstatSync(fd);
    const start = holds(fd, size, before) ? before : beginning(before);
    return over(start, bytesAt(fd, start.bytes, Math.min(size - start.bytes, mostAtOnce)));
  } finally {
    closeSync(fd);
  }
}

/** The head over all whole lines of this file, as {@link logHead} goes there step by step. */
export function wholeHead(file: string, before?: LogHead): LogHead {
  for (let head = logHead(file, before); ; ) {
    const next = logHead(file, head);
    if (next.bytes === head.bytes && next.lines === head.lines) return head;
    head = next;
  }
}

function over(start: LogHead, bytes: Buffer): LogHead {
  const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
  if (whole.length === 0) return start;
  let head: { readonly lines: number; readonly digest: string } = start;
  for (const line of whole.toString('utf8').slice(0, -1).split('\n')) head = headAfter(head, line);
  const { lines, digest } = head;
  const end = whole.toString('latin1', Math.max(0, whole.length - endLength));
  return { lines, digest, from: start.from, bytes: start.bytes + whole.length, end };
}

/** The head of another log, which begins where the one before was left. */
function beginning({ lines, digest }: LogHead): LogHead {
  return { lines, digest, from: { lines, digest }, bytes: 0, end: '' };
}

function holds(fd: number, size: number, { bytes, end }: LogHead): boolean {
  return size >= bytes && bytesAt(fd, bytes - end.length, end.length).toString('latin1') === end;
}

function openLog(file: string): number | undefined {
  try {
    return openSync(file, constants.O_RDONLY | noFollow);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function bytesAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let read = 0;
  for (let more = -1; read < length && more !== 0; read += more) {
    more = readSync(fd, bytes, read, length - read, position + read);
  }
  return bytes.subarray(0, read);
}
