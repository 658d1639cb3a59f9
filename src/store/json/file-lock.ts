/**
 * A lock between processes, on a file of its own. The operating system ties it to the open file, so that it is gone the
 * moment its holder is, however it died. Nobody but its holder may remove a lock file: two processes could then hold
 * locks on two files of one name.
 */
import { constants, fstatSync, lstatSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KeywardError } from '../../errors.ts';
import { loadNative } from '../../seal/native.ts';
import { fileMode, noFollow, storageError, tighten } from '../../seal/private-files.ts';

export type Waiting = { readonly waitMs: number; readonly signal?: AbortSignal | undefined };

export type FileLock = {
  /**
   * Runs `work` while holding the lock. `vault_busy` when it is not free within `waitMs`, `cancelled` when the signal
   * fires before it is. Within the process, callers queue by themselves: one `hold` at a time.
   */
  hold<T>(waiting: Waiting, work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

/** What the native part of fs-native-extensions does; the package's own JavaScript would search the disk for it. */
type Native = {
  /**
   * Takes a lock on that many bytes of the file, 0 for all; throws `EAGAIN`, or `EBUSY`, while another open file holds
   * it.
   */
  tryLock(fd: number, offset: number, length: number, exclusive: boolean): void;
  unlock(fd: number, offset: number, length: number): void;
};

const longestPauseMs = 20;

/** The lock on this file, which is made at the first use. A `shared` one keeps out only who wants it alone. */
export function fileLock(file: string, { shared = false } = {}): FileLock {
  let handle: FileHandle | undefined;

  /** The locked file; undefined while somebody else holds the lock. */
  async function tryAcquire(native: Native): Promise<FileHandle | undefined> {
    handle ??= await openLockFile(file);
    if (handle === undefined) return undefined;
    if (!tryLock(native, handle.fd, shared)) return undefined;
    // The file may have been replaced since it was opened; then this lock protects nothing.
    const held = fstatSync(handle.fd, { bigint: true });
    const named = lstatSync(file, { bigint: true, throwIfNoEntry: false });
    if (named?.ino === held.ino && named.dev === held.dev) return handle;
    await close();
    return undefined;
  }

  async function acquire(native: Native, { waitMs, signal }: Waiting): Promise<FileHandle> {
    const deadline = performance.now() + waitMs;
    for (let pause = 1; ; pause = Math.min(pause * 2, longestPauseMs)) {
      signal?.throwIfAborted();
      const held = await tryAcquire(native);
      if (held !== undefined) return held;
      if (performance.now() > deadline) throw busy(file);
      // The jitter keeps two processes from asking in step.
      await sleep(pause * (0.5 + Math.random()), undefined, signal === undefined ? {} : { signal });
    }
  }

  async function close(): Promise<void> {
    const closing = handle;
    handle = undefined;
    await closing?.close();
  }

  return {
    async hold(waiting, work) {
      const native = lockFunctions();
      const held = await acquire(native, waiting).catch((error: unknown) => {
        throw waiting.signal?.aborted ? cancelled() : storageError(error, file);
      });
      try {
        return await work();
      } finally {
        native.unlock(held.fd, 0, 0);
      }
    },
    close,
  };
}

/** The open file; undefined when its holder removed it at this moment, and the next look finds another one. */
async function openLockFile(file: string): Promise<FileHandle | undefined> {
  const handle = await open(file, constants.O_RDWR | constants.O_CREAT | noFollow, fileMode);
  try {
    await tighten(file, fileMode);
    return handle;
  } catch (error) {
    await handle.close();
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function tryLock(native: Native, fd: number, shared: boolean): boolean {
  try {
    native.tryLock(fd, 0, 0, !shared);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // `EBUSY` is how Windows says that somebody else holds it.
    if (code === 'EAGAIN' || code === 'EBUSY') return false;
    throw error;
  }
}

let loaded: Native | undefined;

/**
 * The lock is native code with builds for glibc Linux, macOS and Windows. Where it does not load (musl, 32 bits), refusing to
 * write is the only safe answer: every lock that Node offers by itself outlives its holder or misses other containers.
 */
function lockFunctions(): Native {
  const file = path.join('prebuilds', `${process.platform}-${process.arch}`, 'fs-native-extensions.node');
  try {
    loaded ??= loadNative([{ name: 'fs-native-extensions', file }]) as Native;
    return loaded;
  } catch {
    throw new KeywardError(
      'storage_failed',
      'This system has no file lock that Keyward could use, so nothing was written.',
      {
        hint: 'Run Keyward on a system with glibc (such as the node:22-slim image), or use PostgreSQL.',
      },
    );
  }
}

function busy(file: string): KeywardError {
  return new KeywardError('vault_busy', 'Another process does not let go of the lock.', {
    hint: 'Try again; if it stays so, end the other Keyward process.',
    details: { path: file },
  });
}

function cancelled(): KeywardError {
  return new KeywardError('cancelled', 'The call was cancelled while it waited for another one.');
}
