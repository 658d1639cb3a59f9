/** Giving the audit log another name, with a new one in its place. */
import { link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KeywardError } from '../../errors.ts';
import { fileMode, syncFolder } from '../../seal/private-files.ts';
import { nameError } from '../audit/archive-file.ts';
import type { VaultPaths } from './folder.ts';

/**
 * Gives the log the name `file`, which must not be taken, and puts one with this line into its place. Killed in between, the log
 * has both names. The caller sees to it that nobody is appending.
 *
 * @throws KeywardError `conflict` for a name that is taken, `config_invalid` for one on another disk, `storage_…`
 */
export async function putAside({ audit, folder }: VaultPaths, file: string, line: string): Promise<void> {
  const fresh = `${audit}.new`;
  try {
    const handle = await open(fresh, 'w', fileMode);
    try {
      await handle.writeFile(`${line}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // Unlike a rename, a link takes no other file's place.
    await link(audit, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EXDEV') throw error;
      throw new KeywardError('config_invalid', `${file} is on another disk than the audit log.`, {
        hint: `Name a file on the disk of ${folder}, and move it afterwards.`,
      });
    });
    await syncFolder(dirname(file));
    await rename(fresh, audit);
    await syncFolder(folder);
  } catch (error) {
    await rm(fresh, { force: true });
    throw nameError(error, file);
  }
}
