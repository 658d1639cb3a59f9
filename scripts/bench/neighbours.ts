/** What one user's ten thousand connections cost the others: gateway calls alone, beside a long list, and beside writes. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import type { Figure } from './figures.ts';
import { connectBench, definition } from './gateway.ts';
import { inTurns, type Load, load, quantile, type Target } from './load.ts';
import { freePort, sessionToken, started, stopped } from './processes.ts';
import { toolCall } from './tool-call.ts';
import { makeHome } from './vaults.ts';

const crowd = { tenant: 'default', user: 'crowd' };
const neighbour = { tenant: 'default', user: 'neighbour' };
const credentials = 10_000;
const connections = 4;
const rounds = 4;
const roundMs = 2_000;

export async function neighbours(): Promise<Figure[]> {
  const home = await makeHome(credentials, crowd);
  const folder = await mkdtemp(join(tmpdir(), 'keyward-bench-neighbours-'));
  const [port, upstreamPort] = [await freePort(), await freePort()];
  await writeFile(join(folder, 'bench.json'), JSON.stringify(definition(upstreamPort)));
  const env = {
    PATH: process.env.PATH,
    ...home.env,
    KEYWARD_CONNECTORS_DIR: folder,
    KEYWARD_EGRESS_ALLOW: `127.0.0.1:${upstreamPort}`,
    KEYWARD_PORT: `${port}`,
    KEYWARD_RATE_LIMIT: '100000000',
  };
  // After those of the crowd: a walk through the file would meet it last.
  let connectionId = '';
  for (let at = 0; at < 10; at += 1) connectionId = await connectBench(env, neighbour);
  const start = (...args: string[]) =>
    started(spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'ignore'] }));
  const running = [await start('artifacts/upstream/main.js', `${upstreamPort}`)];
  try {
    running.push(await start('dist/main.js', 'http'));
    const origin = `http://127.0.0.1:${port}`;
    const bearer = async (owner: typeof crowd) => ({
      authorization: `Bearer ${await sessionToken(env, owner, scopes)}`,
    });
    const [theirs, mine] = [await bearer(crowd), await bearer(neighbour)];
    const calls: Target = {
      origin,
      method: 'GET',
      path: `/proxy/${connectionId}/small`,
      headers: mine,
      body: null,
    };
    const alone: Load[] = [];
    const besideList: Load[] = [];
    const besideWrites: Load[] = [];
    for (let round = -1; round < rounds; round += 1) {
      const parts = [
        [alone, async () => {}],
        [besideList, () => listed(origin, theirs)],
        [besideWrites, () => stored(origin, theirs)],
      ] as const;
      for (const [loads, work] of parts) {
        const one = await beside(work, () => load(calls, connections, roundMs));
        if (round >= 0) loads.push(one);
      }
    }
    const least = rate(alone);
    return [
      ...compared('a list of 10,000 in a loop', rate(besideList), least),
      ...compared('writes in a loop', rate(besideWrites), least),
      await pageOfFew(env, toolCall(origin, 'list_credentials', {}, mine)),
    ];
  } finally {
    for (const child of running.reverse()) await stopped(child);
    await home.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

const scopes = 'credentials:read,credentials:write,credentials:use';

/** What the load shows while the other work is done again and again. */
async function beside(other: () => Promise<void>, measure: () => Promise<Load>): Promise<Load> {
  let ended = false;
  const loop = (async () => {
    while (!ended) {
      await other();
      // Without any, a turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  try {
    return await measure();
  } finally {
    ended = true;
    await loop;
  }
}

async function listed(origin: string, headers: Target['headers']): Promise<void> {
  const { body, statusCode } = await request(`${origin}/api/credentials`, { headers });
  let size = 0;
  for await (const chunk of body) size += chunk.length;
  if (statusCode !== 200 || size < credentials * 50) throw new Error(`A list was answered with ${statusCode}.`);
}

async function stored(origin: string, headers: Target['headers']): Promise<void> {
  const { body, statusCode } = await request(`${origin}/mcp`, {
    method: 'POST',
    headers: {
      ...headers,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: {
        name: 'create_credential',
        arguments: {
          connectorId: 'custom.bench',
          authenticationType: 'bearer',
          token: `t-${Math.random()}-0123456789`,
        },
      },
    }),
  });
  const text = await body.text();
  if (statusCode !== 200 || text.includes('"isError":true'))
    throw new Error(`A write was answered with ${text.slice(0, 200)}`);
}

/** The ten connections of one user as a page, where ten thousand of somebody else are stored too, against where none are. */
async function pageOfFew(env: NodeJS.ProcessEnv, crowded: Target): Promise<Figure> {
  const home = await makeHome(0, neighbour);
  const port = await freePort();
  const few = { ...env, ...home.env, KEYWARD_PORT: `${port}` };
  try {
    for (let at = 0; at < 10; at += 1) await connectBench(few, neighbour);
    const server = await started(
      spawn(process.execPath, ['dist/main.js', 'http'], { env: few, stdio: ['ignore', 'pipe', 'ignore'] }),
    );
    const authorization = `Bearer ${await sessionToken(few, neighbour, scopes)}`;
    const alone = toolCall(`http://127.0.0.1:${port}`, 'list_credentials', {}, { authorization });
    const [there, least] = await inTurns([crowded, alone], 1, rounds, roundMs);
    await stopped(server);
    if (!there || !least) throw new Error('Nothing was measured.');
    return {
      name: 'a page of ten, the last of 10,010 stored / of ten stored',
      value: there.p50 / least.p50,
      unit: 'x',
      goal: { is: '<=', than: 1.1 },
      from: `${there.p50.toFixed(2)} / ${least.p50.toFixed(2)} ms, list_credentials over HTTP`,
    };
  } finally {
    await home.remove();
  }
}

type Rate = { readonly perSecond: number; readonly p50: number; readonly p99: number };

function rate(loads: readonly Load[]): Rate {
  const durations = loads.flatMap((one) => one.durations);
  const elapsed = loads.reduce((sum, one) => sum + one.elapsed, 0);
  return {
    perSecond: (durations.length / elapsed) * 1_000,
    p50: quantile(durations, 0.5),
    p99: quantile(durations, 0.99),
  };
}

function compared(what: string, there: Rate, alone: Rate): Figure[] {
  return [
    {
      name: `gateway beside ${what}, calls a second / alone`,
      value: there.perSecond / alone.perSecond,
      unit: 'x',
      goal: { is: '>=', than: 0.7 },
      from: `${there.perSecond.toFixed(0)} / ${alone.perSecond.toFixed(0)} a second`,
    },
    {
      name: `gateway beside ${what}, p99 / alone`,
      value: there.p99 / alone.p99,
      unit: 'x',
      goal: { is: '<=', than: 2 },
      from: `${there.p99.toFixed(1)} / ${alone.p99.toFixed(1)} ms; p50 ${there.p50.toFixed(1)} / ${alone.p50.toFixed(1)} ms`,
    },
  ];
}
