/** The generated key file: 32 random bytes as base64, 0600, in the config folder. */
import { randomBytes } from 'node:crypto';
import { link, open, readdir, readFile, unlink } from 'node:fs/promises';
import path from 'node:path';
import { KeywardError } from '../../errors.ts';
import { closeToOthers, strangerTo } from '../../trusted-files.ts';
import { keyBytes } from '../box.ts';
import { fileMode, makeFolder, storageError, syncFolder, tighten } from '../private-files.ts';

/** The text of the key file, or undefined when there is none. `config_invalid` for one that somebody else could have made. */
export async function readKeyFile(file: string): Promise<string | undefined> {
  try {
    const rule = await strangerTo(file);
    if (rule !== null) {
      throw new KeywardError('config_invalid', `The key file ${file} ${rule}.`, {
        hint: 'Somebody else may have put it there. Keep it in a folder into which only you can write.',
      });
    }
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw storageError(error, file);
  }
}

/**
 * Makes the key file unless it exists: an existing key may lock another vault, and is never replaced. The name
 * appears by `link`, which fails on an existing name, so that two processes agree and a kill leaves no half a key.
 */
export async function makeKeyFile(file: string): Promise<void> {
  const folder = path.dirname(file);
  const temporary = `${file}.new-${randomBytes(8).toString('hex')}`;
  try {
    await makeFolder(folder);
    await closeToOthers(folder);
    const handle = await open(temporary, 'wx', fileMode);
    try {
      await handle.writeFile(`${randomBytes(keyBytes).toString('base64')}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(temporary, file).catch((error: NodeJS.ErrnoException) => {
      // ENOENT: another process made the file and swept our name away.
      if (error.code !== 'EEXIST' && error.code !== 'ENOENT') throw error;
    });
    await sweep(file);
    await syncFolder(folder);
    await tighten(file, fileMode);
  } catch (error) {
    throw storageError(error, file);
  }
}

/** Removes unfinished key files, ours and those of killed processes. Safe now: the key file itself exists. */
async function sweep(file: string): Promise<void> {
  const prefix = `${path.basename(file)}.new-`;
  for (const name of await readdir(path.dirname(file))) {
    if (name.startsWith(prefix)) await unlink(path.join(path.dirname(file), name)).catch(() => undefined);
  }
}
