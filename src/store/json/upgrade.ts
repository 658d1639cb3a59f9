/** Brings a vault file of the first format up to date, once, however many processes start at the same time. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { type KeyAccess, openFirstKeys } from '../../seal/keys.ts';
import { noFollow, storageError } from '../../seal/private-files.ts';
import type { Disk } from './disk.ts';
import type { FileLock } from './file-lock.ts';
import type { VaultPaths } from './folder.ts';
import { check, decodeVault, encodeVault, newHeader } from './format.ts';
import { replaceFile } from './replace-file.ts';

/** Somebody else may be at it, and be asking a person to unlock the keychain. */
const upgradeWaitMs = 60_000;

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
  await lock.hold({ waitMs: upgradeWaitMs }, async () => {
    const content = decodeVault(await read(paths.file));
    const { header, rows } = content;
    if (header.keyward !== 1) return;
    const keyring = await openFirstKeys(header, access);
    check(content, keyring);
    const next = { ...newHeader(keyring.header), generation: header.generation + 1 };
    const { bytes } = encodeVault({ header: next, rows }, keyring);
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
