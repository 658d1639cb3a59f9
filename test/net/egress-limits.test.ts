import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Egress, EgressWholeRequest } from '../../src/net/egress.ts';
import { egressFetch } from '../../src/net/fetch.ts';
import { createEgress } from '../../src/net/open-egress.ts';
import { type HttpServer, startHttpServer } from '../support/servers/http-server.ts';

const mebibyte = 1024 * 1024;
/** 300 MB of zeros in 300 KB: gzip members may follow one another. */
const bomb = Buffer.concat(Array.from({ length: 300 }, () => gzipSync(Buffer.alloc(mebibyte))));
/** 64 MB of zeros in brotli, with the longest memory that it has. */
const longBomb = brotliCompressSync(Buffer.alloc(64 * mebibyte), {
  params: { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_QUALITY]: 4 },
});
const encoded: Readonly<Record<string, Buffer>> = {
  gzip: gzipSync('hello'),
  deflate: deflateSync('hello'),
};

let server: HttpServer;
let egress: Egress;
beforeAll(async () => {
  server = await startHttpServer(({ url, headers }, response) => {
    const [, kind = '', detail = ''] = url.split('/');
    if (kind === 'encoded') response.setHeader('content-encoding', detail).end(encoded[detail]);
    else if (kind === 'claims') response.setHeader('content-encoding', decodeURIComponent(detail)).end('not really');
    else if (kind === 'bomb') response.setHeader('content-encoding', 'gzip').end(bomb);
    else if (kind === 'longest') {
      const br = String(headers['accept-encoding']).includes('br');
      response.setHeader('content-encoding', br ? 'br' : 'gzip').end(br ? longBomb : bomb);
    } else if (kind === 'endless') endless(response);
    else if (kind === 'drip') drip(response);
    else if (kind === 'size') response.end(Buffer.alloc(Number(detail)));
    else if (kind === 'cut') response.writeHead(200, { 'content-length': '9' }).write('half', () => response.destroy());
    else if (kind === 'echo') response.end(JSON.stringify(headers));
    else if (kind === 'status') response.writeHead(Number(detail)).end();
    // Anything else is never answered.
  });
  egress = createEgress({ allow: ['127.0.0.1'] });
});
afterAll(() => Promise.all([egress.close(), server.close()]));

type Writable = { write(chunk: Buffer, then: () => void): unknown; destroyed: boolean };

function endless(response: Writable): void {
  if (!response.destroyed) response.write(Buffer.alloc(65_536), () => setImmediate(endless, response));
}

function drip(response: Writable): void {
  if (!response.destroyed) response.write(Buffer.from('.'), () => setTimeout(drip, 20, response));
}

function ask(path: string, changes: Partial<EgressWholeRequest> = {}) {
  return egress.request({
    url: new URL(`${server.origin}/${path}`),
    hosts: ['127.0.0.1'],
    timeoutMs: 20_000,
    ...changes,
  });
}

const text = (body: Uint8Array) => Buffer.from(body).toString();

