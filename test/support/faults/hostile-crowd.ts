/**
 * A process of attackers on one Keyward: users with tokens of their own, each with a service of its own, and one address
 * that holds thousands of silent sockets. Arguments: origin of Keyward, port for the service, sockets, then the tokens.
 */
import { connect, type Socket } from 'node:net';
import { stdout } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { startHttpServer } from '../servers/http-server.ts';
import { callerOf } from './tool-caller.ts';

/** Calls that every other user keeps waiting for a service that never answers: as many as one user may have under way. */
const hanging = 8;
/** Sockets that come back in each step, after they were closed. */
const stepMs = 50;
const refilled = 25;

const [origin = '', servicePort = '', sockets = '', ...tokens] = process.argv.slice(2);
const port = Number(new URL(origin).port);
const heavy = `[${'{},'.repeat(3_000_000).slice(0, -1)}]`;
const service = await startHttpServer(({ url }, response) => {
  if (url.includes('silent')) return;
  response.writeHead(200, { 'content-type': 'application/json' }).end(url.includes('heavy') ? heavy : '{}');
}, Number(servicePort));

const open = new Set<Socket>();
setInterval(() => {
  for (let more = 0; more < refilled && open.size < Number(sockets); more += 1) holdSocket();
}, stepMs);
// All of them at first, as fast as the system takes them.
for (let at = 0; at < Number(sockets); at += 1) {
  holdSocket();
  if (at % 200 === 199) await sleep(50);
}
stdout.write('ready\n');
await Promise.all(tokens.map(attack));

function holdSocket(): void {
  const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.2' });
  open.add(socket);
  socket.on('error', () => undefined).resume();
  socket.once('close', () => open.delete(socket));
}

async function attack(token: string, at: number): Promise<void> {
  const localAddress = `127.0.${10 + Math.floor(at / 100)}.${1 + (at % 100)}`;
  const endless = { bodyTimeout: 0, headersTimeout: 0 };
  const tool = callerOf(new Pool(origin, { localAddress, connections: hanging + 2, ...endless }), token);
  const bearer = { authenticationType: 'bearer', baseUrl: service.origin, token: `token-of-${at}-0123456789` };
  await sleep(10_000 * Math.random());
  const made = await tool('create_credential', { connectorId: 'generic-http', ...bearer });
  const connectionId = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(made.text)?.[0] ?? '';
  const call = (path: string) => tool('call_api', { connectionId, method: 'GET', path }).catch(() => undefined);
  if (at % 2 === 0) for (let times = 0; times < hanging; times += 1) void call('/silent');
  for (;;) {
    await sleep(1_000 + 4_000 * Math.random());
    await tool('create_credential', { connectorId: 'github', authenticationType: 'oauth2' }).catch(() => undefined);
    if (at % 20 === 1) await call('/heavy');
  }
}
