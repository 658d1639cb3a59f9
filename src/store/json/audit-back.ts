/** Reading the audit log from its end: who looks for what happened last must not read what happened in a year. */
import { type FileHandle, open } from 'node:fs/promises';
import type { AuditLine } from '../audit/audit-line.ts';

const newline = '\n'.charCodeAt(0);
/** So much is read at a time; a line has a few hundred bytes. */
const blockBytes = 64 * 1024;

/**
 * Whole lines before a byte, newest first. Where no line begins at that byte, somebody made the place up, or the log was
 * moved away and is shorter now: then there are none.
 *
 * @param place null for the end of the log; a line there that has no end yet is left out
 */
export async function* linesBefore(file: string, place: number | null): AsyncIterable<AuditLine> {
  const log = await openIfThere(file);
  if (log === null) return;
  try {
    const { size } = await log.stat();
    let begin = place ?? size;
    if (begin > size) return;
    /** What was read and is not answered yet; it begins at `begin`. */
    let rest: Buffer = Buffer.alloc(0);
    let proven = false;
    while (begin > 0) {
      const from = Math.max(0, begin - blockBytes);
      rest = Buffer.concat([await bytesAt(log, from, begin), rest]);
      begin = from;
      if (!proven) {
        const end = rest.lastIndexOf(newline) + 1;
        if (place !== null && end !== rest.length) return;
        if (end === 0) continue;
        rest = rest.subarray(0, end);
        proven = true;
      }
      for (let start = lastStart(rest); start > 0 || (start === 0 && begin === 0); start = lastStart(rest)) {
        const [at, next] = [begin + start, begin + rest.length];
        yield { line: rest.toString('utf8', start, rest.length - 1), at, next };
        rest = rest.subarray(0, start);
      }
    }
  } finally {
    await log.close();
  }
}

/** Where the last line begins, as far as these bytes tell: 0 may be in the middle of it. -1 for no bytes. */
function lastStart(bytes: Buffer): number {
  return bytes.length < 2 ? bytes.length - 1 : bytes.lastIndexOf(newline, bytes.length - 2) + 1;
}

async function bytesAt(log: FileHandle, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.alloc(to - from);
  for (let filled = 0; filled < bytes.length; ) {
    const { bytesRead } = await log.read(bytes, filled, bytes.length - filled, from + filled);
    // It was cut meanwhile.
    if (bytesRead === 0) return bytes.subarray(0, filled);
    filled += bytesRead;
  }
  return bytes;
}

async function openIfThere(file: string): Promise<FileHandle | null> {
  try {
    return await open(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
