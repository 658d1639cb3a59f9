/** Connections of one address: however many it opens, others get in, and so does whoever asks for something. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createClientAddress } from '../../../src/http/listener/client-address.ts';
import type { ConnectionRefusal } from '../../../src/http/listener/connection-refusals.ts';
import { maxConnections } from '../../../src/http/listener/connections.ts';
import { type Listener, listen } from '../../../src/http/listener/server.ts';

let listener: Listener;
let refused: ConnectionRefusal[];
let open: Socket[];
/** Answers that are still owed to requests for /slow. */
let owed: (() => void)[];

beforeEach(() => {
  refused = [];
  open = [];
  owed = [];
});
afterEach(async () => {
  for (const socket of open) socket.destroy();
  for (const give of owed) give();
  await listener.close();
});

async function start(perAddress: number, proxies: readonly string[] = []): Promise<void> {
  const app = async (request: Request) => {
    if (request.url.endsWith('/slow')) await new Promise<void>((resolve) => owed.push(resolve));
    return new Response('here');
  };
  listener = await listen(app, ['127.0.0.1'], 0, {
    refusals: { note: (one) => void refused.push(one), flush: () => undefined },
    connections: { perAddress, clientOf: createClientAddress(proxies) },
  });
}

/** Connects from an address of this computer: every one in 127.0.0.0/8 is. */
function from(localAddress: string): Socket {
  const socket = connect({ host: '127.0.0.1', port: listener.port, localAddress });
  socket.on('error', () => undefined).resume();
  open.push(socket);
  return socket;
}

/** Opens so many connections, a few at a time: the system drops what waits in too long a line to be accepted. */
async function silent(count: number, address: (at: number) => string): Promise<void> {
  for (let opened = 0; opened < count; opened += 100) {
    const some = Array.from({ length: 100 }, (_, at) => from(address(opened + at)));
    await Promise.all(some.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])));
  }
}

/** What comes back over this connection until it ends, or so far as it has come. */
async function ask(socket: Socket, path: string, headers = '', connection = 'close'): Promise<string> {
  let answer = '';
  socket.on('data', (bytes) => {
    answer += bytes;
  });
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}Connection: ${connection}\r\n\r\n`);
  if (!socket.closed) await once(socket, 'close');
  return answer;
}

/** Connections that are not closed yet. Silent ones end by themselves after some seconds. */
const alive = () => open.filter((socket) => !socket.destroyed).length;
const closedFor = (address: string) =>
  refused.filter((one) => one.reason === 'too_many_connections' && one.address === address).length;

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries > 1_000) throw new Error('It never came to that.');
    await sleep(10);
  }
}

it('136. more silent connections of one address than a listener holds keep neither others out nor that address', async () => {
  await start(200);
  await silent(maxConnections + 500, () => '127.0.0.2');
  expect(await ask(from('127.0.0.3'), '/')).toContain('200 OK');
  expect(await ask(from('127.0.0.2'), '/')).toContain('200 OK');
  await until(() => alive() <= 200);
  expect(closedFor('127.0.0.2')).toBeGreaterThanOrEqual(maxConnections);
  expect(closedFor('127.0.0.3')).toBe(0);
});

it('136. where many addresses fill the listener, the one with most silent connections makes room for a new one', async () => {
  await start(200);
  await silent(maxConnections, (at) => `127.0.1.${1 + (at % 25)}`);
  // None of them is too many for its address.
  expect(refused.filter(({ reason }) => reason === 'too_many_connections')).toEqual([]);
  expect(await ask(from('127.0.0.3'), '/')).toContain('200 OK');
});

it('136. an address whose connections are all at work is refused one more, and told so', async () => {
  await start(3);
  const busy = [1, 2, 3].map(() => ask(from('127.0.0.2'), '/slow'));
  await until(() => owed.length === 3);
  expect(await ask(from('127.0.0.2'), '/')).toContain('503 Service Unavailable');
  expect(await ask(from('127.0.0.3'), '/')).toContain('200 OK');
  for (const give of owed.splice(0)) give();
  for (const answer of await Promise.all(busy)) expect(answer).toContain('200 OK');
  expect(await ask(from('127.0.0.2'), '/')).toContain('200 OK');
});

it('137. a trusted proxy may hold more, never the last tenth, and each address it speaks for has a limit of its own', async () => {
  await start(3, ['127.0.0.9']);
  const of = (address: string, path: string) => ask(from('127.0.0.9'), path, `X-Forwarded-For: ${address}\r\n`);
  const busy = [1, 2, 3].map(() => of('203.0.113.5', '/slow'));
  await until(() => owed.length === 3);
  expect(await of('203.0.113.5', '/')).toContain('429 Too Many Requests');
  expect(await of('203.0.113.6', '/')).toContain('200 OK');
  for (const give of owed.splice(0)) give();
  for (const answer of await Promise.all(busy)) expect(answer).toContain('200 OK');
  expect(await of('203.0.113.5', '/')).toContain('200 OK');
  await silent(maxConnections, () => '127.0.0.9');
  await until(() => alive() <= 0.9 * maxConnections);
  expect(closedFor('127.0.0.9')).toBeLessThanOrEqual(0.1 * maxConnections);
  expect(await ask(from('127.0.0.3'), '/')).toContain('200 OK');
});
