/** Bodies that take their time: long uploads through the gateway, and senders who only want to hold a connection. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { person } from '../../support/principals.ts';
import { type EchoEnv, echoConnector, echoEnv } from '../../support/servers/echo-connector.ts';
import { type RestServer, startRest } from '../../support/servers/rest.ts';

const ann = person('acme', 'ann');
const reader = { ...ann, scopes: new Set(['credentials:read'] as const) };

let service: Server;
/** What has arrived at the service. */
let arrived: Arrival[];
let echo: EchoEnv;
let keyward: RestServer;
let path: string;
/** False while the service reads nothing of what it is sent. */
let reading = true;

type Arrival = { readonly incoming: IncomingMessage; size: number };

beforeAll(async () => {
  arrived = [];
  service = createServer((incoming, answer) => {
    const arrival = { incoming: incoming.on('error', () => undefined), size: 0 };
    arrived.push(arrival);
    incoming.on('data', (piece: Buffer) => {
      arrival.size += piece.length;
    });
    if (!reading) incoming.pause();
    incoming.once('end', () => answer.end('all there'));
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  echo = await echoEnv(origin);
  keyward = await startRest(
    echo.env,
    new Map([
      ['ann', ann],
      ['reader', reader],
    ]),
  );
  const input = { connectorId: echoConnector, authenticationType: 'bearer', token: 'token-of-the-uploads' };
  const { credentialId } = await keyward.keyward.run('create_credential', input, { principal: ann });
  path = `/proxy/${credentialId}/audio`;
});
afterEach(() => {
  reading = true;
});
afterAll(async () => {
  service.closeAllConnections();
  await keyward.close();
  await new Promise((resolve) => service.close(resolve));
  await echo.remove();
});

/** The head of a request whose body is sent by hand. */
function begin(target: string, name: string | null, framing = 'Transfer-Encoding: chunked'): Socket {
  const { hostname, port, host } = new URL(keyward.origin);
  const socket = connect(Number(port), hostname);
  const bearer = name === null ? '' : `Authorization: Bearer ${keyward.token(name)}\r\n`;
  socket.write(
    `POST ${target} HTTP/1.1\r\nHost: ${host}\r\n${bearer}Content-Type: application/json\r\n${framing}\r\n\r\n`,
  );
  return socket.on('error', () => undefined);
}

/** All that comes back until the connection is closed. */
async function untilClosed(socket: Socket): Promise<string> {
  let said = '';
  socket.on('data', (data) => {
    said += data;
  });
  // Whoever still writes when it is closed gets a reset, which is as good.
  await new Promise((resolve) => socket.once('close', resolve));
  return said;
}

function upload(headers: Record<string, string> = {}) {
  const authorization = `Bearer ${keyward.token('ann')}`;
  return request(`${keyward.origin}${path}`, { method: 'POST', headers: { authorization, ...headers } });
}

/** Waits, whatever the clock says. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

const tooLate = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

it('an upload of a quarter of a minute passes the gateway; nobody else may send for so long, nor anywhere else', {
  timeout: 60_000,
}, async () => {
  const patient = upload({ 'content-length': '20000' });
  const answered = once(patient, 'response');
  const others = [begin(path, null), begin(path, 'reader'), begin('/mcp', 'ann'), begin('/sign-in', null)];
  const closed = Promise.all(others.map(untilClosed));
  for (let second = 0; second < 20; second += 1) {
    patient.write(Buffer.alloc(1_000));
    for (const socket of others) if (socket.writable) socket.write('1\r\n{\r\n');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  const [nobody, reader, mcp, signIn] = await closed;
  expect([nobody, reader].map((said) => said?.slice(0, 13))).toEqual(['HTTP/1.1 401 ', 'HTTP/1.1 403 ']);
  for (const said of [mcp, signIn]) expect(said).toBe(tooLate);
  // What the log says is what the sender was told, and no failure of Keyward.
  const lines = keyward.keyward.lines.map((line) => JSON.parse(line));
  for (const route of ['/mcp', '/sign-in']) {
    expect(lines).toContainEqual(expect.objectContaining({ event: 'request', method: 'POST', route, status: 408 }));
  }
  expect(lines.filter(({ event }) => event.endsWith('failed'))).toEqual([]);
  const [answer] = (await answered) as [IncomingMessage];
  expect(answer.statusCode).toBe(200);
  answer.resume();
});

describe('with a clock that a test moves on', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval'] }));
  afterEach(() => void vi.useRealTimers());

  it('46. an upload may go on for minutes while it moves, and ends when it does not', async () => {
    const before = arrived.length;
    const sent = upload({ 'transfer-encoding': 'chunked' }).on('error', () => undefined);
    const size = () => arrived[before]?.size ?? 0;
    sent.write('x');
    await until(() => size() === 1);
    for (let piece = 1; piece <= 20; piece += 1) {
      sent.write(Buffer.alloc(1_100));
      await until(() => size() === 1 + piece * 1_100);
      vi.advanceTimersByTime(30_000);
    }
    // A byte now and then holds the connection no longer than none.
    sent.write('x');
    await until(() => size() === 22_002);
    vi.advanceTimersByTime(30_000);
    await until(() => sent.destroyed && arrived[before]?.incoming.destroyed === true);
    expect(arrived[before]?.incoming.complete).toBe(false);
  });

  it.each(['Content-Length: 5000', 'Content-Length: 5000000', 'Transfer-Encoding: chunked'])(
    '46. a trickling client can not hold a connection of the gateway with %s',
    async (framing) => {
      const socket = begin(path, 'ann', framing);
      const closed = untilClosed(socket);
      while (!socket.destroyed) {
        socket.write(framing.endsWith('chunked') ? '1\r\nx\r\n' : 'x');
        // As many turns as its byte needs to get here.
        for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        vi.advanceTimersByTime(1_000);
      }
      expect(await closed).toMatch(/^HTTP\/1\.1 408 /);
    },
  );

  it('a service that takes its time to read is not held against the sender', async () => {
    reading = false;
    const before = arrived.length;
    const sent = upload({ 'transfer-encoding': 'chunked' });
    const answered = once(sent, 'response');
    const all = Buffer.alloc(32 * 1024 * 1024);
    sent.end(all);
    await until(() => arrived.length > before);
    for (let moved = -1; moved !== sent.socket?.bytesWritten; ) {
      moved = sent.socket?.bytesWritten ?? 0;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    vi.advanceTimersByTime(300_000);
    arrived[before]?.incoming.resume();
    const [answer] = (await answered) as [IncomingMessage];
    expect(answer.statusCode).toBe(200);
    expect(arrived[before]?.size).toBe(all.length);
    answer.resume();
  });
});
