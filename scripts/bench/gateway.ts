/** The gateway against calling the service straight, and against a proxy that does nothing but pass on. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { createCredential } from '../../src/broker/connect/create.ts';
import { localPrincipal, type Owner } from '../../src/principal.ts';
import { type Figure, median, milliseconds } from './figures.ts';
import { inTurns, type Target } from './load.ts';
import { freePort, residentMebibytes, sessionToken, started, stopped } from './processes.ts';
import { toolCall } from './tool-call.ts';
import { keywardOf, makeHome } from './vaults.ts';

const owner = { tenant: 'default', user: 'bench' };
const credentials = 1_000;
/** So many that a proxy always has something to do, while the audit log is synced too. */
const connections = 32;
const rounds = 5;
const roundMs = 1_500;
const streams = 200;
const poured = 1_024;

export async function gateway(): Promise<Figure[]> {
  const home = await makeHome(credentials, owner);
  const folder = await mkdtemp(join(tmpdir(), 'keyward-bench-gateway-'));
  const [port, upstreamPort, plainPort] = [await freePort(), await freePort(), await freePort()];
  await writeFile(join(folder, 'bench.json'), JSON.stringify(definition(upstreamPort)));
  const env = {
    PATH: process.env.PATH,
    ...home.env,
    KEYWARD_CONNECTORS_DIR: folder,
    KEYWARD_EGRESS_ALLOW: `127.0.0.1:${upstreamPort}`,
    KEYWARD_PORT: `${port}`,
    KEYWARD_RATE_LIMIT: '100000000',
  };
  const connectionId = await connectBench(env, owner);
  const start = (...args: string[]) =>
    started(spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'ignore'] }));
  const running = [
    await start('artifacts/upstream/main.js', `${upstreamPort}`),
    await start('artifacts/plain-proxy/main.js', `${plainPort}`, `${upstreamPort}`),
  ];
  try {
    const keyward = await start('dist/main.js', 'http');
    running.push(keyward);
    const authorization = `Bearer ${await sessionToken(env, owner, 'credentials:use')}`;
    const straight = target(`http://127.0.0.1:${upstreamPort}`, '/v1', { authorization: 'Bearer of-the-service' });
    const plain = { ...straight, origin: `http://127.0.0.1:${plainPort}` };
    const ours = target(`http://127.0.0.1:${port}`, `/proxy/${connectionId}`, { authorization });

    const [fewStraight, fewOurs] = await inTurns([straight, ours], 1, rounds, roundMs);
    const [manyPlain, manyOurs] = await inTurns([plain, ours], connections, rounds, roundMs);
    if (!fewStraight || !fewOurs || !manyPlain || !manyOurs) throw new Error('Nothing was measured.');
    const [largePlain, largeOurs] = await inTurns([plain, ours].map(largeOf), connections, rounds, roundMs);
    if (!largePlain || !largeOurs) throw new Error('Nothing was measured.');
    const call = { connectionId, method: 'GET', path: '/small' };
    const overMcp = toolCall(ours.origin, 'call_api', call, { authorization });
    const [byGateway, byTool] = await inTurns([ours, overMcp], connections, rounds, roundMs);
    if (!byGateway || !byTool) throw new Error('Nothing was measured.');
    const first = await firstBytes([straight, ours]);
    const memory = await pour(ours, keyward.pid ?? 0);
    const plainMs = (await pour(plain, keyward.pid ?? 0)).ms;
    return [
      shown(
        'gateway, added p50 latency',
        fewOurs.p50 - fewStraight.p50,
        'ms',
        `${milliseconds(fewOurs.p50)} / ${milliseconds(fewStraight.p50)} straight, one at a time`,
      ),
      shown(
        'gateway, added time to the first byte of a stream',
        (first[1] ?? 0) - (first[0] ?? 0),
        'ms',
        `${milliseconds(first[1] ?? 0)} / ${milliseconds(first[0] ?? 0)} straight, p50`,
      ),
      atLeastHalf(
        'gateway, throughput in answers of 1 KB / plain proxy on undici',
        manyOurs.perSecond / manyPlain.perSecond,
        `${manyOurs.perSecond.toFixed(0)} / ${manyPlain.perSecond.toFixed(0)} calls a second, ${connections} at once`,
      ),
      atLeastHalf(
        'gateway, throughput in answers of 64 KiB / plain proxy on undici',
        largeOurs.perSecond / largePlain.perSecond,
        `${mebibytes(largeOurs.perSecond)} / ${mebibytes(largePlain.perSecond)} a second, ${connections} at once`,
      ),
      {
        name: 'call_api over HTTP, calls a second / gateway, answers of 1 KB',
        value: byTool.perSecond / byGateway.perSecond,
        unit: 'x',
        goal: { is: '>=', than: 0.6 },
        from: `${byTool.perSecond.toFixed(0)} / ${byGateway.perSecond.toFixed(0)} calls a second, ${connections} at once`,
      },
      atLeastHalf(
        'gateway, throughput of a stream of 1 GiB / plain proxy on undici',
        plainMs / memory.ms,
        `${milliseconds(memory.ms)} / ${milliseconds(plainMs)}`,
      ),
      {
        name: 'gateway, memory growth while streaming 1 GiB',
        value: memory.growth,
        unit: 'MiB',
        goal: { is: '<=', than: 100 },
        from: 'highest RSS seen, less that before',
      },
    ];
  } finally {
    for (const child of running.reverse()) await stopped(child);
    await home.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

/** p50 of the time until the first byte of a body, in turns. */
async function firstBytes(targets: readonly Target[]): Promise<number[]> {
  const times = targets.map((): number[] => []);
  for (let at = 0; at < streams; at += 1) {
    for (const [index, { origin, path, headers }] of targets.entries()) {
      const from = performance.now();
      const { body } = await request(`${origin}${path.replace('/small', '/events')}`, { headers });
      let seen = false;
      for await (const _ of body) {
        if (!seen) times[index]?.push(performance.now() - from);
        seen = true;
      }
    }
  }
  return times.map((values) => median(values));
}

/** Reads a stream to its end; how long that took and how much the process of this id grew meanwhile. */
async function pour({ origin, path, headers }: Target, pid: number): Promise<{ ms: number; growth: number }> {
  const before = await residentMebibytes(pid);
  let highest = before;
  const watch = setInterval(async () => {
    highest = Math.max(highest, await residentMebibytes(pid));
  }, 20);
  const from = performance.now();
  const url = `${origin}${path.replace('/small', `/pour?mebibytes=${poured}`)}`;
  const { body } = await request(url, { headers });
  let size = 0;
  for await (const chunk of body) size += chunk.length;
  clearInterval(watch);
  if (size !== poured * 1024 * 1024) throw new Error(`Only ${size} bytes came through.`);
  return { ms: performance.now() - from, growth: highest - before };
}

function target(origin: string, prefix: string, headers: Target['headers']): Target {
  return { origin, method: 'GET', path: `${prefix}/small`, headers, body: null };
}

function largeOf(target: Target): Target {
  return { ...target, path: target.path.replace('/small', '/page') };
}

/** Makes one connection of this owner to the service of {@link definition}; answers its id. */
export async function connectBench(env: NodeJS.ProcessEnv, by: Owner): Promise<string> {
  const given = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  const { broker, close } = await keywardOf(given);
  const input = {
    connectorId: 'custom.bench',
    authenticationType: 'bearer',
    token: 'a-token-of-usual-length-0123456789abcdef',
  };
  const created = await createCredential(broker, { ...localPrincipal, ...by }, input, { obtainedBy: 'rest' });
  await close();
  if (created.kind !== 'created') throw new Error('The credential was not made.');
  return created.credentialId;
}

/** The service of the bench, on this port. */
export function definition(port: number): unknown {
  return {
    id: 'custom.bench',
    name: 'Bench',
    categories: ['testing'],
    docsUrl: 'https://bench.example/docs',
    appUrl: 'https://bench.example/apps',
    api: { baseUrl: `http://127.0.0.1:${port}/v1`, allowedHosts: [`127.0.0.1:${port}`] },
    auth: [{ authenticationType: 'bearer' }],
  };
}

function atLeastHalf(name: string, value: number, from: string): Figure {
  return { name, value, unit: 'x', goal: { is: '>=', than: 0.5 }, from };
}

/** Of so many answers of 64 KiB. */
function mebibytes(answers: number): string {
  return `${(answers / 16).toFixed(0)} MiB`;
}

function shown(name: string, value: number, unit: Figure['unit'], from: string): Figure {
  return { name, value, unit, goal: null, from };
}
