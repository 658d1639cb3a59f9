/** Answers of every form that HTTP has: what the service wrote is what a program and a model get, but for the secret. */
import { once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { callApi } from '../../../src/broker/calls/call-api.ts';
import { scrubbed } from '../../../src/net/scrub/scrub.ts';
import { person } from '../../support/principals.ts';
import { connectRawService } from '../../support/servers/raw-service.ts';

const ann = person('acme', 'ann');
const token = 'sk-canary-of-generated-answers';
const redacted = (text: string) => text.replaceAll(token, scrubbed);

/** A literal of RFC 8259 §6, of any length. */
const number = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(fc.constant('0'), fc.stringMatching(/^[1-9][0-9]{0,40}$/)),
    fc.oneof(fc.constant(''), fc.stringMatching(/^\.[0-9]{1,30}$/)),
    fc.oneof(fc.constant(''), fc.stringMatching(/^[eE][+-]?[0-9]{1,4}$/)),
  )
  .map((parts) => parts.join(''));
const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map((one) => JSON.stringify(one));
const item = fc.oneof(number, text, fc.constantFrom('null', 'true', `"${token}"`, `"Bearer ${token} "`));
const space = fc.constantFrom('', ' ', '\n  ');
const jsonBody = fc
  .array(fc.tuple(space, item, space), { maxLength: 30 })
  .map((items) => `[${items.map((one) => one.join('')).join(',')}]`);

const headerValue = fc
  .tuple(fc.stringMatching(/^[!-~]{0,20}$/), fc.nat(3_000), fc.constantFrom('', token))
  .map(([begin, length, secret]) => `${begin}${'v'.repeat(length)}${secret}`);

const answers = fc.record({
  method: fc.constantFrom('GET', 'HEAD'),
  range: fc.boolean(),
  interim: fc.constantFrom('', 'HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n'),
  status: fc.constantFrom(200, 201, 404, 429, 503),
  type: fc.constantFrom('application/json', 'text/plain; charset=utf-8'),
  body: fc.oneof({ weight: 4, arbitrary: jsonBody }, fc.constantFrom('', token)),
  coding: fc.constantFrom('identity', 'gzip', 'deflate'),
  framing: fc.constantFrom('length', 'chunks', 'close'),
  headers: fc.array(headerValue, { maxLength: 4 }),
});
type Wish = typeof answers extends fc.Arbitrary<infer One> ? One : never;

const encoders = { identity: (body: Buffer) => body, gzip: gzipSync, deflate: deflateSync };
const decoders = { identity: (body: Buffer) => body, gzip: gunzipSync, deflate: inflateSync };

/** What the service sends: a coding only where it is accepted, a part only where one is asked for. */
function write(socket: Socket, wish: Wish, head: string): void {
  const accepted = /^accept-encoding: *(.*)$/im.exec(head)?.[1] ?? 'identity';
  const coding = wish.body !== '' && accepted.includes(wish.coding) ? wish.coding : 'identity';
  const whole = encoders[coding](Buffer.from(wish.body));
  const partial = wish.range && wish.status === 200 && /^range:/im.test(head) && whole.length > 0;
  const lines = [
    `HTTP/1.1 ${partial ? 206 : wish.status} Said`,
    `content-type: ${wish.type}`,
    ...(coding === 'identity' ? [] : [`content-encoding: ${coding}`]),
    ...(partial ? [`content-range: bytes 0-${whole.length - 1}/${whole.length}`] : []),
    ...(wish.framing === 'length' ? [`content-length: ${whole.length}`] : []),
    ...(wish.framing === 'chunks' ? ['transfer-encoding: chunked'] : ['connection: close']),
    ...wish.headers.map((value, at) => `x-made-${at}: ${value}`),
    'etag: W/"12345678901234567890"',
  ];
  socket.write(`${wish.interim}${lines.join('\r\n')}\r\n\r\n`);
  if (wish.method === 'GET') {
    const chunk = whole.length === 0 ? '' : `${whole.length.toString(16)}\r\n`;
    if (wish.framing === 'chunks')
      socket.write(Buffer.concat([Buffer.from(chunk), whole, Buffer.from(chunk && '\r\n')]));
    else socket.write(whole);
    if (wish.framing === 'chunks') socket.write('0\r\n\r\n');
  }
  if (wish.framing !== 'chunks') socket.end();
}

type Got = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer };

async function ask(url: string, method: string, headers: Record<string, string>): Promise<Got> {
  const asked = request(url, { method, headers, agent: false });
  asked.end();
  const [answer] = await once(asked, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) };
}

it('numbers, headers, lengths and bodies come through as the service wrote them, without the secret', {
  timeout: 120_000,
}, async () => {
  let wish: Wish | undefined;
  const service = createServer((socket) => {
    let head = '';
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      head += String(data);
      if (!head.includes('\r\n\r\n')) return;
      if (wish) write(socket, wish, head);
      // It has nothing to verify a credential with.
      else socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      head = '';
    });
  });
  const { keyward, connectionId } = await connectRawService(service, ann, token);
  const { broker } = keyward.keyward.usual;

  await fc.assert(
    fc.asyncProperty(answers, async (one) => {
      wish = one;
      const made = one.headers.map((value, at) => [`x-made-${at}`, redacted(value)]);
      const whole = one.method === 'HEAD' ? '' : redacted(one.body);

      const got = await ask(`${keyward.origin}/proxy/${connectionId}/x`, one.method, {
        authorization: `Bearer ${keyward.token('ann')}`,
        ...(one.range && { range: 'bytes=0-' }),
      });
      const partial = one.range && one.status === 200 && one.body !== '';
      expect(got.status).toBe(partial ? 206 : one.status);
      expect(got.headers).toMatchObject({ ...Object.fromEntries(made), etag: 'W/"12345678901234567890"' });
      expect(got.headers['content-type']).toBe(one.type);
      const coding = got.headers['content-encoding'] ?? 'identity';
      const body = got.body.length === 0 ? '' : String(decoders[coding as keyof typeof decoders](got.body));
      expect(body).toBe(whole);
      // A length is told where there is one: of a HEAD it is that of the body which a GET would get from the service.
      const { 'content-length': length } = got.headers;
      if (one.method === 'HEAD' && one.framing === 'length')
        expect(Number(length)).toBe(encoders.identity(Buffer.from(one.body)).length);
      if (one.method === 'GET' && length !== undefined) expect(Number(length)).toBe(got.body.length);

      if (one.method === 'HEAD') return;
      const told = await callApi(broker, ann, { connectionId, method: one.method, path: '/x' });
      expect(told.status).toBe(one.status);
      expect(told.headers).toMatchObject(Object.fromEntries(made.filter(([, value]) => value !== '')));
      expect(JSON.stringify(told)).not.toContain(token);
      const shown = told.written ?? (typeof told.body === 'string' ? told.body : JSON.stringify(told.body));
      if (one.type !== 'application/json' || one.body === '' || one.body === token) expect(shown).toBe(whole);
      else {
        // White space between the parts is all that may go.
        expect(JSON.parse(shown)).toEqual(JSON.parse(whole));
        expect(numbersOf(shown)).toEqual(numbersOf(whole));
      }
    }),
    { numRuns: 250 },
  );
});

/** The literals of a JSON text that are numbers, in their order. */
function numbersOf(json: string): string[] {
  const parts = json.match(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g) ?? [];
  return parts.filter((part) => part[0] !== '"');
}
