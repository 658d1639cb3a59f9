/** Files that hold lines of the audit log for good. */
import { link, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KeywardError } from '../../errors.ts';
import { fileMode, storageError, syncFolder } from '../../seal/private-files.ts';

/** Why there can't be a file of this name, of a system error; `storage_…` for any other. */
export function nameError(error: unknown, file: string): KeywardError {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EEXIST':
      return new KeywardError('conflict', `There is a file ${file} already.`, { hint: 'Choose another name.' });
    case 'ENOENT':
      return new KeywardError('config_invalid', `There is no folder ${dirname(file)}.`, { hint: 'Make it first.' });
    default:
      return storageError(error, file);
  }
}

/** A file of lines that is being written under a name of its own. */
type ArchiveFile = {
  add(lines: readonly string[]): Promise<void>;
  /** Gives it its name, once all of it is on the disk; what is added afterwards needs it once more. */
  finish(): Promise<void>;
  /** Closes it, and takes it away unless it has its name. */
  end(): Promise<void>;
};

/** @throws KeywardError `conflict` for a name that is taken, `storage_…` */
export async function createArchiveFile(file: string, mark: string): Promise<ArchiveFile> {
  const temporary = `${file}.${mark}`;
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw nameError(error, file);
    }
  };
  const handle = await guard(() => open(temporary, 'wx', fileMode));
  let named = false;
  return {
    add: (lines) => guard(() => handle.appendFile(lines.map((line) => `${line}\n`).join(''))),
    finish: () =>
      guard(async () => {
        await handle.sync();
        if (!named) await link(temporary, file);
        named = true;
        await syncFolder(dirname(file));
      }),
    async end() {
      await handle.close();
      await rm(temporary, { force: true });
    },
  };
}
