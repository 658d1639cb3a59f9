/** Leases of the file store: a name is hashed to one of 64 lock files. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { makeFolder, storageError } from '../../seal/private-files.ts';
import { fileLock, type Waiting } from './file-lock.ts';

const count = 64;

/**
 * Runs `work` under the lease. Two names may share a file and then wait for each other, so `work` must not take
 * another lease. Every call opens the file anew: locks belong to open files, which keeps callers of one process apart
 * just as it does processes.
 */
export async function withLease<T>(folder: string, name: string, waiting: Waiting, work: () => Promise<T>): Promise<T> {
  await makeFolder(folder).catch((error: unknown) => {
    throw storageError(error, folder);
  });
  const slot = (createHash('sha256').update(name).digest()[0] ?? 0) % count;
  const lock = fileLock(path.join(folder, `${slot}.lock`));
  try {
    return await lock.hold(waiting, work);
  } finally {
    await lock.close();
  }
}
