/** The folder of a vault: made and kept private, cleared of what killed processes left. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { folderMode, makeFolder, tighten } from '../../seal/private-files.ts';
import type { Disk } from './disk.ts';
import { type Marker, temporaryPrefix } from './replace-file.ts';

/** Where everything of one vault is. */
export type VaultPaths = {
  readonly file: string;
  readonly folder: string;
  readonly lock: string;
  /** Folder of the locks of leases. */
  readonly leases: string;
  readonly audit: string;
  readonly auditLock: string;
};

export function vaultPaths(given: string): VaultPaths {
  const file = path.resolve(given);
  const folder = path.dirname(file);
  const audit = path.join(folder, 'audit.log');
  return { file, folder, lock: `${file}.lock`, leases: `${file}.leases`, audit, auditLock: `${audit}.lock` };
}

/**
 * Makes the folder, 0700, and answers the names in it. An existing one is tightened when nothing but Keyward's files
 * is in it; whoever puts a vault into their home folder does not want that closed to everybody else.
 */
export async function prepareFolder({ file, folder, audit }: VaultPaths): Promise<readonly string[]> {
  await makeFolder(folder);
  const names = await readdir(folder);
  const ours = [file, audit].map((one) => path.basename(one));
  const onlyOurs = names.every((name) => ours.some((one) => name === one || name.startsWith(`${one}.`)));
  // The files in it are private by themselves, so a folder of somebody else's may stay as it is.
  if (onlyOurs) await tighten(folder, folderMode).catch(() => undefined);
  return names;
}

/** The temporary files among these names. Those of live writers too, unless the caller holds the lock. */
export function remains(names: readonly string[], file: string, marker: Marker): readonly string[] {
  return names.filter((name) => name.startsWith(temporaryPrefix(file, marker)));
}

/** Removes all temporary files. The caller holds the lock, so nobody is writing one. */
export async function sweep({ file, folder }: VaultPaths, disk: Disk): Promise<void> {
  const names = await readdir(folder);
  for (const name of [...remains(names, file, 'tmp'), ...remains(names, file, 'new')]) {
    await disk.remove(path.join(folder, name));
  }
}
