/** The guards that every listener has, over real HTTP. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KeywardError } from '../../../src/errors.ts';
import { type Listener, listen } from '../../../src/http/listener/server.ts';
import { createApp } from '../../../src/http/middleware/app.ts';
import type { Facts } from '../../../src/log.ts';
import { raw } from '../../support/clients/raw-http.ts';

const logged: { event: string; facts: Facts }[] = [];
const write = (event: string, facts: Facts = {}) => void logged.push({ event, facts });
const log = { info: write, warn: write, error: write };

let listener: Listener;
let origin: string;

beforeAll(async () => {
  const port = await freeListener();
  origin = `http://127.0.0.1:${port}`;
});
afterAll(() => listener.close());

/** The app has to know its port, and the port is known once it listens. */
async function freeListener(): Promise<number> {
  let app: ReturnType<typeof createApp> | undefined;
  listener = await listen((request, env) => app?.fetch(request, env) ?? new Response(), ['127.0.0.1'], 0);
  const host = `127.0.0.1:${listener.port}`;
  app = createApp({ hosts: [host], origins: [`http://${host}`], log });
  app.get('/page', (c) => c.html('<p>page</p>'));
  app.post('/page', (c) => c.text('done'));
  app.get('/refuses', () => {
    throw new KeywardError('attempt_expired', 'It is <over>.', { hint: 'Start again.' });
  });
  app.get('/fails', () => {
    throw new Error('CANARY in a message of somebody else');
  });
  return listener.port;
}

const browserPost = (headers: Record<string, string>) => raw(origin, '/page', { method: 'POST', headers });

describe('guards of every listener', () => {
  it.each(['evil.test', '127.0.0.1', '127.0.0.1:1', 'localhost', '127.0.0.1.evil.test', '[::1]'])(
    '44. a Host of %s is refused',
    async (host) => {
      expect((await raw(origin, '/page', { headers: { host } })).status).toBe(403);
    },
  );

  it('44. a foreign or null Origin is refused whatever the method', async () => {
    for (const method of ['POST', 'GET', 'PUT', 'DELETE', 'OPTIONS']) {
      for (const from of ['null', 'https://evil.test', `http://localhost:${listener.port}`, 'http://127.0.0.1:1']) {
        expect((await raw(origin, '/page', { method, headers: { origin: from } })).status).toBe(403);
      }
    }
    expect((await browserPost({ origin })).status).toBe(200);
  });

  it('25. a request that a browser says comes from another site is refused, without an Origin too', async () => {
    expect((await browserPost({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await browserPost({ 'sec-fetch-site': 'same-site' })).status).toBe(403);
    const image = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' };
    expect((await raw(origin, '/page', { headers: image })).status).toBe(403);
    const frame = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' };
    expect((await raw(origin, '/page', { headers: frame })).status).toBe(403);
  });

  it('lets other sites link here', async () => {
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    expect((await raw(origin, '/page', { headers: link })).status).toBe(200);
    expect((await raw(origin, '/page', { headers: { ...link, origin: 'null' } })).status).toBe(200);
    expect((await raw(origin, '/page', { method: 'POST', headers: { ...link, origin: 'null' } })).status).toBe(403);
  });

  it('23. every answer, errors included, forbids framing, caching, sniffing, referrers and foreign content', async () => {
    const answers = await Promise.all([
      raw(origin, '/page'),
      raw(origin, '/nothing'),
      raw(origin, '/refuses'),
      raw(origin, '/fails'),
      raw(origin, '/page', { method: 'PUT' }),
      raw(origin, '/page', { headers: { host: 'evil.test' } }),
      browserPost({ origin: 'null' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 410, 500, 405, 403, 403]);
    for (const { headers } of answers) {
      const policy = String(headers['content-security-policy']);
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("form-action 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).toContain("base-uri 'none'");
      expect(policy).not.toContain('unsafe');
      expect(headers['x-frame-options']).toBe('DENY');
      expect(headers['cache-control']).toBe('no-store');
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['referrer-policy']).toBe('same-origin');
      expect(headers['cross-origin-opener-policy']).toBe('same-origin');
      expect(headers['cross-origin-resource-policy']).toBe('same-origin');
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  it('says what to do on every error page and escapes what it quotes', async () => {
    expect((await raw(origin, '/nothing/%3Cscript%3E')).body).toContain('Open the link');
    const refused = await raw(origin, '/refuses');
    expect(refused.body).toContain('It is &lt;over&gt;.');
    expect(refused.body).toContain('Start again.');
    expect((await raw(origin, '/page', { method: 'PUT' })).headers.allow).toBe('GET, HEAD, POST');
  });

  it('42. an unexpected error shows and logs none of its own words', async () => {
    logged.length = 0;
    const { body } = await raw(origin, '/fails');
    expect(body).not.toContain('CANARY');
    expect(logged).toEqual([{ event: 'page_failed', facts: { path: '/fails', error: 'Error' } }]);
  });

  it('lets go of a client that does not finish its headers', async () => {
    const socket = connect(listener.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    socket.write('GET /page HTTP/1.1\r\nHost: 127.0.0.1\r\n');
    const begun = Date.now();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(answer).toContain('408');
    expect(Date.now() - begun).toBeLessThan(15_000);
  });

  it('refuses headers longer than a browser would send', async () => {
    expect((await raw(origin, '/page', { headers: { cookie: 'a'.repeat(40_000) } })).status).toBe(431);
  });
});
