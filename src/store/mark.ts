/**
 * What this computer remembers of a vault: which one was in a place, and how far it had come. It is kept in the config
 * folder, away from the vault, so that whoever removes a vault, puts another one or an older copy in its place while no
 * Keyward runs does not do so unnoticed. A mark may be a few seconds behind its vault, and is never ahead of it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { KeywardError } from '../errors.ts';
import { parseJson } from '../json.ts';
import { fileMode, makeFolder } from '../seal/private-files.ts';

export type Mark = {
  readonly vaultId: string;
  /** Grows with the changes of the vault. */
  readonly generation: number;
  /** What is other when the vault had another history up to this generation. */
  readonly history: string;
};

export type MarkKeeper = {
  /** `vault_damaged` when there was a vault in this place; call it where there is none. */
  refuseGone(): void;
  /** `vault_damaged` when the vault in this place is another one than was here, or an older copy of it. */
  check(found: Mark): void;
  /** The vault is this far now, as is written down within seconds. */
  note(mark: Mark): void;
  /** Writes down what is noted. */
  flush(): Promise<void>;
};

const intervalMs = 5_000;

/** Keeps nothing: for a store that nobody remembers. */
export const noMark: MarkKeeper = {
  refuseGone: () => undefined,
  check: () => undefined,
  note: () => undefined,
  flush: async () => undefined,
};

/**
 * Opens the mark of the vault in this place.
 *
 * @param folder where marks are kept; a folder that can't be written keeps none, which harms nobody
 * @param anew forgets what was here before: somebody moves or restores a vault to this place
 */
export async function openMark(folder: string, location: string, anew: boolean): Promise<MarkKeeper> {
  const name = createHash('sha256').update(location).digest('hex').slice(0, 32);
  const file = path.join(folder, `${name}.json`);
  const known = anew ? undefined : await readMark(file);
  let noted: Mark | undefined;
  let timer: NodeJS.Timeout | undefined;
  let forget = anew;
  let written: Promise<void> = Promise.resolve();

  /** One after another, so that nobody takes for written what another one is still writing. */
  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    written = written.then(writeNoted);
    return written;
  }

  async function writeNoted(): Promise<void> {
    const mark = noted;
    noted = undefined;
    if (mark === undefined) return;
    const there = forget ? undefined : await readMark(file);
    forget = false;
    // Another process may have seen the vault go further.
    if (there?.vaultId === mark.vaultId && there.generation >= mark.generation) return;
    await write(file, mark).catch(() => undefined);
  }

  function refuse(what: string): KeywardError {
    return new KeywardError('vault_damaged', `${what} ${location}.`, {
      hint: `Put the newest copy back, or restore a backup with keyward restore. If this is on purpose, remove ${file} and start again.`,
      details: { path: file },
    });
  }

  return {
    refuseGone() {
      if (known !== undefined) throw refuse('There was a vault here before, and now there is none:');
    },
    check(found) {
      if (known === undefined) return;
      if (found.vaultId !== known.vaultId) throw refuse('There is another vault than before:');
      if (found.generation < known.generation)
        throw refuse('The vault is older than it was when it was last open here:');
      if (found.generation === known.generation && found.history !== known.history) {
        throw refuse('The vault is another copy than was last open here:');
      }
    },
    note(mark) {
      if (noted !== undefined && mark.generation < noted.generation) return;
      noted = mark;
      // A process that has nothing else to do is not kept alive for it; `flush` at close writes the rest.
      timer ??= setTimeout(flush, intervalMs).unref();
    },
    flush,
  };
}

async function readMark(file: string): Promise<Mark | undefined> {
  try {
    const { vaultId, generation, history } = parseJson(await readFile(file, 'utf8')) as Record<string, unknown>;
    if (typeof vaultId !== 'string' || typeof history !== 'string' || !Number.isSafeInteger(generation))
      return undefined;
    return { vaultId, generation: Number(generation), history };
  } catch {
    return undefined;
  }
}

async function write(file: string, mark: Mark): Promise<void> {
  await makeFolder(path.dirname(file));
  const temporary = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    await writeFile(temporary, JSON.stringify(mark), { mode: fileMode, flag: 'wx' });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
