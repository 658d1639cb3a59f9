/** The file in which a client keeps its servers: reading it, and replacing it. */
import type { BigIntStats } from 'node:fs';
import { chmod, chown, lstat, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { KeywardError } from '../../errors.ts';
import { type Disk, realDisk } from '../../store/json/disk.ts';
import { replaceFile } from '../../store/json/replace-file.ts';
import type { Client, FoundClient } from './clients.ts';

/** What a file holds now. */
type TextFile = {
  readonly path: string;
  /** Its text without the byte order mark; empty where there is no file. */
  readonly text: string;
  /** The byte order mark, or nothing. */
  readonly mark: string;
  /** The file as it was read; null where there is none. */
  readonly bytes: Buffer | null;
};

/** The file of a client. */
export type ClientConfig = TextFile & { readonly client: Client };

/** Most that such a file may hold, in bytes. Claude Code keeps more than servers in its own, and lets it grow. */
const maxBytes = 32 * 1024 * 1024;

const byteOrderMark = '\uFEFF';

/** @throws KeywardError `invalid_input` for what is no text file, or too large; `storage_…` when it can't be read */
export async function readConfig({ client, path: file }: FoundClient): Promise<ClientConfig> {
  return { client, ...(await readText(file)) };
}

/** As {@link readConfig}, for any file. */
export async function readText(file: string): Promise<TextFile> {
  const bytes = await readIfThere(file);
  if (bytes === null) return { path: file, text: '', mark: '', bytes };
  const text = decode(bytes);
  if (text === undefined) throw notEditable(file, 'is not text in UTF-8');
  const mark = text.startsWith(byteOrderMark) ? byteOrderMark : '';
  return { path: file, text: text.slice(mark.length), mark, bytes };
}

/**
 * Replaces a client's file as {@link replaceText} does, and answers the path of the copy of the old one, which has its mode
 * and its owner, or null where there was none.
 */
export async function replaceConfig(
  config: ClientConfig,
  text: string | null,
  disk: Disk = realDisk,
): Promise<string | null> {
  const backup = config.bytes === null ? null : await backupOf(config.path);
  if (backup !== null && config.bytes !== null) await put((await carefulWith(config, disk)).disk, backup, config.bytes);
  await replaceText(config, text, disk);
  return backup;
}

/**
 * Replaces the text of a file, or (null) removes the file. A kill or a power cut at any moment leaves the old file or the new one, whole. The new one has
 * the mode and the owner of the old one, a byte order mark stays, and a link stays a link: what it leads to is replaced.
 * What another program wrote since the file was read is not overwritten, but for the instant between looking and renaming.
 *
 * @throws KeywardError `conflict` when the file changed since, `forbidden` when it is not this person's to change,
 *   `storage_…` when the disk fails
 */
export async function replaceText(file: TextFile, text: string | null, disk: Disk = realDisk): Promise<void> {
  const careful = await carefulWith(file, disk);
  if (text !== null) return put(careful.disk, careful.target, Buffer.from(file.mark + text));
  await careful.unlessChanged();
  await disk.remove(careful.target);
}

/** Where the file really is, and a disk that puts nothing in its place once it has changed since it was read. */
async function carefulWith({ path: file, bytes }: TextFile, disk: Disk) {
  const target = await targetOf(file);
  const old = await stat(target, { bigint: true }).catch(() => null);
  if (old !== null) refuseForeign(file, old);
  const unlessChanged = async () => {
    if (!same(await readIfThere(file), bytes)) throw changedMeanwhile(file);
  };
  const careful: Disk = {
    ...keeping(disk, old),
    async rename(from, to) {
      await unlessChanged();
      await disk.rename(from, to);
    },
  };
  return { target, disk: careful, unlessChanged };
}

/** Where the file is kept as it was before Keyward's last change: beside it, or beside what a link leads to. */
export async function backupOf(file: string): Promise<string> {
  return `${await targetOf(file)}.before-keyward`;
}

async function targetOf(file: string): Promise<string> {
  const target = await realpath(file).catch(() => null);
  if (target !== null) return target;
  const isLink = await lstat(file).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
  if (isLink) throw notEditable(file, 'is a link that leads nowhere');
  return file;
}

async function put(disk: Disk, file: string, bytes: Buffer): Promise<void> {
  await (await replaceFile(disk, file, bytes, 'tmp')).close();
}

/** Gives each new file the mode and the owner of the old one, before its name leads to it. */
function keeping(disk: Disk, old: BigIntStats | null): Disk {
  return {
    ...disk,
    async create(file) {
      const made = await disk.create(file);
      if (old === null || process.platform === 'win32') return made;
      try {
        // Only root may give a file away, and for anybody else there is nothing to do here.
        if (process.getuid?.() === 0) await chown(file, Number(old.uid), Number(old.gid));
        await chmod(file, Number(old.mode & 0o777n));
      } catch (error) {
        await made.close().catch(() => undefined);
        await disk.remove(file).catch(() => undefined);
        throw error;
      }
      return made;
    },
  };
}

/** Whoever can write the file decides which programs the client starts: an entry of Keyward's there would be theirs. */
function refuseForeign(file: string, { mode, uid }: BigIntStats): void {
  if (process.platform === 'win32') return;
  const me = BigInt(process.getuid?.() ?? 0);
  if (me !== 0n && uid !== me) {
    throw new KeywardError('forbidden', `${file} belongs to another user of this computer; nothing was changed.`, {
      hint: 'Change it as that user, or make it yours first.',
    });
  }
  if ((mode & 0o002n) === 0n) return;
  throw new KeywardError('forbidden', `Every user of this computer can write ${file}; nothing was changed.`, {
    hint: `Run: chmod o-w '${file}'`,
  });
}

async function readIfThere(file: string): Promise<Buffer | null> {
  try {
    const found = await stat(file);
    if (!found.isFile()) throw notEditable(file, 'is no file');
    if (found.size > maxBytes) throw notEditable(file, `is larger than ${maxBytes / 1024 / 1024} MB`);
    return await readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw error instanceof KeywardError ? error : notEditable(file, `can't be read (${code})`);
  }
}

function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function same(one: Buffer | null, other: Buffer | null): boolean {
  return one === null || other === null ? one === other : one.equals(other);
}

function notEditable(file: string, why: string): KeywardError {
  return new KeywardError('invalid_input', `${file} ${why}.`, {
    hint: `Look at ${path.basename(file)} yourself; keyward status shows what to add.`,
  });
}

function changedMeanwhile(file: string): KeywardError {
  return new KeywardError('conflict', `Another program changed ${file} meanwhile; nothing was changed.`, {
    hint: 'Run the command again.',
  });
}
