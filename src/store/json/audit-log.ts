/** The audit log beside the vault: whole lines, appended under a lock of its own, synced before anybody relies on them. */
import { constants, createReadStream, fstatSync, fsync, lstatSync, readSync, writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { KeywardError } from '../../errors.ts';
import { fileMode, noFollow, syncFolder, tighten } from '../../seal/private-files.ts';
import type { AuditLine } from '../audit/audit-line.ts';
import { linesOf } from '../audit/file-lines.ts';
import { linesBefore } from './audit-back.ts';
import { fileLock } from './file-lock.ts';
import type { VaultPaths } from './folder.ts';
import { type LogHead, logHead, wholeHead } from './log-head.ts';
import { putAside } from './put-aside.ts';

export type AuditLog = {
  /** Appends what `make` answers once nobody else appends, or changes the keys that lines are written under. */
  append(make: () => Promise<readonly string[]>): Promise<void>;
  /** Runs `work` while nobody appends. */
  alone(work: () => Promise<void>): Promise<void>;
  read(): AsyncIterable<string>;
  /** A place is the byte where a line begins. */
  readFrom(place: number): AsyncIterable<AuditLine>;
  /**
   * Moves the log to another name, and begins it anew with the line that `first` makes of its head. `seal` seals the head
   * that it is given, in the vault.
   */
  archive(file: string, seal: (next: NextHead) => Promise<LogHead>, first: (head: LogHead) => string): Promise<LogHead>;
  /** The lines before a place, newest first; null is the end. */
  readBack(place: number | null): AsyncIterable<AuditLine>;
  /** The head after this one, over what the log holds now; the same while somebody is appending. */
  nextHead(before: LogHead | undefined): Promise<LogHead | undefined>;
  /** Whether this process appended lines since the last `nextHead` that saw them. */
  isAhead(): boolean;
  close(): Promise<void>;
};

type NextHead = (before: LogHead | undefined) => Promise<LogHead | undefined>;

const newline = '\n'.charCodeAt(0);
/** Of the descriptor: a FileHandle's own takes several turns. */
const synced = promisify(fsync);

export function auditLog(paths: VaultPaths, lockWaitMs: number): AuditLog {
  const lock = fileLock(paths.auditLock);
  // A lock of its own: two holders of one would not keep each other out.
  const headLock = fileLock(paths.auditLock);
  let ahead = false;
  let last: Promise<unknown> = Promise.resolve();
  let handle: FileHandle | undefined;

  /** The log as it is at its path now: somebody may have moved it away to archive it. */
  async function current(): Promise<FileHandle> {
    const named = lstatSync(paths.audit, { bigint: true, throwIfNoEntry: false });
    if (handle !== undefined && named?.ino === fstatSync(handle.fd, { bigint: true }).ino) return handle;
    const gone = handle;
    handle = undefined;
    await gone?.close();
    const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | noFollow;
    handle = await open(paths.audit, flags, fileMode);
    await tighten(paths.audit, fileMode);
    if (named === undefined) await syncFolder(paths.folder);
    return handle;
  }

  async function write(lines: readonly string[]): Promise<void> {
    const log = await current();
    // Done in place, the write too, which ends in memory: handing them over to a thread takes longer than they do.
    const { size } = fstatSync(log.fd);
    const torn = size > 0 && byteAt(log, size - 1) !== newline;
    // A line that a crash cut short stays, closed off, for the verifier to report.
    const text = `${torn ? '\n' : ''}${lines.map((line) => `${line}\n`).join('')}`;
    try {
      appendWhole(log, Buffer.from(text));
      await synced(log.fd);
    } catch (error) {
      await log.truncate(size).catch(() => undefined);
      await log.close().catch(() => undefined);
      handle = undefined;
      throw error;
    }
  }

  /** A line that a crash cut short ends here: what is put aside are whole lines. */
  async function closeOff(): Promise<void> {
    const log = await current();
    const { size } = fstatSync(log.fd);
    if (size === 0 || byteAt(log, size - 1) === newline) return;
    appendWhole(log, Buffer.from('\n'));
    await synced(log.fd);
  }

  /** One after the other, here and in other processes. */
  function held<T>(work: () => Promise<T>): Promise<T> {
    const done = last.then(() => lock.hold({ waitMs: lockWaitMs }, work));
    last = done.catch(() => undefined);
    return done;
  }

  return {
    append: (make) =>
      held(async () => {
        ahead = true;
        await write(await make());
      }).catch((error: unknown) => {
        throw auditUnavailable(error, paths.audit);
      }),
    alone: held,
    archive: (file, seal, first) =>
      held(async () => {
        await closeOff();
        const whole: NextHead = async (before) => wholeHead(paths.audit, before);
        const head = await seal(whole);
        await putAside(paths, file, first(head));
        await handle?.close();
        handle = undefined;
        await seal(whole);
        return head;
      }),
    read: () => linesIn(paths.audit),
    readFrom: (place) => linesFrom(paths.audit, place),
    readBack: (place) => readable(paths.audit, linesBefore(paths.audit, place)),
    nextHead: (before) =>
      headLock
        .hold({ waitMs: 0 }, async () => {
          const head = logHead(paths.audit, before);
          ahead = false;
          return head;
        })
        // What is being appended is covered by the next head; a log that can't be read fails those who append to it.
        .catch(() => before),
    isAhead: () => ahead,
    async close() {
      await last;
      await handle?.close();
      await lock.close();
      await headLock.close();
    },
  };
}

/** A write may take less than it was given. */
function appendWhole({ fd }: FileHandle, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
}

function byteAt({ fd }: FileHandle, position: number): number | undefined {
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, position);
  return byte[0];
}

/** Lines of a file that need not exist. */
async function* linesIn(file: string): AsyncIterable<string> {
  try {
    yield* linesOf(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw auditUnavailable(error, file);
  }
}

/**
 * Whole lines from a byte on. Where no line begins there, somebody made the place up, or the log was moved away and is
 * shorter now: then there are none.
 */
async function* linesFrom(file: string, place: number): AsyncIterable<AuditLine> {
  let at = place;
  let rest: Buffer = Buffer.alloc(0);
  // With the end of the line before.
  let unproven = place > 0;
  try {
    for await (const chunk of createReadStream(file, { start: Math.max(0, place - 1) })) {
      rest = Buffer.concat([rest, chunk as Buffer]);
      if (unproven && rest[0] !== newline) return;
      if (unproven) rest = rest.subarray(1);
      unproven = false;
      for (let end = rest.indexOf(newline); end >= 0; end = rest.indexOf(newline)) {
        const next = at + end + 1;
        yield { line: rest.toString('utf8', 0, end), at, next };
        rest = rest.subarray(end + 1);
        at = next;
      }
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw auditUnavailable(error, file);
  }
}

/** The same lines, with the error of a log that can't be read. */
async function* readable(file: string, lines: AsyncIterable<AuditLine>): AsyncIterable<AuditLine> {
  try {
    yield* lines;
  } catch (error) {
    throw auditUnavailable(error, file);
  }
}

function auditUnavailable(error: unknown, file: string): KeywardError {
  const details = { path: file };
  if (error instanceof KeywardError) {
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    return new KeywardError('audit_unavailable', `Without the audit log nothing is done. ${error.message}`, {
      ...hint,
      details,
    });
  }
  const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  return new KeywardError('audit_unavailable', `The audit log cannot be used (${reason}), so nothing is done.`, {
    hint: 'Make the log writable and see that its disk has space, then try again.',
    details,
  });
}
