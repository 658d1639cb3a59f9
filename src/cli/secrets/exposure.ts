/** Who else may have read a file: other users of this computer, and everybody who has a copy of its repository. */
import { execFile } from 'node:child_process';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';

/** Longest that git may take, in milliseconds. */
const gitMs = 5_000;

/** Why what stands in the file should be replaced at its service, as words that follow the file's name; none is good. */
export async function exposureOf(file: string): Promise<string[]> {
  const real = await realpath(file).catch(() => file);
  const reasons = [
    (await isOpen(real)) ? 'can be read by other users of this computer' : null,
    (await isInGit(real)) ? 'is in the history of a git repository' : null,
  ];
  return reasons.filter((reason) => reason !== null);
}

/** Whether the modes of the file and of all folders above let somebody else in. Windows has no such modes. */
async function isOpen(file: string): Promise<boolean> {
  if (process.platform === 'win32') return false;
  const found = await stat(file).catch(() => null);
  if (found === null) return false;
  for (const bit of bitsOfOthers(found.gid)) {
    if ((found.mode & (4 << bit)) !== 0 && (await letsIn(path.dirname(file), bit))) return true;
  }
  return false;
}

/** Places of the permissions of everybody and of the group, where that is not the person's own. */
function bitsOfOthers(group: number): number[] {
  return group === process.getgid?.() ? [0] : [0, 3];
}

async function letsIn(folder: string, bit: number): Promise<boolean> {
  const found = await stat(folder).catch(() => null);
  // A folder of another group lets its own group in, which may be anybody's.
  const open = found !== null && (found.mode & (1 << bit)) !== 0;
  const above = path.dirname(folder);
  return open && (above === folder || (await letsIn(above, bit)));
}

/** Whether git has, or ever had, this file. Nothing of the file, and no secret, is handed to git. */
async function isInGit(file: string): Promise<boolean> {
  const { PATH, HOME, USERPROFILE, SystemRoot } = process.env;
  // A repository may name programs of its own to watch files and to check signatures with.
  const args = [
    '-C',
    path.resolve(path.dirname(file)),
    '-c',
    'core.fsmonitor=false',
    '-c',
    'log.showSignature=false',
    '--no-pager',
  ];
  // Nor is anything fetched, or written.
  const quiet = { GIT_NO_LAZY_FETCH: '1', GIT_OPTIONAL_LOCKS: '0', GIT_TERMINAL_PROMPT: '0' };
  const env = { PATH, HOME, USERPROFILE, SystemRoot, ...quiet };
  // Windows looks for programs in the working folder first, and so does a relative PATH: a repository could bring a git of
  // its own. The folder of Node always exists, and who can write there owns this process already.
  const options = { env, cwd: path.dirname(process.execPath), timeout: gitMs };
  const said = await new Promise<string>((resolve) => {
    const command = [...args, 'log', '--all', '--max-count=1', '--format=%h', '--', path.basename(file)];
    execFile('git', command, options, (error, stdout) => resolve(error === null ? stdout : ''));
  });
  if (said.trim() !== '') return true;
  return new Promise((resolve) => {
    const command = [...args, 'ls-files', '--error-unmatch', '--', path.basename(file)];
    execFile('git', command, options, (error) => resolve(error === null));
  });
}
