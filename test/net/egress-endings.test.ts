/** Where an answer ends: what was cut off, or is framed in a way nobody asked for, is never taken for the whole. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Egress } from '../../src/net/egress.ts';
import { createEgress } from '../../src/net/open-egress.ts';

const gzipped = gzipSync('a whole answer');
const deflated = deflateSync('a whole answer'.repeat(100));
const chunk = (bytes: Uint8Array) => [`${bytes.length.toString(16)}\r\n`, bytes, '\r\n'];
const chunked = 'Transfer-Encoding: chunked\r\n';
const close = 'Connection: close\r\n';

/** As much as undici lets wait for a slow reader before it holds the service back. */
const waiting = Buffer.alloc(65_536, 'x');

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
  'half of what was deflated': [[close, 'Content-Encoding: deflate\r\n\r\n', deflated.subarray(0, -6)], 'fin'],
  'waiting, with a length': [[close, `Content-Length: ${waiting.length}\r\n\r\n`, waiting], 'fin'],
  'waiting, without a length': [[close, '\r\n', waiting], 'fin'],
  'waiting, in chunks': [[close, chunked, '\r\n', ...chunk(waiting), '0\r\n\r\n'], 'fin'],
  'waiting, on a connection that was to stay open': [[`Content-Length: ${waiting.length}\r\n\r\n`, waiting], 'fin'],
  'waiting, and less than its length': [[close, 'Content-Length: 65537\r\n\r\n', waiting], 'fin'],
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
/** Once something was read: the system may tell of data and a reset that come together as if it were the end. */
const resets: (() => void)[] = [];
beforeAll(async () => {
  server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.once('data', (request) => {
      const name = decodeURIComponent(/^GET \/(\S*)/.exec(String(request))?.[1] ?? '');
      const [pieces, end] = answers[name] ?? [[], 'fin'];
      socket.write('HTTP/1.1 200 OK\r\n');
      for (const piece of pieces) socket.write(piece);
      if (end === 'fin') socket.end();
      if (end === 'reset') resets.push(() => socket.resetAndDestroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  egress = createEgress({ allow: ['127.0.0.1'] });
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all([egress.close(), new Promise((resolve) => server.close(resolve))]);
});

const urlOf = (name: string) =>
  new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${encodeURIComponent(name)}`);

async function ask(name: string): Promise<string> {
  resets.length = 0;
  const { body } = await egress.open({ url: urlOf(name), hosts: ['127.0.0.1'] });
  let text = '';
  for await (const piece of body) {
    text += Buffer.from(piece).toString();
    resets.pop()?.();
  }
  return text;
}

it('an answer that ends with its connection is whole when that ends in good order', async () => {
  expect(await ask('whole')).toBe('whole');
});

it('what a service compresses for the way is read all the same', async () => {
  expect(await ask('compressed for the way')).toBe('a whole answer');
});

const slow = Object.keys(answers).filter((name) => name.startsWith('waiting'));
it.each(slow)(
  'a service that goes while its answer is still waiting to be read ends nothing but that answer: %s',
  async (name) => {
    const { body } = await egress.open({ url: urlOf(name), hosts: ['127.0.0.1'] });
    // The last chunk is read with the rest.
    if (!name.includes('chunks')) await vi.waitUntil(() => [...sockets].at(-1)?.destroyed, 5_000);
    const read = (async () => {
      let length = 0;
      for await (const piece of body) length += piece.length;
      return length;
    })();
    if (name.includes('less')) await expect(read).rejects.toMatchObject({ code: 'provider_unavailable' });
    else expect(await read).toBe(waiting.length);
  },
);

const good = ['whole', 'compressed for the way'];
const bad = Object.keys(answers).filter((name) => !good.includes(name) && !slow.includes(name));
it.each(bad)('%s is no whole answer', async (name) => {
  await expect(ask(name)).rejects.toMatchObject({ code: expect.stringMatching(/^provider_(unavailable|garbled)$/) });
});
