/** Files and folders that only their owner may read, and what the system's refusals mean. Used by keys and by the store. */
import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { type ErrorCode, KeywardError } from '../errors.ts';
import { isReadableByOthers } from '../trusted-files.ts';

export const fileMode = 0o600;
export const folderMode = 0o700;

/** Opening a symbolic link fails with this flag. Windows has no such flag; links need an administrator there. */
export const noFollow = constants.O_NOFOLLOW ?? 0;

/** Makes the folder and its missing parents, 0700, so that they survive a power cut. An existing one stays as it is. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: folderMode });
  if (first === undefined) return;
  const top = path.dirname(path.resolve(first));
  for (let made = path.resolve(folder); made !== top; ) {
    made = path.dirname(made);
    await syncFolder(made);
  }
}

/** Takes group's and others' rights away, should there be any. Windows keeps its own lists and has no such bits. */
export async function tighten(file: string, mode: number): Promise<void> {
  if (process.platform === 'win32') return;
  const found = await lstat(file);
  if (!found.isSymbolicLink() && (found.mode & 0o077) !== 0) await chmod(file, mode);
}

/** Refuses a file with a secret that others can read, as ssh does with its keys. `config_invalid`. */
export async function refuseReadable(file: string): Promise<void> {
  if (!(await isReadableByOthers(file))) return;
  throw new KeywardError('config_invalid', `Other users of this computer can read the key in ${file}.`, {
    hint: `Run: chmod 600 '${file}'. Where a container mounts it as a secret, give it the mode 0400 there.`,
  });
}

/**
 * Makes what was created, renamed or removed in the folder survive a power cut. Windows cannot sync a folder; NTFS
 * journals names by itself.
 */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const full = ['ENOSPC', 'EDQUOT', 'EFBIG'];
const readOnly = ['EROFS', 'EACCES', 'EPERM'];

/** A system error about this file as a `storage_…` error; a KeywardError as it is. */
export function storageError(error: unknown, file: string): KeywardError {
  if (error instanceof KeywardError) return error;
  const reason = (error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown error';
  const details = { path: file };
  const known: [ErrorCode, string, string] = full.includes(reason)
    ? ['storage_full', 'is out of space', 'Free some space and try again; nothing was lost.']
    : readOnly.includes(reason)
      ? ['storage_readonly', 'may not be written', 'Check the permissions of the file and its folder, then try again.']
      : ['storage_failed', 'failed', 'Check the disk, then try again.'];
  const [code, what, hint] = known;
  return new KeywardError(code, `The storage of ${path.basename(file)} ${what} (${reason}).`, { hint, details });
}
