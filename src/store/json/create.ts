/** Makes a new vault file, once, however many processes start at the same time. */
import { lstatSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import type { KeyHeader } from '../../seal/key-header.ts';
import { type KeyAccess, newKeys, openKeys } from '../../seal/keys.ts';
import { writeFirst } from './adapter.ts';
import type { Disk } from './disk.ts';
import type { FileLock } from './file-lock.ts';
import { remains, sweep, type VaultPaths } from './folder.ts';
import { damaged, newHeader } from './format.ts';

/** Another process may be asking a person to unlock the keychain. */
const creationWaitMs = 60_000;

/** Whether there is anything at the vault's path, a broken link included. */
export function vaultExists(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}

/** @param adopt keys of a vault that is moved here, instead of new ones */
export async function createVault(
  paths: VaultPaths,
  disk: Disk,
  lock: FileLock,
  access: KeyAccess,
  adopt?: KeyHeader,
): Promise<void> {
  await lock.hold({ waitMs: creationWaitMs }, async () => {
    if (vaultExists(paths.file)) return;
    if (remains(await readdir(paths.folder), paths.file, 'tmp').length > 0)
      throw damaged('is gone, but remains of its last write are there');
    await sweep(paths, disk);
    const keyring = adopt === undefined ? await newKeys(access, paths.folder) : await openKeys(adopt, access);
    await writeFirst(paths.file, disk, { header: newHeader(keyring.header), rows: [] }, keyring);
  });
}
