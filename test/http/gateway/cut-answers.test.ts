/** Answers of services as they may come: in pieces, compressed, cut off at any byte, to programs that read slowly. */
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { person } from '../../support/principals.ts';
import { connectRawService } from '../../support/servers/raw-service.ts';

const ann = person('acme', 'ann');
const token = 'sk-canary-of-cut-answers';

type Answer = { readonly bytes: Buffer; readonly end: 'close' | 'reset' | 'stay'; readonly pieces: number };

const framings = ['length', 'chunks', 'close'] as const;
const answers = fc.record({
  framing: fc.constantFrom(...framings),
  size: fc.oneof(fc.nat(2_000), fc.integer({ min: 60_000, max: 300_000 })),
  compressed: fc.boolean(),
  keepAlive: fc.boolean(),
  /** Where it is cut, from the beginning of the body to its last byte; null for a whole one. */
  cut: fc.option(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { freq: 3 }),
  end: fc.constantFrom('close', 'reset'),
  pieces: fc.integer({ min: 1, max: 8 }),
  upload: fc.boolean(),
  slow: fc.boolean(),
});
type Wish = typeof answers extends fc.Arbitrary<infer One> ? One : never;

/** Text that holds the secret too, so that what arrives is shorter than what was sent. */
const textOf = (size: number) => `${token} `.repeat(3) + 'x'.repeat(size);

function framed({ framing, size, compressed, keepAlive, cut, end, pieces }: Wish): Answer {
  const body = compressed ? gzipSync(textOf(size)) : Buffer.from(textOf(size));
  const half = body.length >> 1;
  const chunk = (part: Buffer) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')];
  const inChunks = [...chunk(body.subarray(0, half)), ...chunk(body.subarray(half)), Buffer.from('0\r\n\r\n')];
  const sent = framing === 'chunks' ? Buffer.concat(inChunks) : body;
  const head = [
    'HTTP/1.1 200 OK',
    ...(framing === 'length' ? [`content-length: ${body.length}`] : []),
    ...(framing === 'chunks' ? ['transfer-encoding: chunked'] : []),
    ...(compressed ? ['content-encoding: gzip'] : []),
    ...(keepAlive && framing !== 'close' ? [] : ['connection: close']),
  ];
  const bytes = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), sent]);
  if (cut !== null)
    return { bytes: bytes.subarray(0, bytes.length - sent.length + Math.floor(cut * sent.length)), end, pieces };
  return { bytes, end: framing === 'close' ? 'close' : 'stay', pieces };
}

async function write(socket: Socket, { bytes, end, pieces }: Answer): Promise<void> {
  const step = Math.ceil(bytes.length / pieces) || 1;
  for (let at = 0; at < bytes.length; at += step) {
    socket.write(bytes.subarray(at, at + step));
    await sleep(1);
  }
  if (end === 'close') socket.end();
  // What was written has to leave first.
  else if (end === 'reset') setTimeout(() => socket.resetAndDestroy(), 20);
}

it('58. of 200 answers, cut at any byte or whole, only whole ones look whole, and none holds the secret or ends Keyward', {
  timeout: 120_000,
}, async () => {
  let answer: Answer | undefined;
  const service = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      if (!/^(GET|POST) /.test(String(data))) return;
      // It has nothing to verify a credential with.
      if (answer === undefined) socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      else void write(socket, answer);
    });
  });
  const { keyward, connectionId } = await connectRawService(service, ann, token);

  /** All bytes of the answer, and whether they look like all of it to a client. */
  const ask = ({ upload, slow }: Wish) =>
    new Promise<{ text: string; whole: boolean }>((resolve) => {
      const { hostname, port: own, host } = new URL(keyward.origin);
      const socket = connect(Number(own), hostname);
      const length = upload ? 'Content-Length: 600000\r\n' : '';
      const head = `Host: ${host}\r\nAuthorization: Bearer ${keyward.token('ann')}\r\nConnection: close\r\n${length}`;
      socket.write(`${upload ? 'POST' : 'GET'} /proxy/${connectionId}/x HTTP/1.1\r\n${head}\r\n`);
      if (upload) socket.write('y'.repeat(300_000));
      let text = '';
      const said = () => {
        socket.destroy();
        resolve({ text, whole: /^HTTP\/1\.1 200/.test(text) && text.endsWith('\r\n0\r\n\r\n') });
      };
      socket.on('data', (piece) => {
        text += piece.toString('latin1');
        if (text.endsWith('\r\n0\r\n\r\n')) said();
        else if (slow) {
          socket.pause();
          setTimeout(() => socket.resume(), 5);
        }
      });
      socket.on('end', said).on('error', said);
    });

  await fc.assert(
    fc.asyncProperty(answers, async (wish) => {
      answer = framed(wish);
      const { text, whole } = await ask(wish);
      expect(text).not.toContain(token);
      // Nothing tells for sure where an answer ends that ends with its connection alone.
      if (wish.cut !== null && wish.framing === 'close' && !wish.compressed) return;
      // Whoever still sends when all is said may lose the end of it with the connection, and notices that.
      if (!wish.upload || whole) expect(whole).toBe(wish.cut === null);
      if (whole) expect(text.replaceAll(/[^x]/g, '').length).toBeGreaterThanOrEqual(wish.size);
    }),
    { numRuns: 200 },
  );
});
