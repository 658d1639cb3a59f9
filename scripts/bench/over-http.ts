/** `keyward http` under load, against a server of the bare SDK that does nothing but answer. */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import type { Figure } from './figures.ts';
import { inTurns, load, quantile, type Target } from './load.ts';
import { cpuSeconds, freePort, sessionToken, started, stopped } from './processes.ts';
import { toolCall } from './tool-call.ts';
import { makeHome } from './vaults.ts';

const owner = { tenant: 'default', user: 'bench' };
const credentials = 1_000;
const connections = 16;
const rounds = 5;
const roundMs = 1_500;
const slowConnections = 500;

export async function overHttp(): Promise<Figure[]> {
  const home = await makeHome(credentials, owner);
  const [port, barePort] = [await freePort(), await freePort()];
  const env = { PATH: process.env.PATH, ...home.env, KEYWARD_PORT: `${port}`, KEYWARD_RATE_LIMIT: '100000000' };
  const origin = `http://127.0.0.1:${port}`;
  const keyward = await started(
    spawn(process.execPath, ['dist/main.js', 'http'], { env, stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  const running = [keyward];
  try {
    const authorization = `Bearer ${await sessionToken(env, owner, 'credentials:read,credentials:release')}`;
    const connectionId = home.credentialIds[0] ?? '';
    // A secret that is read is written down first, and the bare server writes nothing.
    const calls = [
      ['list_credentials', {}, 1.7],
      ['get_connection_credentials', { connectionId }, 0.9],
    ] as const;
    const figures: Figure[] = [];
    for (const [tool, args, goal] of calls) {
      const ours = toolCall(origin, tool, args, { authorization });
      const bare = spawn(process.execPath, ['artifacts/bare-http/main.js', `${barePort}`], {
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      bare.stdin?.end(JSON.stringify({ tool, answer: await answerOf(ours) }));
      running.push(await started(bare));
      const servers = [keyward, bare].map(({ pid = 0 }) => pid);
      const before = await Promise.all(servers.map(cpuSeconds));
      const [mine, least] = await inTurns(
        [ours, toolCall(`http://127.0.0.1:${barePort}`, tool, args)],
        connections,
        rounds,
        roundMs,
      );
      const [myCpu = 0, leastCpu = 0] = (await Promise.all(servers.map(cpuSeconds))).map(
        (after, index) => after - (before[index] ?? 0),
      );
      await stopped(bare);
      if (!mine || !least) throw new Error('Nothing was measured.');
      figures.push(
        ratio(
          `${tool} over HTTP, calls a second / bare SDK server`,
          mine.perSecond / least.perSecond,
          '>=',
          goal,
          perSecond(mine, least),
        ),
        ratio(
          `${tool} over HTTP, p99 / bare SDK server`,
          mine.p99 / least.p99,
          '<=',
          1.5,
          milliseconds(mine.p99, least.p99),
        ),
        // The steadiest of the three where other programs use the machine too.
        cpu(tool, (myCpu / mine.calls) * 1_000, (leastCpu / least.calls) * 1_000),
      );
    }
    const rest: Target = {
      origin,
      method: 'GET',
      path: `/connection/${connectionId}/credentials`,
      headers: { authorization },
      body: null,
    };
    const mcp = toolCall(origin, 'get_connection_credentials', { connectionId }, { authorization });
    const [overRest, overMcp] = await inTurns([rest, mcp], connections, rounds, roundMs);
    if (!overRest || !overMcp) throw new Error('Nothing was measured.');
    figures.push({
      name: 'reading a secret over REST, calls a second / over MCP',
      value: overRest.perSecond / overMcp.perSecond,
      unit: 'x',
      goal: null,
      from: perSecond(overRest, overMcp),
    });
    figures.push(await besideSlowClients(port, mcp));
    return figures;
  } finally {
    for (const child of running) await stopped(child);
    await home.remove();
  }
}

/** How long healthy requests take while many connections send a byte a second. */
async function besideSlowClients(port: number, healthy: Target): Promise<Figure> {
  let ended = false;
  const open = new Set<ReturnType<typeof connect>>();
  const start = () => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    // Those that are closed come back: the attack goes on as long as the measurement.
    socket.once('close', () => {
      open.delete(socket);
      if (!ended) start();
    });
    socket.resume().write('POST /mcp HTTP/1.1\r\nX');
    open.add(socket);
  };
  for (let at = 0; at < slowConnections; at += 1) start();
  const drip = setInterval(() => {
    for (const socket of open) if (!socket.destroyed) socket.write('x');
  }, 1_000);
  const { durations } = await load(healthy, 4, 10_000);
  ended = true;
  clearInterval(drip);
  for (const socket of open) socket.destroy();
  const p99 = quantile(durations, 0.99);
  return {
    name: `p99 of healthy calls beside ${slowConnections} connections that send a byte a second`,
    value: p99,
    unit: 'ms',
    goal: { is: '<=', than: 250 },
    from: `${durations.length} calls, p50 ${quantile(durations, 0.5).toFixed(1)} ms`,
  };
}

/** What Keyward answers, so that the bare server can answer the same. */
async function answerOf({ origin, path, method, headers, body }: Target): Promise<Record<string, unknown>> {
  const response = await fetch(`${origin}${path}`, { method, headers, body });
  const { result } = (await response.json()) as { result?: { structuredContent?: Record<string, unknown> } };
  if (result?.structuredContent === undefined) throw new Error('Keyward answered an error.');
  return result.structuredContent;
}

type Rate = { readonly perSecond: number };
const perSecond = (a: Rate, b: Rate) => `${a.perSecond.toFixed(0)} / ${b.perSecond.toFixed(0)} a second`;
const milliseconds = (a: number, b: number) => `${a.toFixed(1)} / ${b.toFixed(1)} ms`;

function cpu(tool: string, mine: number, least: number): Figure {
  const from = `${mine.toFixed(3)} / ${least.toFixed(3)} ms`;
  return {
    name: `${tool} over HTTP, CPU of a call / bare SDK server`,
    value: mine / least,
    unit: 'x',
    goal: null,
    from,
  };
}

function ratio(name: string, value: number, is: '<=' | '>=', than: number, from: string): Figure {
  return { name, value, unit: 'x', goal: { is, than }, from };
}
