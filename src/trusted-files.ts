/**
 * Files that decide where secrets go or what opens them: connector files and keys. Whoever else could write one, or put
 * another in its place, would decide that instead of this user. A leaf: connectors and keys share it.
 */
import type { Stats } from 'node:fs';
import { chmod, lstat, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Who else could have written this file or folder, as words that follow its name; null for nobody. As sshd's StrictModes
 * has it: the thing itself and every folder above it belong to this user or to root, and neither group nor others may
 * write there. A folder such as /tmp, in which nobody can move what is another's (sticky), is as good. Links are followed:
 * what holds the link counts as well as what it leads to. Windows has no such bits; there the permissions of the folder
 * that Keyward lies in decide.
 */
export async function strangerTo(path: string): Promise<string | null> {
  if (process.platform === 'win32') return null;
  const real = await realpath(path);
  const rule = refusalOf(await stat(real), false);
  if (rule !== null) return rule;
  const above = new Set([...foldersAbove(resolve(path)), ...foldersAbove(real)]);
  for (const folder of above) {
    const found = await lstat(folder);
    const problem = refusalOf(found, found.isDirectory());
    if (problem !== null) return `lies below ${folder}, which ${problem}`;
  }
  return null;
}

/**
 * Whether others can read this file, which holds a secret. What its group can read is no fault where the file is another
 * user's: a service reads the key that its administrator owns in that way. Windows has no such bits. False for a file that
 * is not there.
 */
export async function isReadableByOthers(file: string): Promise<boolean> {
  if (process.platform === 'win32') return false;
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) return false;
  const others = found.uid === process.getuid?.() ? 0o066 : 0o006;
  return (found.mode & others) !== 0;
}

/** Takes away what lets others write into a folder of this user's; one of somebody else's stays as it is. */
export async function closeToOthers(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const found = await lstat(folder).catch(() => null);
  if (found?.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) !== 0) {
    await chmod(folder, found.mode & 0o7755);
  }
}

function foldersAbove(path: string): string[] {
  const above = dirname(path);
  return above === path ? [] : [above, ...foldersAbove(above)];
}

function refusalOf(found: Stats, sticky: boolean): string | null {
  if (found.uid !== 0 && found.uid !== process.getuid?.()) return 'belongs to another user of this computer';
  const guarded = sticky && (found.mode & 0o1000) !== 0;
  // A link has no rights of its own.
  if ((found.mode & 0o022) === 0 || guarded || found.isSymbolicLink()) return null;
  return 'can be written by other users of this computer';
}
