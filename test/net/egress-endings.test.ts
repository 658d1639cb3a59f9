/** Where an answer ends: what was cut off, or is framed in a way nobody asked for, is never taken for the whole. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createEgress, type Egress } from '../../src/net/egress.ts';

const gzipped = gzipSync('a whole answer');
const brotli = brotliCompressSync('a whole answer'.repeat(100));
const chunk = (bytes: Uint8Array) => [`${bytes.length.toString(16)}\r\n`, bytes, '\r\n'];
const chunked = 'Transfer-Encoding: chunked\r\n';
const close = 'Connection: close\r\n';

type Answer = readonly [pieces: readonly (string | Uint8Array)[], end: 'fin' | 'reset' | 'open'];

/** What the server writes after its status line, and how its connection goes on. */
const answers: Readonly<Record<string, Answer>> = {
  whole: [[close, '\r\n', 'whole'], 'fin'],
  'less than its length, and the end': [[close, 'Content-Length: 9\r\n\r\n', 'half'], 'fin'],
  'less than its length, and a reset': [[close, 'Content-Length: 9\r\n\r\n', 'half'], 'reset'],
  'chunks without the last one, and the end': [[close, chunked, '\r\n', '4\r\nhalf\r\n'], 'fin'],
  'chunks without the last one, and a reset': [[close, chunked, '\r\n', '4\r\nhalf\r\n'], 'reset'],
  'neither length nor chunks, and a reset': [[close, '\r\n', 'half'], 'reset'],
  'half of what was compressed': [[close, 'Content-Encoding: gzip\r\n\r\n', gzipped.subarray(0, -9)], 'fin'],
  'half of what brotli made': [[close, 'Content-Encoding: br\r\n\r\n', brotli.subarray(0, -3)], 'fin'],
  'length and chunks': [['Content-Length: 4\r\n', chunked, '\r\n', '4\r\nhalf\r\n0\r\n\r\n'], 'open'],
  'two lengths': [['Content-Length: 4\r\nContent-Length: 5\r\n\r\n', 'whole'], 'open'],
  'compressed for the way': [['Transfer-Encoding: gzip, chunked\r\n\r\n', ...chunk(gzipped), '0\r\n\r\n'], 'open'],
  'compressed for the way in a way that nobody knows': [
    ['Transfer-Encoding: zip, chunked\r\n\r\n', ...chunk(gzipped), '0\r\n\r\n'],
    'open',
  ],
};

let server: Server;
let egress: Egress;
const sockets = new Set<Socket>();
beforeAll(async () => {
  server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.once('data', (request) => {
      const name = decodeURIComponent(/^GET \/(\S*)/.exec(String(request))?.[1] ?? '');
      const [pieces, end] = answers[name] ?? [[], 'fin'];
      socket.write('HTTP/1.1 200 OK\r\n');
      for (const piece of pieces) socket.write(piece);
      // What was written has to be read before the connection breaks.
      if (end === 'fin') socket.end();
      if (end === 'reset') setTimeout(() => socket.resetAndDestroy(), 100);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  egress = createEgress({ allow: ['127.0.0.1'] });
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all([egress.close(), new Promise((resolve) => server.close(resolve))]);
});

async function ask(name: string): Promise<string> {
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${encodeURIComponent(name)}`);
  return Buffer.from((await egress.request({ url, hosts: ['127.0.0.1'] })).body).toString();
}

it('an answer that ends with its connection is whole when that ends in good order', async () => {
  expect(await ask('whole')).toBe('whole');
});

it('what a service compresses for the way is read all the same', async () => {
  expect(await ask('compressed for the way')).toBe('a whole answer');
});

const bad = Object.keys(answers).filter((name) => name !== 'whole' && name !== 'compressed for the way');
it.each(bad)('%s is no whole answer', async (name) => {
  await expect(ask(name)).rejects.toMatchObject({ code: expect.stringMatching(/^provider_(unavailable|garbled)$/) });
});
