/** The gateway of HTTP mode: the whole service on a real port in front of real servers. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readAudit } from '../../../src/broker/credentials/read-audit.ts';
import { shareConnection } from '../../../src/broker/credentials/share.ts';
import { toPublic } from '../../../src/errors.ts';
import { scrubbed } from '../../../src/net/scrub/scrub.ts';
import { raw } from '../../support/clients/raw-http.ts';
import { person } from '../../support/principals.ts';
import { type EchoApi, startEchoApi } from '../../support/servers/echo-api.ts';
import { type EchoEnv, echoConnector, echoEnv } from '../../support/servers/echo-connector.ts';
import { type RestServer, startRest } from '../../support/servers/rest.ts';

const run = promisify(execFile);
const token = 'sk-canary-of-the-gateway/+=&';
const ann = person('acme', 'ann');
const bob = person('acme', 'bob');
const eve = person('other', 'eve');
const reader = { ...ann, scopes: new Set(['credentials:read', 'credentials:release'] as const) };

let api: EchoApi;
let streaming: Streaming;
let echo: EchoEnv;
let stream: EchoEnv;
let keyward: RestServer;
let streamed: RestServer;
let id: string;
let streamId: string;
beforeAll(async () => {
  api = await startEchoApi();
  streaming = await startStreaming();
  echo = await echoEnv(api.origin);
  stream = await echoEnv(streaming.origin);
  const people = new Map([
    ['ann', ann],
    ['bob', bob],
    ['eve', eve],
    ['reader', reader],
  ]);
  keyward = await startRest({ ...echo.env, KEYWARD_SHARE_TENANTS: 'acme>other' }, people);
  streamed = await startRest(stream.env, people);
  id = await connectEcho(keyward);
  streamId = await connectEcho(streamed);
});
afterAll(async () => {
  await keyward.close();
  await streamed.close();
  await Promise.all([api.close(), streaming.close(), echo.remove(), stream.remove()]);
});

async function connectEcho({ keyward: { run: tool } }: RestServer, fields: Record<string, string> = { token }) {
  const authenticationType = 'apiKey' in fields ? 'api_key' : 'bearer';
  const input = { connectorId: echoConnector, authenticationType, ...fields };
  return String((await tool('create_credential', input, { principal: ann })).credentialId);
}

/** A service whose answers a test lets out piece by piece. */
type Streaming = {
  readonly origin: string;
  readonly answers: ServerResponse[];
  readonly requests: IncomingMessage[];
  close(): Promise<unknown>;
};

