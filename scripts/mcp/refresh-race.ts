/**
 * `node --import ./scripts/typescript.mjs scripts/mcp/refresh-race.ts`, after a build: eight clients on one grant whose
 * tokens live two seconds and whose refresh tokens are good once, with kills in between; then the same eight with
 * mcp-remote. Prints what each had of it. It takes some minutes and is no part of any check.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { runKeyward } from '../../test/support/clients/command.ts';
import { freePort, keywardMain } from '../../test/support/clients/mcp-clients.ts';
import { followLink } from '../../test/support/clients/person.ts';
import { type HttpKeyward, startKeywardHttp } from '../../test/support/servers/keyward-http.ts';
import { installPackages } from '../fetch-tool.ts';
import { type Counts, startRotatingServer } from './rotating-server.ts';
import { connectAll, type Disturbances, runWorker, type Tally, type Worker } from './workers.ts';

const mcpRemote = '0.15.1';
const [clients, callsOfEach, longestMs] = [8, 125, 120_000];
/** How long after its end a kill may still be felt: a process starts again, a session is begun again. */
const afterwardsMs = 15_000;
const betweenKillsMs = 10_000;

/** What is killed in turn, and brings it back where nobody else does. */
type Kill = { readonly whom: string; readonly act: () => Promise<void> };

async function race(title: string, workers: readonly Worker[], kills: readonly Kill[], counts: Counts): Promise<void> {
  const tally: Tally = { calls: 0, underWay: 0, lost: 0, words: [] };
  const disturbances: Disturbances = [];
  const all = await connectAll(workers);
  const until = Date.now() + longestMs;
  let running = true;
  const before = { ...counts };
  const killing = (async () => {
    for (let turn = 0; running; turn += 1) {
      await delay(betweenKillsMs);
      const kill = kills[turn % kills.length];
      if (!running || kill === undefined) return;
      const disturbance = { from: Date.now(), until: Number.POSITIVE_INFINITY, whom: kill.whom };
      disturbances.push(disturbance);
      await kill.act();
      disturbance.until = Date.now() + afterwardsMs;
    }
  })();
  const common = { calls: callsOfEach, until, disturbances, tally };
  await Promise.all(all.map((first, at) => runWorker(workers[at] as Worker, { first, ...common })));
  running = false;
  await killing;
  const refreshes = counts.refreshes - before.refreshes;
  const needless = counts.needless - before.needless;
  process.stdout.write(
    [
      `${title}: ${tally.calls} calls, ${disturbances.length} kills`,
      `  refreshes an expiry ${(refreshes / Math.max(1, refreshes - needless)).toFixed(2)} (${refreshes}, ${needless} needless)`,
      `  calls lost: ${tally.lost}; failed under way ${tally.underWay}`,
      `  grants lost: ${counts.lost - before.lost}; consents asked for meanwhile ${counts.granted - before.granted}`,
      ...tally.words.map((words) => `  ${words}`),
      '',
    ].join('\n'),
  );
}

/** The process that a stdio transport started. */
function kill(transport: StdioClientTransport | undefined): void {
  (transport as unknown as { _process?: ChildProcess } | undefined)?._process?.kill('SIGKILL');
}

/** Workers that each start a program, and the newest way of each. */
function stdioWorkers(names: readonly string[], start: () => StdioClientTransport) {
  const newest = new Map<string, StdioClientTransport>();
  const workers = names.map((name) => ({
    name,
    open: () => {
      const transport = start();
      newest.set(name, transport);
      return transport;
    },
  }));
  return { workers, newest };
}

