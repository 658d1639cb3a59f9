/** Replaces a file so that a kill or a power cut at any moment leaves either the old or the new content, whole. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { KeywardError } from '../../errors.ts';
import { storageError } from '../../seal/private-files.ts';
import type { Disk, NewFile } from './disk.ts';

/** `new` marks the temporary file of a vault's very first write: its remains prove that there was no vault yet. */
export type Marker = 'tmp' | 'new';

/** Prefix of the temporary files for this file. */
export function temporaryPrefix(file: string, marker: Marker): string {
  return `${path.basename(file)}.${marker}-`;
}

/**
 * Writes, syncs, renames, syncs the folder; durable when it resolves with the new file, still open. Fails with a
 * `storage_…` error and leaves the old file, except when the last step fails: then the new one is in place, and
 * nobody knows whether it survives a power cut (`details.ambiguous`).
 */
export async function replaceFile(disk: Disk, file: string, bytes: Uint8Array, marker: Marker): Promise<NewFile> {
  const folder = path.dirname(file);
  const temporary = path.join(folder, temporaryPrefix(file, marker) + randomBytes(8).toString('hex'));
  let written: NewFile | undefined;
  try {
    written = await disk.create(temporary);
    await writeAll(written, bytes);
    // After a failed sync the kernel may drop the pages and call the next one a success, so there is no second try.
    await written.sync();
    if ((await written.stat()).size !== BigInt(bytes.length))
      throw new Error('The file is shorter than what was written.');
    await disk.rename(temporary, file);
  } catch (error) {
    await written?.close().catch(() => undefined);
    await disk.remove(temporary).catch(() => undefined);
    throw storageError(error, file);
  }
  try {
    await disk.syncFolder(folder);
  } catch {
    await written.close().catch(() => undefined);
    throw new KeywardError('storage_failed', 'The change was written, but the disk did not confirm it.', {
      hint: 'Look whether the change is there before trying again.',
      details: { path: file, ambiguous: true },
    });
  }
  return written;
}

/** A nearly full disk takes a part and reports no error. */
async function writeAll(file: NewFile, bytes: Uint8Array): Promise<void> {
  for (let position = 0; position < bytes.length; ) {
    const taken = await file.write(bytes.subarray(position), position);
    if (taken === 0) throw new Error('The disk took nothing.');
    position += taken;
  }
}