async function startStreaming(): Promise<Streaming> {
  const answers: ServerResponse[] = [];
  const requests: IncomingMessage[] = [];
  const server = createServer((incoming, answer) => {
    requests.push(incoming);
    if (incoming.url?.endsWith('/chat/completions')) {
      answer.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const word of ['Hel', 'lo']) answer.write(`data: {"choices":[{"delta":{"content":"${word}"}}]}\n\n`);
      answer.end('data: [DONE]\n\n');
    } else answers.push(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, answers, requests, close };
}

/** A request through the gateway, with its bodies as Node streams. */
function open(path: string, method = 'GET', headers: Record<string, string> = {}) {
  const authorization = `Bearer ${streamed.token('ann')}`;
  return request(`${streamed.origin}/proxy/${streamId}${path}`, { method, headers: { authorization, ...headers } });
}

/** nginx would open a file or an inner location for these (X-Accel), others a file; a CDN would keep the answer for everybody. */
const toProxies = [
  ...['x-accel-redirect', 'x-accel-expires', 'x-sendfile', 'x-lighttpd-send-file', 'x-litespeed-location'],
  ...['x-reproxy-url', 'surrogate-control', 'cdn-cache-control', 'cloudflare-cdn-cache-control', 'edge-control'],
  ...['cache-control', 'x-litespeed-cache-control'],
];
const toBrowsers = [
  ...['set-cookie', 'set-cookie2', 'clear-site-data', 'strict-transport-security', 'alt-svc', 'nel', 'report-to'],
  ...['reporting-endpoints', 'service-worker-allowed', 'set-login', 'content-security-policy', 'x-frame-options'],
  ...['access-control-allow-origin', 'access-control-allow-credentials', 'access-control-expose-headers'],
  ...['access-control-allow-private-network', 'access-control-max-age', 'timing-allow-origin', 'origin-agent-cluster'],
  ...['cross-origin-opener-policy', 'cross-origin-embedder-policy', 'cross-origin-resource-policy', 'origin-trial'],
  ...['cross-origin-opener-policy-report-only', 'content-security-policy-report-only', 'permissions-policy'],
  ...['permissions-policy-report-only', 'document-policy', 'feature-policy', 'referrer-policy', 'integrity-policy'],
  ...['require-document-policy', 'document-isolation-policy', 'refresh', 'speculation-rules', 'no-vary-search'],
  ...['supports-loading-mode', 'accept-ch', 'critical-ch', 'use-as-dictionary', 'activate-storage-access', 'expect-ct'],
  ...['sec-session-registration', 'secure-session-registration', 'secure-session-challenge', 'public-key-pins'],
  ...['public-key-pins-report-only', 'x-dns-prefetch-control', 'x-permitted-cross-domain-policies', 'x-xss-protection'],
  ...['x-content-type-options', 'attribution-reporting-register-source', 'observe-browsing-topics'],
  ...['ad-auction-allowed', 'sourcemap', 'x-sourcemap', 'x-content-security-policy', 'x-webkit-csp', 'p3p'],
];

const next = <T>(list: readonly T[], before: number) => vi.waitUntil(() => list[before], { timeout: 10_000 });

describe('the gateway', () => {
  it('is the service of the connection: method, path, query, headers and bodies as they are', async () => {
    const answer = await keyward.send('ann', 'PATCH', `/proxy/${id}/items/a%2Fb?q=x%20y&q=2`, {
      raw: '{"a": 1}',
      headers: { 'x-own': 'yes', 'user-agent': 'client/1', accept: 'text/x', 'x-constant': 'two' },
    });
    expect(answer.body).toEqual({ method: 'PATCH', url: '/v1/items/a%2Fb?q=x%20y&q=2', body: '{"a": 1}' });
    expect(api.seen.at(-1)?.headers).toMatchObject({
      authorization: `Bearer ${token}`,
      'x-own': 'yes',
      'user-agent': 'client/1',
      accept: 'text/x',
      'x-constant': 'two',
      'content-length': '8',
    });
    expect((await keyward.send('ann', 'HEAD', `/proxy/${id}/x`)).status).toBe(200);
    expect((await keyward.send('ann', 'GET', `/proxy/${id}/500`)).status).toBe(500);
    expect((await keyward.send('ann', 'GET', `/proxy/${id}/429`)).headers.get('retry-after')).toBe('7');
  });

  it('is the base URL itself where no path follows the id, with a query or without', async () => {
    for (const [asked, url] of [
      [`/proxy/${id}`, '/v1/'],
      [`/proxy/${id}?a=1`, '/v1/?a=1'],
    ]) {
      const authorization = `Bearer ${keyward.token('ann')}`;
      expect((await fetch(`${keyward.origin}${asked}`, { headers: { authorization } })).status).toBe(200);
      expect(api.seen.at(-1)).toMatchObject({ url });
    }
  });

  it('1. lets nobody in without a bearer token, and nobody who lacks the scope', async () => {
    const before = api.seen.length;
    expect((await keyward.send(null, 'GET', `/proxy/${id}/x`)).status).toBe(401);
    const refused = await keyward.send('reader', 'GET', `/proxy/${id}/x`);
    expect([refused.status, refused.body]).toMatchObject([403, { error: { code: 'insufficient_scope' } }]);
    expect(refused.headers.get('www-authenticate')).toContain('credentials:use');
    expect(api.seen.length).toBe(before);
  });

  it('7. answers a stranger as if there were no such connection', async () => {
    const missing = crypto.randomUUID();
    const [foreign, none] = await Promise.all(
      [id, missing].map((one) => keyward.send('bob', 'GET', `/proxy/${one}/x`)),
    );
    expect(foreign?.status).toBe(404);
    expect(foreign?.text.replace(id, '')).toBe(none?.text.replace(missing, ''));
    // A program knows addresses, and no tools of a model.
    expect(none?.text).toContain('Call GET /api/credentials to see what there is.');
  });

  it('12. serves a use share for reading, and ends with it', async () => {
    const { broker } = keyward.keyward.usual;
    await shareConnection(broker, ann, { connectionId: id, with: 'user:bob', permission: 'use' });
    expect((await keyward.send('bob', 'GET', `/proxy/${id}/echo`)).text).toBe(scrubbed);
    expect((await keyward.send('bob', 'POST', `/proxy/${id}/x`, { body: {} })).status).toBe(403);
    await shareConnection(broker, ann, { connectionId: id, with: 'user:bob', permission: 'none' });
    expect((await keyward.send('bob', 'GET', `/proxy/${id}/echo`)).status).toBe(404);
  });

  it('12. serves another tenant that it is shared with, and no output of anything shows the secret', async () => {
    const { broker } = keyward.keyward.usual;
    await shareConnection(broker, ann, { connectionId: id, with: 'tenant:other', permission: 'use' });
    const outputs: string[] = [];
    for (const path of ['/echo', '/echo?as=base64', '/headers', '/500', '/whoami']) {
      const { text, headers } = await keyward.send('eve', 'GET', `/proxy/${id}${path}`);
      outputs.push(text, JSON.stringify([...headers]));
    }
    expect(outputs[0]).toBe(scrubbed);
    const called = api.seen.at(-1);
    expect(called?.headers.authorization).toBe(`Bearer ${token}`);
    const tools = [
      ['list_credentials', {}],
      ['get_connection', { connectionId: id }],
      ['call_api', { connectionId: id, method: 'GET', path: '/echo' }],
      ['verify_credential', { credentialId: id }],
      ['get_connection_credentials', { connectionId: id }],
      ['share_connection', { connectionId: id, with: 'user:eve', permission: 'use' }],
    ] as const;
    for (const [tool, args] of tools) {
      const answer = keyward.keyward.run(tool, args, { principal: eve });
      outputs.push(JSON.stringify(await answer.catch(toPublic)));
    }
    expect(outputs.slice(-2).map((said) => JSON.parse(said).code)).toEqual(['forbidden', 'forbidden']);
    expect(outputs.at(-3)).toContain(`account of ${scrubbed}`);
    outputs.push(JSON.stringify(await readAudit(broker, eve, {})), JSON.stringify(await readAudit(broker, ann, {})));
    outputs.push(...keyward.keyward.lines);
    for (const form of ['canary', Buffer.from(token).toString('base64'), Buffer.from(token).toString('hex')]) {
      expect(outputs.filter((said) => said.includes(form))).toEqual([]);
    }
    await shareConnection(broker, ann, { connectionId: id, with: 'tenant:other', permission: 'none' });
    expect((await keyward.send('eve', 'GET', `/proxy/${id}/echo`)).status).toBe(404);
  });

  it('55. never sends Keyward’s token, cookies, or what says who calls and from where upstream', async () => {
    const own = keyward.token('ann');
    await raw(keyward.origin, `/proxy/${id}/headers`, {
      headers: {
        host: new URL(keyward.origin).host,
        authorization: `Bearer ${own}`,
        'x-api-key': own,
        cookie: 'a=b',
        'x-alloy-userid': 'ann',
        'x-forwarded-for': '1.2.3.4',
        forwarded: 'for=1.2.3.4',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        tracestate: 'vendor=1',
        baggage: 'user=ann',
        'proxy-authorization': 'Basic x',
        connection: 'close, x-hop',
        'x-hop': '1',
        'x-kept': 'yes',
        'accept-encoding': 'compress',
      },
    });
    const seen = api.seen.at(-1)?.headers ?? {};
    expect(seen).toMatchObject({ 'x-kept': 'yes', authorization: `Bearer ${token}`, host: api.host });
    const trace = ['traceparent', 'tracestate', 'baggage'];
    const reserved = [
      'x-api-key',
      'cookie',
      'x-alloy-userid',
      'x-forwarded-for',
      'forwarded',
      'proxy-authorization',
      'x-hop',
      ...trace,
    ];
    for (const name of reserved) {
      expect(seen, name).not.toHaveProperty(name);
    }
    expect(JSON.stringify(api.seen)).not.toContain(own);
    const before = api.seen.length;
    expect((await keyward.send('ann', 'GET', `/proxy/${id}/x?key=${own}`)).status).toBe(422);
    for (const name of ['X-HTTP-Method-Override', 'X-Original-URL']) {
      expect((await keyward.send('ann', 'GET', `/proxy/${id}/x`, { headers: { [name]: '/y' } })).status).toBe(422);
    }
    expect(api.seen.length).toBe(before);
  });

  it('55. refuses a request that is framed in two ways', async () => {
    const before = api.seen.length;
    for (const framing of [
      'Content-Length: 1\r\nContent-Length: 2',
      'Content-Length: 1\r\nTransfer-Encoding: chunked',
    ]) {
      const { hostname, port, host } = new URL(keyward.origin);
      const socket = connect(Number(port), hostname);
      const head = `POST /proxy/${id}/x HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${keyward.token('ann')}`;
      socket.write(`${head}\r\n${framing}\r\n\r\n0\r\n\r\n`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString()).toMatch(/^HTTP\/1\.1 400/);
      socket.destroy();
    }
    expect(api.seen.length).toBe(before);
  });

  it('44. takes neither a Host nor an Authorization that is there twice for its first one', async () => {
    const { hostname, port, host } = new URL(keyward.origin);
    const good = `Bearer ${keyward.token('ann')}`;
    const before = api.seen.length;
    for (const [lines, status] of [
      [`Host: ${host}\r\nHost: evil.test\r\nAuthorization: ${good}`, 403],
      [`Host: evil.test\r\nHost: ${host}\r\nAuthorization: ${good}`, 403],
      [`Host: ${host}\r\nAuthorization: ${good}\r\nAuthorization: Bearer other`, 401],
      [`Host: ${host}\r\nAuthorization: ${good}\r\nOrigin: https://evil.test`, 403],
      [`Host: ${host}\r\nAuthorization: ${good}\r\nSec-Fetch-Site: cross-site`, 403],
    ] as const) {
      const socket = connect(Number(port), hostname);
      socket.write(`GET /proxy/${id}/x HTTP/1.1\r\n${lines}\r\n\r\n`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*\\r\\n\\r\\n{"error":{"code":`));
      socket.destroy();
    }
    expect(api.seen.length).toBe(before);
  });

  it('44. answers a browser with the headers that all of Keyward’s answers have, over what the service says', async () => {
    const headers = { authorization: `Bearer ${keyward.token('ann')}` };
    const page = await fetch(`${keyward.origin}/nothing`);
    for (const path of [`/proxy/${id}/x`, `/proxy/${id}/a/../x`, '/proxy/', '/proxy']) {
      const answer = await fetch(`${keyward.origin}${path}`, { headers });
      const own = [
        'content-security-policy',
        'x-frame-options',
        'referrer-policy',
        'cache-control',
        'x-content-type-options',
      ];
      for (const name of own)
        expect([path, name, answer.headers.get(name)]).toEqual([path, name, page.headers.get(name)]);
      expect(answer.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/);
    }
  });

  it.each(['/../x', '/a/../../../x', '/%2e%2e/x', '//evil.example/', '/a%5c..%5cx', '/%2fevil', '/a%00'])(
    '56. %s does not leave the base URL',
    async (path) => {
      const before = api.seen.length;
      const headers = { host: new URL(keyward.origin).host, authorization: `Bearer ${keyward.token('ann')}` };
      const { status } = await raw(keyward.origin, `/proxy/${id}${path}`, { headers });
      expect([404, 422]).toContain(status);
      expect(api.seen.length).toBe(before);
    },
  );

  it('54. keeps a redirect below the base URL within the gateway, and follows none', async () => {
    const get = (to: string) =>
      fetch(`${keyward.origin}/proxy/${id}/302?to=${encodeURIComponent(to)}`, {
        headers: { authorization: `Bearer ${keyward.token('ann')}` },
        redirect: 'manual',
      });
    expect((await get('/v1/there?a=1')).headers.get('location')).toBe(`/proxy/${id}/there?a=1`);
    expect((await get('https://evil.example/x')).headers.get('location')).toBe('https://evil.example/x');
  });

  it('57. scrubs the secret from headers and bodies, compressed and split ones too', async () => {
    for (const query of [
      'as=raw',
      'as=base64',
      'as=json',
      'as=raw&portion=3',
      'as=raw&encoding=gzip',
      'as=url&encoding=deflate',
      'as=json+as+some+libraries+escape+it&portion=4',
      'as=url+in+some+bytes&portion=2',
      'as=html+in+hex,+some+characters',
    ]) {
      const { text } = await keyward.send('ann', 'GET', `/proxy/${id}/echo?${query}`);
      expect(text, query).toContain(scrubbed);
      expect(text, query).not.toContain('canary');
    }
    const { headers, text } = await keyward.send('ann', 'GET', `/proxy/${id}/headers`);
    expect(headers.get('x-your-key')).toBe(scrubbed);
    expect(text).not.toContain('canary');
    const inQuery = await connectEcho(keyward, { apiKey: 'query canary key' });
    const echoed = await keyward.send('ann', 'GET', `/proxy/${inQuery}/x?a=1`);
    expect(echoed.body).toMatchObject({ url: `/v1/x?a=1&api_key=${scrubbed}` });
    expect((await keyward.send('ann', 'GET', `/proxy/${inQuery}/x?API_key=mine`)).status).toBe(422);
  });

  it('57. passes on nothing that comes beside headers and body, where a secret could be too', async () => {
    const said: string[] = [];
    const sent = request(`${keyward.origin}/proxy/${id}/around`, {
      headers: { authorization: `Bearer ${keyward.token('ann')}` },
    }).end();
    sent.on('information', (early) => said.push(JSON.stringify(early)));
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    for await (const piece of answer) said.push(String(piece));
    expect(said).toEqual(['around']);
    expect([answer.statusMessage, answer.headers.trailer, answer.rawTrailers]).toEqual(['OK', undefined, []]);
  });

  it('sends no TRACE, which would come back with what Keyward adds, and opens no tunnel', async () => {
    const before = api.seen.length;
    const headers = { host: new URL(keyward.origin).host, authorization: `Bearer ${keyward.token('ann')}` };
    expect((await raw(keyward.origin, `/proxy/${id}/x`, { method: 'TRACE', headers })).status).toBe(403);
    const [tunnel] = await once(
      request(`${keyward.origin}/proxy/${id}/x`, { method: 'CONNECT', headers }).end(),
      'connect',
    );
    expect((tunnel as IncomingMessage).statusCode).toBe(501);
    expect(api.seen.length).toBe(before);
  });

  it('60. passes on neither cookies nor hop-by-hop headers of the service', async () => {
    const { headers } = await keyward.send('ann', 'GET', `/proxy/${id}/headers`);
    expect(headers.get('x-kept')).toBe('yes');
    for (const name of ['set-cookie', 'x-hop']) expect(headers.get(name), name).toBeNull();
  });

  it('60. 92. passes on no order to a proxy in front, and nothing that a browser would take for Keyward’s own word', async () => {
    const given = [...toProxies, ...toBrowsers].map((name) => `${name}=for-you`).join('&');
    const { headers } = await keyward.send('ann', 'GET', `/proxy/${id}/says?x-kept=yes&${given}`);
    expect(headers.get('x-kept')).toBe('yes');
    for (const [name, value] of headers) expect(value, name).not.toContain('for-you');
  });

  it('refuses a WebSocket upgrade clearly, in JSON', async () => {
    const answer = await raw(keyward.origin, `/proxy/${id}/x`, {
      headers: {
        host: new URL(keyward.origin).host,
        authorization: `Bearer ${keyward.token('ann')}`,
        connection: 'Upgrade',
        upgrade: 'websocket',
      },
    });
    expect(answer.status).toBe(422);
    expect(JSON.parse(answer.body).error.message).toContain('WebSockets');
  });

  it('writes each call to the audit log, without its query', async () => {
    await keyward.send('ann', 'GET', `/proxy/${id}/noted?secret=query`);
    const events = [];
    for await (const event of keyward.keyward.usual.broker.vault.readAudit()) events.push(event);
    expect(events.at(-1)).toMatchObject({
      action: 'credential.call',
      request: `GET ${api.host}/v1/noted`,
      user: 'ann',
    });
    expect(JSON.stringify(events)).not.toContain('secret=query');
  });
});

describe('streams through the gateway', () => {
  it('pass each server-sent event on before the next one exists', async () => {
    const before = streaming.answers.length;
    const sent = open('/events').end();
    const service = await next(streaming.answers, before);
    service.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    expect(answer.headers['content-type']).toBe('text/event-stream');
    for (const event of ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']) {
      const [piece] = (await once(answer, 'data')) as [Buffer];
      expect(piece.toString()).toBe(event);
      if (event !== 'data: 3\n\n') service.write(event.replace(/\d/, (digit) => String(Number(digit) + 1)));
    }
    service.end();
    await once(answer, 'end');
  });

  it('64. show as much of a right guess as of a wrong one: the end is held back either way', async () => {
    const held = 8 * token.length + 1_024;
    for (const guess of [token.slice(0, -1), `${token.slice(0, 9)}~${token.slice(10, -1)}`]) {
      const before = streaming.answers.length;
      const sent = open('/file').end();
      const service = await next(streaming.answers, before);
      const whole = `${'x'.repeat(30_000)}${guess}`;
      service.writeHead(200, { 'content-type': 'application/octet-stream' }).write(whole);
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      let come = '';
      answer.setEncoding('latin1').on('data', (piece: string) => {
        come += piece;
      });
      await vi.waitUntil(() => come.length > 10_000);
      // By the time of another answer this one would have shown what it shows.
      await once(open('/chat/completions').end(), 'response');
      expect(come.length).toBeLessThanOrEqual(whole.length - held);
      service.end();
      await once(answer, 'end');
      expect(come).toBe(whole);
    }
  });

  it('begin with the headers, before there is any of the body', async () => {
    const before = streaming.answers.length;
    const sent = open('/events').end();
    const service = await next(streaming.answers, before);
    service.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    expect(answer.headers['content-type']).toBe('text/event-stream');
    service.end('data: 1\n\n');
    expect(await text(answer)).toBe('data: 1\n\n');
  });

  it('pass a request body on while it is still being sent', async () => {
    const before = streaming.requests.length;
    const sent = open('/upload', 'POST', { 'transfer-encoding': 'chunked' });
    sent.write('first');
    const service = await next(streaming.requests, before);
    expect(String((await once(service, 'data'))[0])).toBe('first');
    sent.end('second');
    expect(String((await once(service, 'data'))[0])).toBe('second');
    streaming.answers.at(-1)?.end('done');
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();
    await once(answer, 'end');
  });

  it('hold the service back while the program does not read', async () => {
    const before = streaming.answers.length;
    const sent = open('/pour').end();
    const service = await next(streaming.answers, before);
    const portion = Buffer.alloc(65_536);
    let written = 0;
    const pour = () => {
      while (!service.destroyed && written < 256 * 1024 * 1024) {
        written += portion.length;
        if (!service.write(portion)) return void service.once('drain', pour);
      }
    };
    service.writeHead(200);
    pour();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.pause();
    // Until nothing moves any more.
    await vi.waitUntil(
      async () => {
        const seen = written;
        await new Promise((resolve) => setTimeout(resolve, 300));
        return written === seen;
      },
      { timeout: 20_000 },
    );
    expect(written).toBeLessThan(64 * 1024 * 1024);
    answer.destroy();
    // Who goes away takes the request to the service along.
    await vi.waitUntil(() => service.destroyed, { timeout: 10_000 });
  });

  it('end in an error when the service breaks off, never as if all had come', async () => {
    const before = streaming.answers.length;
    const sent = open('/cut').end();
    const service = await next(streaming.answers, before);
    service.writeHead(200, { 'content-type': 'text/plain' }).write('half', () => service.destroy());
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();
    const [error] = (await once(answer, 'error')) as [Error];
    expect(error.message).toBe('aborted');
  });

  it('end in a reset for HTTP/1.0, where the end of the connection would be the end of a whole answer', async () => {
    const { hostname, port, host } = new URL(streamed.origin);
    const head = `Host: ${host}\r\nAuthorization: Bearer ${streamed.token('ann')}\r\n\r\n`;
    const upload = `Content-Length: 300000\r\n${head}${'x'.repeat(100_000)}`;
    for (const [whole, sent] of [
      [true, `GET /proxy/${streamId}/cut HTTP/1.0\r\n${head}`],
      [false, `GET /proxy/${streamId}/cut HTTP/1.0\r\n${head}`],
      // While more is to be sent, which nobody takes any more.
      [false, `POST /proxy/${streamId}/cut HTTP/1.0\r\n${upload}`],
    ] as const) {
      const before = streaming.answers.length;
      const socket = connect(Number(port), hostname);
      socket.write(sent);
      const service = await next(streaming.answers, before);
      service.writeHead(200, { 'content-type': 'text/plain' }).write('half\n');
      let got = '';
      socket.on('data', (piece) => {
        got += piece;
      });
      // The system may tell of data and a reset that come together as if it were the end.
      await vi.waitUntil(() => got.endsWith('half\n'), { timeout: 10_000 });
      const ending = new Promise((resolve) => {
        socket.once('end', () => resolve('end')).once('error', ({ code }: NodeJS.ErrnoException) => resolve(code));
      });
      if (whole) service.end();
      else service.destroy();
      expect(await ending).toBe(whole ? 'end' : 'ECONNRESET');
    }
  });

  it('run the example of docs/gateway.md as it stands there', async () => {
    const page = await readFile(new URL('../../../docs/gateway.md', import.meta.url), 'utf8');
    const [, example = ''] = /```js\n([\s\S]*?)```/.exec(page) ?? [];
    const code = example
      .replace('http://127.0.0.1:7355', streamed.origin)
      .replace('CONNECTION_ID', streamId)
      .replace('kw_…', streamed.token('ann'));
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', code]);
    expect(stdout).toContain('data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n');
    expect(stdout).toContain('data: [DONE]');
    expect(streaming.requests.at(-1)?.headers.authorization).toBe(`Bearer ${token}`);
  });
});
