/** lowdb's adapter over one vault file: verified on the way in, durable on the way out. */
import { type BigIntStats, constants, lstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Adapter } from 'lowdb';
import { KeywardError } from '../../errors.ts';
import type { KeyHeader } from '../../seal/key-header.ts';
import type { Keyring } from '../../seal/keyring.ts';
import { fileMode, noFollow, storageError, tighten } from '../../seal/private-files.ts';
import type { Mark } from '../mark.ts';
import type { Disk } from './disk.ts';
import { check, damaged, decodeVault, encodeVault, type Header, type VaultFile } from './format.ts';
import { type Marker, replaceFile } from './replace-file.ts';

export type VaultAdapter = Omit<Adapter<VaultFile>, 'read'> & {
  read(): Promise<VaultFile>;
  /** The data keys that the header holds, as of the last read. */
  keyring(): Keyring;
  /** These are the keys of the next write; should it fail, they are forgotten. */
  next(keyring: Keyring): void;
  /** Whether the file is another one than was last read or written here. */
  changed(): boolean;
  close(): Promise<void>;
};

type Opened = { close(): Promise<void> };

/**
 * `unlock` turns the keys of a header into a keyring, knowing the one before. A file that is gone, altered, or older than
 * one seen before is `vault_damaged`. The caller holds the lock around `write`. `onSeen` is called with each state that is on the disk.
 */
export function vaultAdapter(
  file: string,
  disk: Disk,
  unlock: (header: KeyHeader, known?: Keyring) => Promise<Keyring>,
  onSeen: (mark: Mark) => void = () => undefined,
): VaultAdapter {
  let keys: { readonly keyring: Keyring; readonly text: string } | undefined;
  let coming: Keyring | undefined;
  let seen: { readonly generation: number; readonly mac: Buffer; readonly stat: BigIntStats } | undefined;
  let pinned: Opened | undefined;
  let buffer: Buffer | undefined;

  /**
   * Keeps the adopted file open: its inode cannot be given to a later file, so equal facts mean the same
   * file even when a clock tick is too coarse to tell two commits apart.
   */
  function pin(opened: Opened): void {
    // Windows does not give file ids away again, and could not replace a file that is held open.
    const released = process.platform === 'win32' ? opened : pinned;
    if (released !== opened) pinned = opened;
    // Freeing a replaced file takes a while; nobody has to wait for it, and nothing was written through this handle.
    released?.close().catch(() => undefined);
  }

  async function keyringOf(header: KeyHeader): Promise<Keyring> {
    const text = JSON.stringify(header);
    if (keys?.text !== text) {
      if (keys !== undefined && keys.keyring.vaultId !== header.vaultId) throw damaged('is another vault now');
      keys = { keyring: await unlock(header, keys?.keyring), text };
    }
    return keys.keyring;
  }

  function keyring(): Keyring {
    if (keys === undefined) throw new Error('The vault was not read yet.');
    return keys.keyring;
  }

  return {
    keyring,
    next(keyring) {
      coming = keyring;
    },
    changed: () => seen === undefined || !isSameFile(statOf(file), seen.stat),
    async read() {
      statOf(file);
      await tighten(file, fileMode);
      const handle = await open(file, constants.O_RDONLY | noFollow).catch((error: unknown) => {
        throw storageError(error, file);
      });
      try {
        const stat = await handle.stat({ bigint: true });
        const content = decodeVault(await handle.readFile());
        const { header, rows } = content;
        if (header.keyward === 1) throw damaged('was set back to an older format');
        check(content, await keyringOf(header.keys));
        const { generation } = header;
        // Equal generations with unequal MACs are two histories.
        const older =
          seen !== undefined &&
          (generation < seen.generation || (generation === seen.generation && !seen.mac.equals(content.mac)));
        if (older) throw damaged('was rolled back to an older state while Keyward was running');
        seen = { generation, mac: content.mac, stat };
        onSeen(markOf(header, content.mac));
        pin(handle);
        return { header, rows };
      } catch (error) {
        await handle.close();
        throw storageError(error, file);
      }
    },
    async write(content) {
      const before = keys;
      if (coming !== undefined) keys = { keyring: coming, text: JSON.stringify(content.header.keys) };
      coming = undefined;
      try {
        const { bytes, mac, buffer: used } = await encodeVault(content, await keyringOf(content.header.keys), buffer);
        buffer = used;
        const written = await replaceFile(disk, file, bytes, 'tmp');
        seen = { generation: content.header.generation, mac, stat: await written.stat() };
        onSeen(markOf(content.header, mac));
        pin(written);
      } catch (error) {
        // A new data key that is not stored must never seal anything.
        keys = before;
        throw error;
      }
    },
    async close() {
      await pinned?.close();
      pinned = undefined;
    },
  };
}

function markOf({ keys, generation }: Header, mac: Buffer): Mark {
  return { vaultId: keys.vaultId, generation, history: mac.toString('hex') };
}

/** Writes a vault where none was. */
export async function writeFirst(file: string, disk: Disk, content: VaultFile, keyring: Keyring): Promise<void> {
  const marker: Marker = 'new';
  const written = await replaceFile(disk, file, (await encodeVault(content, keyring)).bytes, marker);
  await written.close();
}

/** `vault_damaged` when the file is gone or is no file. */
function statOf(file: string): BigIntStats {
  const stat = lstatOf(file);
  if (stat === undefined) throw damaged('is gone');
  if (stat.isSymbolicLink()) {
    throw new KeywardError('vault_damaged', 'The vault is a symbolic link, which Keyward does not follow.', {
      hint: 'Put the file itself there, or let KEYWARD_STORE name the place where it is.',
      details: { path: file },
    });
  }
  if (!stat.isFile()) throw damaged('is no file');
  return stat;
}

/** Compared at every look, so field by field. */
function isSameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.size === b.size && a.dev === b.dev;
}

/** A path that can't be looked at (a folder of it is a file now, or closed) is a storage error, not a missing vault. */
function lstatOf(file: string): BigIntStats | undefined {
  try {
    return lstatSync(file, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    throw storageError(error, file);
  }
}
