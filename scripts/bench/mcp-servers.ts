/** A remote MCP server through Keyward, against calling it straight and against a proxy that does nothing but pass on. */
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { createCredential } from '../../src/broker/connect/create.ts';
import { localPrincipal } from '../../src/principal.ts';
import { type Figure, median, milliseconds, timed } from './figures.ts';
import { inTurns } from './load.ts';
import { freePort, residentMebibytes, sessionToken, started, stopped } from './processes.ts';
import { type StdioServer, startServer } from './stdio-client.ts';
import { toolCall } from './tool-call.ts';
import { keywardOf, makeHome } from './vaults.ts';

const credentials = 1_000;
const connections = 32;
const rounds = 5;
const roundMs = 1_500;
const calls = 500;
const sessions = 200;
const answer = {
  items: Array.from({ length: 10 }, (_, at) => ({ id: `item-${at}`, title: 'A title of usual length' })),
};

export async function mcpServers(): Promise<Figure[]> {
  const home = await makeHome(credentials);
  const [port, serverPort, plainPort] = [await freePort(), await freePort(), await freePort()];
  const env = {
    PATH: process.env.PATH ?? '',
    ...home.env,
    KEYWARD_EGRESS_ALLOW: `127.0.0.1:${serverPort}`,
    KEYWARD_PORT: `${port}`,
    KEYWARD_RATE_LIMIT: '100000000',
    KEYWARD_RELEASE: 'allow',
  };
  const server = spawn(process.execPath, ['artifacts/bare-http/main.js', `${serverPort}`], {
    env,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  server.stdin?.end(JSON.stringify({ tool: 'list_items', answer }));
  const start = (...args: string[]) =>
    started(spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'ignore'] }));
  const running = [await started(server)];
  try {
    running.push(await start('artifacts/plain-proxy/main.js', `${plainPort}`, `${serverPort}`));
    const connectionId = await connect(env, `http://127.0.0.1:${serverPort}/`);
    const keyward = await start('dist/main.js', 'http');
    running.push(keyward);
    const authorization = `Bearer ${await sessionToken(env, { tenant: 'local', user: 'local' }, 'credentials:use')}`;
    const straight = toolCall(`http://127.0.0.1:${serverPort}`, 'list_items', {});
    const plain = { ...straight, origin: `http://127.0.0.1:${plainPort}` };
    const through = toolCall(`http://127.0.0.1:${port}`, 'list_items', {}, { authorization });
    const ours = { ...through, path: `/proxy/${connectionId}` };

    const [fewStraight, fewOurs] = await inTurns([straight, ours], 1, rounds, roundMs);
    const [manyPlain, manyOurs] = await inTurns([plain, ours], connections, rounds, roundMs);
    if (!fewStraight || !fewOurs || !manyPlain || !manyOurs) throw new Error('Nothing was measured.');
    const perSession = await streams(ours.origin, ours.path, authorization, keyward.pid ?? 0);
    return [
      added('over HTTP', fewOurs.p50, fewStraight.p50, 1.5),
      {
        name: 'MCP server, tool calls a second / plain proxy on undici',
        value: manyOurs.perSecond / manyPlain.perSecond,
        unit: 'x',
        goal: { is: '>=', than: 0.5 },
        from: `${manyOurs.perSecond.toFixed(0)} / ${manyPlain.perSecond.toFixed(0)} calls a second, ${connections} at once`,
      },
      await overStdio(connectionId, env, straight.origin),
      {
        name: `MCP server, memory of a session with an open stream`,
        value: perSession,
        unit: 'MiB',
        goal: null,
        from: `growth of RSS by ${sessions} of them, a session`,
      },
    ];
  } finally {
    for (const child of running.reverse()) await stopped(child);
    await home.remove();
  }
}

function added(door: string, ours: number, straight: number, most: number): Figure {
  return {
    name: `MCP server ${door}, added p50 of a tool call`,
    value: ours - straight,
    unit: 'ms',
    goal: { is: '<=', than: most },
    from: `${milliseconds(ours)} / ${milliseconds(straight)} straight, one at a time`,
  };
}

/** One call after the other, through `keyward mcp` and straight, in turns; both of revision 2025-11-25. */
async function overStdio(connectionId: string, env: Readonly<Record<string, string>>, origin: string): Promise<Figure> {
  const server = await startServer(['dist/main.js', 'mcp', connectionId], env);
  try {
    await server.request('tools/list', {});
    const [ours, straight]: [number[], number[]] = [[], []];
    for (let at = -50; at < calls; at += 1) {
      const mine = await timed(() => server.call('list_items'));
      const least = await timed(() => legacyCall(origin));
      if (at >= 0) [ours, straight].map((times, which) => times.push(which === 0 ? mine : least));
    }
    return added('over keyward mcp', median(ours), median(straight), 2);
  } finally {
    await (server as StdioServer).stop();
  }
}

async function legacyCall(origin: string): Promise<void> {
  const { statusCode, body } = await request(origin, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'list_items', arguments: {} },
    }),
  });
  if (statusCode !== 200) throw new Error(`The server answered ${statusCode}.`);
  await body.text();
}

/** Mebibytes by which the process of this id grows for each open stream. */
async function streams(origin: string, path: string, authorization: string, pid: number): Promise<number> {
  const open = async () => {
    const { body, statusCode } = await request(`${origin}${path}`, {
      headers: { authorization, accept: 'text/event-stream', 'mcp-protocol-version': '2025-11-25' },
    });
    if (statusCode !== 200) throw new Error(`A stream was answered with ${statusCode}.`);
    body.on('error', () => {});
    return body;
  };
  const first = await open();
  const before = await residentMebibytes(pid);
  const bodies = await Promise.all(Array.from({ length: sessions }, open));
  await delay(2_000);
  const growth = (await residentMebibytes(pid)) - before;
  for (const body of [first, ...bodies]) body.destroy();
  return growth / sessions;
}

async function connect(env: Readonly<Record<string, string>>, serverUrl: string): Promise<string> {
  const { broker, close } = await keywardOf(env);
  const input = {
    connectorId: 'mcp-server',
    authenticationType: 'bearer',
    serverUrl,
    token: 'a-token-of-usual-length-0123456789abcdef',
  };
  const created = await createCredential(broker, localPrincipal, input, { obtainedBy: 'rest' });
  await close();
  if (created.kind !== 'created') throw new Error('The credential was not made.');
  return created.credentialId;
}