async function withKeyward(folder: string): Promise<void> {
  const { server, counts } = await startRotatingServer();
  const port = await freePort();
  const common = { KEYWARD_HOME: join(folder, 'keyward'), KEYWARD_KEY: 'ab'.repeat(32), HOME: folder };
  const env = {
    ...common,
    KEYWARD_EGRESS_ALLOW: server.host,
    KEYWARD_HOSTS_ALLOW: server.host,
    KEYWARD_RELEASE: 'allow',
  };
  const links: Promise<unknown>[] = [];
  const onStderr = (text: string) => {
    const link = /(http:\/\/127\.0\.0\.1:\d+\/connect\/\S+)/.exec(text)?.[1];
    if (link !== undefined) links.push(followLink(link));
  };
  const made = await runKeyward(
    ['connect', 'mcp-server', '--type', 'oauth2', '--input', `serverUrl=${server.url}`, '--json'],
    { ...env, KEYWARD_PORT: String(await freePort()) },
    { onStderr },
  );
  await Promise.all(links);
  const id: string = JSON.parse(made.stdout || '{}').credentialId;
  if (id === undefined) throw new Error(made.stderr);
  let http: HttpKeyward = await startKeywardHttp({ ...env, KEYWARD_PORT: String(port) });
  const token = await http.sessionToken('local', { tenant: 'local' });

  const half = Array.from({ length: clients / 2 }, (_, at) => at);
  const stdio = stdioWorkers(
    half.map((at) => `stdio ${at}`),
    () =>
      new StdioClientTransport({
        command: process.execPath,
        args: [keywardMain, 'mcp', id],
        env: { PATH: process.env.PATH ?? '', ...env },
        stderr: 'ignore',
      }),
  );
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  const overHttp = half.map((at) => ({
    name: `proxy ${at}`,
    open: () =>
      new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/proxy/${id}`), { requestInit }) as never,
  }));
  const kills: Kill[] = [
    { whom: 'stdio 0', act: async () => kill(stdio.newest.get('stdio 0')) },
    {
      whom: 'proxy',
      act: async () => {
        await http.kill();
        http = await startKeywardHttp({ ...env, KEYWARD_PORT: String(port) });
      },
    },
    { whom: 'stdio 1', act: async () => stdio.newest.get('stdio 1')?.close() },
    {
      whom: '',
      act: async () => {
        await server.stop();
        await delay(300);
        await server.start();
      },
    },
  ];
  await race('Keyward', [...stdio.workers, ...overHttp], kills, counts);
  await http.stop();
  await server.close();
}

async function withMcpRemote(folder: string): Promise<void> {
  const programs = join(folder, 'programs');
  await mkdir(programs);
  await installPackages(programs, { 'mcp-remote': mcpRemote });
  const { server, counts } = await startRotatingServer();
  const env = { PATH: process.env.PATH ?? '', HOME: folder, MCP_REMOTE_CONFIG_DIR: join(folder, 'mcp-remote') };
  const start = () => {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [join(programs, 'node_modules', 'mcp-remote', 'dist', 'proxy.js'), server.url, '--allow-http'],
      env,
      stderr: 'pipe',
    });
    // A person consents at once, as often as they are asked.
    transport.stderr?.on('data', (chunk: Buffer) => {
      const link = /(http:\/\/\S+\/authorize\?\S+)/.exec(chunk.toString())?.[1];
      if (link !== undefined) void fetch(link).catch(() => {});
    });
    return transport;
  };
  const names = Array.from({ length: clients }, (_, at) => `remote ${at}`);
  const { workers, newest } = stdioWorkers(names, start);
  const kills: Kill[] = [
    { whom: 'remote 0', act: async () => kill(newest.get('remote 0')) },
    { whom: 'remote 1', act: async () => newest.get('remote 1')?.close() },
    {
      whom: '',
      act: async () => {
        await server.stop();
        await delay(300);
        await server.start();
      },
    },
  ];
  await race(`mcp-remote ${mcpRemote}`, workers, kills, counts);
  await server.close();
}

const folder = await mkdtemp(join(tmpdir(), 'keyward-race-'));
try {
  await withKeyward(folder);
  await withMcpRemote(folder);
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
}
