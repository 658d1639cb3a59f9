/** What never becomes a request: answered shortly, counted, told in numbers. The built program over raw connections. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type ConnectionRefusal,
  logConnectionRefusals,
  refuseAtConnection,
} from '../../../src/http/listener/connection-refusals.ts';
import { listen } from '../../../src/http/listener/server.ts';
import { raw } from '../../support/clients/raw-http.ts';
import { type HttpKeyward, startKeywardHttp } from '../../support/servers/keyward-http.ts';

const canary = 'CanaryOfTheOnesWhoSendRubbish7';

let keyward: HttpKeyward;
let host: string;
let operator: string;
beforeAll(async () => {
  keyward = await startKeywardHttp();
  ({ host } = new URL(keyward.origin));
  operator = await keyward.sessionToken('operator', { scopes: ['audit:read'] });
});
afterAll(() => keyward.stop());

function open({ origin }: HttpKeyward = keyward): Socket {
  return connect(Number(new URL(origin).port), '127.0.0.1').on('error', () => undefined);
}

/** Sends these bytes, and answers all that comes back until the connection is closed. */
function send(bytes: string, socket = open()): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    socket.on('data', (data) => {
      said += data;
    });
    socket.once('close', () => resolve(said));
    socket.write(bytes, 'latin1');
  });
}

/** How many were refused so far, by status. */
async function counted(): Promise<Record<string, number>> {
  const { body } = await raw(keyward.origin, '/metrics', { headers: { authorization: `Bearer ${operator}` } });
  const found = body.matchAll(/^keyward_http_refused_total\{status="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries([...found].map(([, status = '', count]) => [status, Number(count)]));
}

/** The log lines about them. */
const told = ({ said }: HttpKeyward = keyward): Record<string, unknown>[] =>
  said()
    .split('\n')
    .flatMap((line) => (line.includes('"request_refused"') ? [JSON.parse(line)] : []));

const head = () => `Host: ${host}\r\nX-Mine: ${canary}\r\n`;
const refusals: Record<string, [status: number, reason: string, bytes: () => string]> = {
  'what is no HTTP': [400, 'HPE_INVALID_METHOD', () => `${canary} ${canary}\r\n\r\n`],
  'a greeting of TLS': [400, 'HPE_INVALID_METHOD', () => `\x16\x03\x01\x02${canary}`],
  'a path that is none': [400, 'HPE_INVALID_URL', () => `GET ${canary} HTTP/1.1\r\n${head()}\r\n`],
  'two framings at once': [
    400,
    'HPE_INVALID_TRANSFER_ENCODING',
    () => `POST /mcp HTTP/1.1\r\n${head()}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  'no Host': [400, 'no_host', () => `GET /healthz HTTP/1.1\r\nX-Mine: ${canary}\r\n\r\n`],
  'no Host beside an absolute address': [400, 'no_host', () => `GET http://${host}/healthz HTTP/1.1\r\n\r\n`],
  'a Host that is none': [400, 'invalid_url', () => `GET / HTTP/1.1\r\nHost: ${canary}/?\r\n\r\n`],
  'too long a header': [
    431,
    'HPE_HEADER_OVERFLOW',
    () => `GET / HTTP/1.1\r\n${head()}X: ${'y'.repeat(33_000)}\r\n\r\n`,
  ],
  'too many headers': [
    431,
    'too_many_headers',
    () => `GET / HTTP/1.1\r\n${head()}${Array.from({ length: 99 }, (_, at) => `X-${at}: y\r\n`).join('')}\r\n`,
  ],
  'another expectation': [417, 'unknown_expectation', () => `GET / HTTP/1.1\r\n${head()}Expect: ${canary}\r\n\r\n`],
  'a tunnel to elsewhere': [501, 'no_proxy', () => `CONNECT ${canary}.test:443 HTTP/1.1\r\nHost: x.test:443\r\n\r\n`],
  'headers that do not end': [408, 'ERR_HTTP_REQUEST_TIMEOUT', () => `GET / HTTP/1.1\r\n${head()}`],
};

describe('a refusal before there is a request', () => {
  it.each(Object.entries(refusals))(
    'is one short answer, one closed connection and one more in the metrics: %s',
    async (_, [status, , bytes]) => {
      const before = (await counted())[status] ?? 0;
      const answer = await send(bytes());
      const [first, ...headers] = answer.split('\r\n');
      expect(first).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [A-Z][A-Za-z ]+$`));
      expect(headers.filter((line) => !line.startsWith('Date: '))).toEqual([
        'Connection: close',
        'Content-Length: 0',
        '',
        '',
      ]);
      expect((await counted())[status]).toBe(before + 1);
    },
  );

  it('is one line in the log for the first of each status, with the reason and never with what came', () => {
    const statuses = [...new Set(Object.values(refusals).map(([status]) => status))];
    const first = Object.values(refusals).filter(
      ([status], at, all) => all.findIndex(([one]) => one === status) === at,
    );
    expect(told().map(({ status }) => status)).toEqual(statuses);
    expect(told()).toEqual(
      first.map(([status, reason]) =>
        expect.objectContaining({ level: 'warn', status, reason, address: '127.0.0.1', count: 1 }),
      ),
    );
    expect(keyward.said()).not.toContain(canary);
  });

  it('is answered where the connection was good until then', async () => {
    const before = (await counted())['400'] ?? 0;
    const socket = open();
    const all = send(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`, socket);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.write(`${canary}\r\n\r\n`);
    expect(await all).toMatch(/^HTTP\/1\.1 200 .*\{"status":"alive"\}HTTP\/1\.1 400 Bad Request\r\n.*\r\n\r\n$/s);
    expect((await counted())['400']).toBe(before + 1);
  });

  it('is never written into an answer that has begun: that breaks off', async () => {
    const body = new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode('the first part')) });
    const listener = await listen(() => new Response(body), ['127.0.0.1'], 0);
    const socket = connect(listener.port, '127.0.0.1');
    const all = send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, socket);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.write(`${canary}\r\n\r\n`);
    expect(await all).toMatch(/^HTTP\/1\.1 200 .*the first part\r\n$/s);
    await listener.close();
  });

  it('is none when somebody connects and goes away, in the middle of the headers too', async () => {
    const before = await counted();
    const begun = `GET / HTTP/1.1\r\n${head()}`;
    for (const [bytes, leave] of [
      ['', (socket: Socket) => socket.end()],
      [begun, (socket: Socket) => socket.end()],
      [begun, (socket: Socket) => socket.resetAndDestroy()],
    ] as const) {
      const socket = open();
      await new Promise((resolve) => socket.write(bytes, resolve));
      const closed = new Promise((resolve) => socket.once('close', resolve));
      leave(socket.resume());
      await closed;
    }
    expect((await raw(keyward.origin, '/healthz')).status).toBe(200);
    expect(await counted()).toEqual(before);
  });

  it('is told of a connection past the limit, which is closed without an answer', async () => {
    const refused: ConnectionRefusal[] = [];
    const server = createServer();
    server.maxConnections = 1;
    refuseAtConnection(server, (one) => void refused.push(one));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const first = connect(port, '127.0.0.1');
    await once(server, 'connection');
    expect(
      await send(
        '',
        connect(port, '127.0.0.1').on('error', () => undefined),
      ),
    ).toBe('');
    expect(refused).toEqual([{ status: null, reason: 'too_many_connections', address: '127.0.0.1' }]);
    first.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  it('is counted and not written one by one, however many there are; the end of the process tells the rest', async () => {
    const { KEYWARD_HOME, KEYWARD_KEY } = keyward.env;
    const flooded = await startKeywardHttp({ KEYWARD_HOME, KEYWARD_KEY });
    for (let batch = 0; batch < 10; batch += 1)
      await Promise.all(Array.from({ length: 30 }, () => send('rubbish\r\n\r\n', open(flooded))));
    expect(told(flooded)).toHaveLength(1);
    await flooded.stop();
    expect(told(flooded).map(({ status, count }) => [status, count])).toEqual([
      [400, 1],
      [400, 299],
    ]);
  });
});

