/** Makes a vault file, or brings one of the first format up to date: once, however many processes start at the same time. */
import { constants, lstatSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import type { KeyHeader } from '../../seal/key-header.ts';
import { type KeyAccess, newKeys, openFirstKeys, openKeys } from '../../seal/keys.ts';
import { noFollow, storageError } from '../../seal/private-files.ts';
import { writeFirst } from './adapter.ts';
import type { Disk } from './disk.ts';
import type { FileLock } from './file-lock.ts';
import { remains, sweep, type VaultPaths } from './folder.ts';
import { check, damaged, decodeVault, encodeVault, newHeader } from './format.ts';
import { replaceFile } from './replace-file.ts';

/** Another process may be asking a person to unlock the keychain. */
const firstWaitMs = 60_000;

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
  await lock.hold({ waitMs: firstWaitMs }, async () => {
    if (vaultExists(paths.file)) return;
    if (remains(await readdir(paths.folder), paths.file, 'tmp').length > 0)
      throw damaged('is gone, but remains of its last write are there');
    await sweep(paths, disk);
    const keyring = adopt === undefined ? await newKeys(access, paths.folder) : await openKeys(adopt, access);
    await writeFirst(paths.file, disk, { header: newHeader(keyring.header), rows: [] }, keyring);
  });
}

const beginning = '{"keyward":1,';

/** Whether the file says that it is of the first format. What can't be read is left to whoever opens it. */
export async function isOfFirstFormat(file: string): Promise<boolean> {
  const handle = await open(file, constants.O_RDONLY | noFollow).catch(() => undefined);
  try {
    const start = await handle?.read(Buffer.alloc(beginning.length), 0, beginning.length, 0).catch(() => undefined);
    return start?.buffer.toString('latin1') === beginning;
  } finally {
    await handle?.close();
  }
}

/** Rows stay as they are; a kill at any moment leaves the file of before or the new one. */
export async function upgradeVault(paths: VaultPaths, disk: Disk, lock: FileLock, access: KeyAccess): Promise<void> {
  await lock.hold({ waitMs: firstWaitMs }, async () => {
    const content = decodeVault(await read(paths.file));
    const { header, rows } = content;
    if (header.keyward !== 1) return;
    const keyring = await openFirstKeys(header, access);
    check(content, keyring);
    const next = { ...newHeader(keyring.header), generation: header.generation + 1 };
    const { bytes } = await encodeVault({ header: next, rows }, keyring);
    await (await replaceFile(disk, paths.file, bytes, 'tmp')).close();
  });
}

async function read(file: string): Promise<Buffer> {
  const handle = await open(file, constants.O_RDONLY | noFollow).catch((error: unknown) => {
    throw storageError(error, file);
  });
  try {
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
