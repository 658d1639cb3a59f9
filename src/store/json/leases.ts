/** Leases of the file store: a lock file for each name, which is there only while somebody holds it or waits for it. */
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { makeFolder, storageError } from '../../seal/private-files.ts';
import { fileLock, type Waiting } from './file-lock.ts';

/** Earlier Keywards hashed all names to this many files, and held one of them alone. */
const formerCount = 64;

/**
 * Runs `work` under the lease. Every call opens the file anew: locks belong to open files, which keeps callers of one
 * process apart just as it does processes.
 *
 * The former file of the name is held too, shared: it keeps nobody of today's out, and an older Keyward on this vault,
 * such as one that an assistant has not started again since an update, still takes turns with all others.
 */
export async function withLease<T>(folder: string, name: string, waiting: Waiting, work: () => Promise<T>): Promise<T> {
  await makeFolder(folder).catch((error: unknown) => {
    throw storageError(error, folder);
  });
  const digest = createHash('sha256').update(name).digest();
  const former = fileLock(path.join(folder, `${(digest[0] ?? 0) % formerCount}.lock`), { shared: true });
  const file = path.join(folder, `${digest.toString('hex')}.lock`);
  const own = fileLock(file);
  try {
    return await own.hold(waiting, async () => {
      try {
        return await former.hold(waiting, work);
      } finally {
        remove(file);
      }
    });
  } finally {
    await own.close();
    await former.close();
  }
}

/**
 * Removes a file whose lock the caller holds. Whoever has it open notices once the lock is theirs, and opens the next
 * one. Windows keeps a file that others have open half alive, where nobody can open it; there it stays, empty.
 */
function remove(file: string): void {
  if (process.platform === 'win32') return;
  try {
    rmSync(file, { force: true });
  } catch {
    // It stays until the name is next used.
  }
}