describe('the count of refusals', () => {
  afterEach(() => void vi.useRealTimers());

  it('is written once a minute for each status, with the latest reason and address', () => {
    vi.useFakeTimers();
    const lines: unknown[] = [];
    const write = (event: string, facts = {}) => void lines.push({ event, ...facts });
    const { note } = logConnectionRefusals({ info: write, warn: write, error: write });
    const refused = { status: 400, reason: 'HPE_INVALID_METHOD', address: '192.0.2.1' };
    for (let times = 0; times < 1_000; times += 1) note(refused);
    note({ ...refused, reason: 'no_host', address: '192.0.2.2' });
    note({ status: null, reason: 'too_many_connections', address: '192.0.2.3' });
    const line = (one: object, count: number) => ({ event: 'request_refused', ...one, count });
    const atOnce = [line(refused, 1), line({ status: null, reason: 'too_many_connections', address: '192.0.2.3' }, 1)];
    expect(lines).toEqual(atOnce);
    vi.advanceTimersByTime(60_000);
    const later = line({ status: 400, reason: 'no_host', address: '192.0.2.2' }, 1_000);
    expect(lines).toEqual([...atOnce, later]);
    vi.advanceTimersByTime(600_000);
    note(refused);
    expect(lines).toEqual([...atOnce, later, line(refused, 1)]);
  });
});