describe('egress and limits', () => {
  it('58. an endless stream is cut at the size limit', async () => {
    await expect(ask('endless')).rejects.toMatchObject({ code: 'egress_too_large' });
  });

  it.each(['drip', 'silent'])('58. a %s answer is cut at the time limit', async (kind) => {
    const started = Date.now();
    const request = ask(kind, { timeoutMs: 300, maxBytes: Number.MAX_SAFE_INTEGER });
    await expect(request).rejects.toMatchObject({ code: 'provider_unavailable', details: { ambiguous: true } });
    expect(Date.now() - started).toBeLessThan(5_000);
  });

  it('59. a gzip bomb is cut after decoding, with less than 50 MB of memory', async () => {
    const before = process.memoryUsage().rss;
    await expect(ask('bomb', { maxBytes: 8 * mebibyte })).rejects.toMatchObject({ code: 'egress_too_large' });
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * mebibyte);
  });

  it('59. answers that nobody reads on hold little memory each, however well the service compresses', async () => {
    const before = process.memoryUsage().rss;
    const held: AsyncIterator<Uint8Array>[] = [];
    for (let n = 0; n < 20; n += 1) {
      const { body } = await egress.open({ url: new URL(`${server.origin}/longest`), hosts: ['127.0.0.1'] });
      const pieces = body[Symbol.asyncIterator]();
      for (let read = 0; read < 20 * mebibyte; ) read += (await pieces.next()).value?.length ?? 0;
      held.push(pieces);
    }
    const grown = process.memoryUsage().rss - before;
    for (const pieces of held) await pieces.return?.();
    expect(grown).toBeLessThan(100 * mebibyte);
  });

  it('59. exactly the limit passes, one byte more does not', async () => {
    expect((await ask('size/1000', { maxBytes: 1000 })).body.length).toBe(1000);
    await expect(ask('size/1001', { maxBytes: 1000 })).rejects.toMatchObject({ code: 'egress_too_large' });
  });

  it.each(Object.keys(encoded))(
    'an answer in %s is decoded, and says nothing of the encoding any more',
    async (name) => {
      const answer = await ask(`encoded/${name}`);
      expect(text(answer.body)).toBe('hello');
      expect(answer.headers.has('content-encoding')).toBe(false);
      expect(answer.headers.has('content-length')).toBe(false);
    },
  );

  it.each(['gzip, gzip', 'br, gzip', 'compress', 'constructor', '__proto__', 'gzip', 'br', 'zstd', 'deflate'])(
    '59. an answer that claims to be %s and is not, or stacks encodings, is refused',
    async (claim) => {
      const request = ask(`claims/${encodeURIComponent(claim)}`);
      await expect(request).rejects.toMatchObject({ code: 'provider_garbled' });
    },
  );

  it('an answer without a body may claim any encoding', async () => {
    expect((await ask('claims/gzip', { method: 'HEAD' })).status).toBe(200);
  });

  it('a connection cut in the middle is ambiguous, one that never came about is not', async () => {
    await expect(ask('cut')).rejects.toMatchObject({ code: 'provider_unavailable', details: { ambiguous: true } });
    const closed = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => closed.once('listening', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    for (const url of [`http://127.0.0.1:${port}/`, `https://127.0.0.1:${server.port}/`]) {
      const request = egress.request({ url: new URL(url), hosts: ['127.0.0.1'], method: 'POST', body: 'x' });
      await expect(request, url).rejects.toMatchObject({ code: 'provider_unavailable', details: { ambiguous: false } });
    }
  });

  it('a name that does not resolve says so, and is not ambiguous', async () => {
    const unknown = Object.assign(new Error('no'), { code: 'ENOTFOUND' });
    const lost = createEgress({ allow: [], resolve: () => Promise.reject(unknown) });
    const request = lost.request({ url: new URL('https://gone.example.test/'), hosts: ['gone.example.test'] });
    await expect(request).rejects.toMatchObject({ code: 'provider_unavailable', details: { ambiguous: false } });
  });

  it('a caller can cancel before and during a request', async () => {
    await expect(ask('silent', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
    const controller = new AbortController();
    const request = ask('silent', { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await expect(request).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('49. a line break or another forbidden character in a header is refused before anything is sent', async () => {
    const before = server.seen.length;
    for (const value of ['a\r\nx: y', 'a\nb', 'a\0b', 'a\u{7f}', 'ünï€']) {
      await expect(ask('echo', { headers: { 'x-test': value } }), value).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
    await expect(ask('echo', { headers: { 'x\r\ny': 'z' } })).rejects.toMatchObject({ code: 'invalid_input' });
    expect(server.seen.length).toBe(before);
  });

  it.each(['Host', 'Content-Length', 'transfer-encoding', 'Connection', 'Upgrade', 'Expect', 'Proxy-Authorization'])(
    '55. the framing header %s can not be set',
    async (name) => {
      await expect(ask('echo', { headers: { [name]: '1' } })).rejects.toMatchObject({ code: 'invalid_input' });
    },
  );

  it('a request names Keyward unless the caller says otherwise', async () => {
    expect(JSON.parse(text((await ask('echo')).body))['user-agent']).toBe('keyward');
    const own = await ask('echo', { headers: { 'User-Agent': 'mine' } });
    expect(JSON.parse(text(own.body))['user-agent']).toBe('mine');
  });

  it('the fetch adapter answers what the service answered', async () => {
    const outbound = egressFetch(egress, { hosts: ['127.0.0.1'] });
    const answer = await outbound(`${server.origin}/echo`, { method: 'POST', body: new URLSearchParams({ a: 'b' }) });
    expect([answer.status, server.seen.at(-1)?.body]).toEqual([200, 'a=b']);
    expect((await outbound(`${server.origin}/status/204`)).status).toBe(204);
    await expect(outbound(`${server.origin}/status/777`)).rejects.toMatchObject({ code: 'provider_garbled' });
  });
});
