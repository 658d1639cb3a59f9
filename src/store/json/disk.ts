/**
 * The file calls of a commit, behind one small object, so that a test can put a disk below that loses what was not
 * synced. Nothing else is injectable.
 */
import type { BigIntStats } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileMode, syncFolder } from '../../seal/private-files.ts';

export type NewFile = {
  /** Writes at this position; answers how many bytes were taken, which may be fewer. */
  write(bytes: Uint8Array, position: number): Promise<number>;
  sync(): Promise<void>;
  stat(): Promise<BigIntStats>;
  close(): Promise<void>;
};

export type Disk = {
  /** Makes a 0600 file. Fails if the name exists, even as a symbolic link. */
  create(file: string): Promise<NewFile>;
  rename(from: string, to: string): Promise<void>;
  syncFolder(folder: string): Promise<void>;
  remove(file: string): Promise<void>;
};

export const realDisk: Disk = {
  async create(file) {
    const handle = await open(file, 'wx', fileMode);
    return {
      write: async (bytes, position) => (await handle.write(bytes, 0, bytes.length, position)).bytesWritten,
      sync: () => handle.sync(),
      stat: () => handle.stat({ bigint: true }),
      close: () => handle.close(),
    };
  },
  rename: process.platform === 'win32' ? patientRename : rename,
  syncFolder,
  remove: unlink,
};

/** Windows refuses to replace a file while another process has it open, which a reader does for a moment. */
async function patientRename(from: string, to: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await rename(from, to);
    } catch (error) {
      const passing = ['EPERM', 'EACCES', 'EBUSY'].includes((error as NodeJS.ErrnoException).code ?? '');
      if (!passing || tries === 50) throw error;
      await sleep(10 + 20 * Math.random());
    }
  }
}
