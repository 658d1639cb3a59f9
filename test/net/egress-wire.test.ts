/** What services write between request and answer, and on connections that are kept: nothing of it may fail a call. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Egress, EgressWholeRequest } from '../../src/net/egress.ts';
import { createEgress } from '../../src/net/open-egress.ts';

/** Answers one request; `count` is which of its connection it is, from 1. */
type Answer = (socket: Socket, request: string, count: number) => void;

let server: Server;
let egress: Egress;
let answer: Answer;
let seen: string[];
const sockets = new Set<Socket>();
beforeEach(async () => {
  seen = [];
  server = createServer((socket) => {
    let count = 0;
    sockets.add(socket.on('error', () => undefined));
    socket.on('data', (request) => {
      count += 1;
      seen.push(String(request));
      answer(socket, String(request), count);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  egress = createEgress({ allow: ['127.0.0.1'] });
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all([egress.close(), new Promise((resolve) => server.close(resolve))]);
});

const ask = (request: Partial<EgressWholeRequest> = {}) => {
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/x`);
  return egress.request({ url, hosts: ['127.0.0.1'], ...request });
};
const textOf = async (request: Partial<EgressWholeRequest> = {}) => Buffer.from((await ask(request)).body).toString();
const head = (more = '') => `HTTP/1.1 200 OK\r\n${more}`;
const whole = `${head('content-length: 2\r\n')}\r\nok`;
const header = (name: string) => new RegExp(`^${name}: (.*)\r$`, 'im').exec(seen.at(-1) ?? '')?.[1];

describe('interim answers', () => {
  it.each([
    ['100 Continue that nobody asked for', 'HTTP/1.1 100 Continue\r\n\r\n'],
    [
      'several of them',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\nx: 1\r\n\r\n',
    ],
    ['early hints', 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'],
  ])('are passed over: %s', async (_, interim) => {
    answer = (socket) => socket.write(`${interim}${whole}`);
    for (const body of ['a', 'b', 'c']) expect(await textOf({ method: 'POST', body })).toBe('ok');
    answer = (socket) => {
      socket.write(interim);
      setImmediate(() => socket.write(whole));
    };
    expect(await textOf()).toBe('ok');
  });
});

describe('a kept connection that ends as the next request goes out', () => {
  const endings: readonly (readonly [string, (socket: Socket) => void])[] = [
    ['reset', (socket) => socket.resetAndDestroy()],
    ['closed', (socket) => socket.destroy()],
  ];
  it.each(endings)('(%s) costs a reading call nothing: it goes out once more, on a fresh one', async (_, end) => {
    answer = (socket, _request, count) => (count > 1 ? end(socket) : socket.write(whole));
    for (let call = 0; call < 4; call += 1) expect(await textOf()).toBe('ok');
  });

  it.each(endings)('(%s) fails a call that may act, which is never sent twice', async (_, end) => {
    answer = (socket, _request, count) => (count > 1 ? end(socket) : socket.write(whole));
    const failed: unknown[] = [];
    for (let call = 0; call < 20; call += 1) {
      await ask({ method: 'POST', body: `post-${call}.` }).catch((error: unknown) => failed.push(error));
      await ask({ once: true, headers: { 'x-call': `once-${call}.` } }).catch((error: unknown) => failed.push(error));
    }
    expect(failed.length).toBeGreaterThan(0);
    for (const error of failed) {
      expect(error).toMatchObject({ code: 'provider_unavailable', details: { ambiguous: true } });
    }
    const names = seen.flatMap((request) => request.match(/(post|once)-\d+\./g) ?? []);
    expect(new Set(names).size).toBe(names.length);
  });

  it('is tried once more only: a service that always ends them is told as such', async () => {
    answer = (socket) => socket.resetAndDestroy();
    await expect(ask()).rejects.toMatchObject({ code: 'provider_unavailable' });
    expect(seen).toHaveLength(2);
  });
});

describe('lengths and codings', () => {
  it('a HEAD keeps the length, and it and a range of bytes are asked for as they are', async () => {
    answer = (socket) => socket.write(head('content-length: 1488324\r\n\r\n'));
    const { headers } = await ask({ method: 'HEAD' });
    expect([headers.get('content-length'), header('accept-encoding')]).toEqual(['1488324', 'identity']);
    answer = (socket) => socket.write(whole);
    for (const wish of [{ range: 'bytes=0-1' }, { 'Accept-Encoding': 'identity' }] as const) {
      await ask({ headers: wish });
      expect(header('accept-encoding')).toBe('identity');
    }
    await ask();
    expect(header('accept-encoding')).toBe('gzip');
  });

  it.each(['content-length: 0\r\n\r\n', 'transfer-encoding: chunked\r\n\r\n0\r\n\r\n'])(
    'an empty body that says gzip is empty: %j',
    async (framed) => {
      answer = (socket) => socket.write(`HTTP/1.1 201 Created\r\ncontent-encoding: gzip\r\n${framed}`);
      expect(await textOf()).toBe('');
    },
  );

  it('one that only the end of its connection ends may have been cut off, so it is no whole answer', async () => {
    answer = (socket) => socket.end(head('content-encoding: gzip\r\nconnection: close\r\n\r\n'));
    await expect(ask()).rejects.toMatchObject({ code: 'provider_garbled' });
  });

  it('what follows a compressed body is no part of it, and a body without its end is none', async () => {
    const gzipped = gzipSync('whole');
    const send = (bytes: Buffer) => (socket: Socket) => {
      socket.write(head(`content-encoding: gzip\r\ncontent-length: ${bytes.length}\r\n\r\n`));
      socket.write(bytes);
    };
    answer = send(Buffer.concat([gzipped, Buffer.alloc(4)]));
    expect(await textOf()).toBe('whole');
    answer = send(gzipped.subarray(0, -8));
    await expect(ask()).rejects.toMatchObject({ code: 'provider_garbled' });
  });
});
