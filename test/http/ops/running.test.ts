/** Running Keyward: probes, metrics, logs, limits. The built program over real connections. */
import { randomBytes } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RawAnswer, raw } from '../../support/clients/raw-http.ts';
import { type HttpKeyward, startKeywardHttp } from '../../support/servers/keyward-http.ts';

const openai = { connectorId: 'openai', authenticationType: 'api_key' };
const call = (name: string, args: unknown) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } });
const listing = call('list_credentials', {});
const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/;

let keyward: HttpKeyward;
/** Another Keyward on this vault, where a proxy on loopback is trusted, and little is allowed. */
let small: HttpKeyward;
let ann: string;
let bob: string;
/** Who may do everything that an assistant does. */
let user: string;

beforeAll(async () => {
  keyward = await startKeywardHttp();
  const { KEYWARD_HOME, KEYWARD_KEY } = keyward.env;
  small = await startKeywardHttp({
    KEYWARD_HOME,
    KEYWARD_KEY,
    KEYWARD_RATE_LIMIT: '20',
    KEYWARD_TRUSTED_PROXIES: '127.0.0.0/8, ::1',
  });
  const all = ['credentials:read', 'credentials:write', 'credentials:release'];
  ann = await keyward.sessionToken('ann', { scopes: [...all, 'audit:read'] });
  bob = await keyward.sessionToken('bob', { scopes: all });
  user = await keyward.sessionToken('user');
});
afterAll(async () => {
  await small.stop();
  await keyward.stop();
});

const get = ({ origin }: HttpKeyward, path: string, headers: Record<string, string> = {}) =>
  raw(origin, path, { headers });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** The log lines of requests, once there is one with this id. */
async function requestLine({ said }: HttpKeyward, id: string): Promise<Record<string, unknown>> {
  for (;;) {
    const line = said()
      .split('\n')
      .find((one) => one.includes('"request"') && one.includes(id));
    if (line !== undefined) return JSON.parse(line);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('probes', () => {
  it('answer at any Host, without a token, and say nothing but how it is', async () => {
    const at = { host: '10.1.2.3:8080' };
    expect(await get(keyward, '/healthz', at)).toMatchObject({ status: 200, body: '{"status":"alive"}' });
    expect(await get(keyward, '/readyz', at)).toMatchObject({ status: 200, body: '{"status":"ready"}' });
    expect((await get(keyward, '/', at)).status).toBe(403);
  });

  it('readyz is 503 with a code while the vault can not be used, and 200 again afterwards, without a restart', async () => {
    const data = join(keyward.home, 'data');
    await rename(data, `${data}.away`);
    try {
      await expect.poll(async () => (await get(keyward, '/readyz')).status, { timeout: 10_000 }).toBe(503);
      const { body } = await get(keyward, '/readyz');
      expect(JSON.parse(body)).toEqual({ status: 'not_ready', code: expect.stringMatching(/^[a-z_]+$/) });
      expect((await get(keyward, '/healthz')).status).toBe(200);
    } finally {
      await rename(`${data}.away`, data);
    }
    await expect.poll(async () => (await get(keyward, '/readyz')).status, { timeout: 10_000 }).toBe(200);
  });
});

describe('metrics', () => {
  it('need a token that may read the audit log', async () => {
    expect((await get(keyward, '/metrics')).status).toBe(401);
    const refused = await get(keyward, '/metrics', bearer(bob));
    expect(refused.status).toBe(403);
    expect(refused.headers['www-authenticate']).toContain('audit:read');
    expect((await get(keyward, '/metrics', bearer(ann))).status).toBe(200);
  });

  it('count requests, releases and denials with their latencies, and hold no id, name or secret', async () => {
    const client = await keyward.client('modern', ann);
    const apiKey = `sk-canary${'c'.repeat(32)}`;
    const { credentialId } = await client.get('create_credential', { ...openai, apiKey, name: 'Name of a person' });
    await client.get('get_connection_credentials', { connectionId: credentialId });
    await client.close();
    await get(keyward, `/connection/${credentialId}`, bearer(ann));
    await get(keyward, `/no/such/${credentialId}`);
    const { body } = await get(keyward, '/metrics', bearer(ann));
    expect(body).toMatch(
      /^keyward_http_request_duration_seconds_count\{method="POST",route="\/mcp",status="200"\} \d+$/m,
    );
    expect(body).toMatch(
      /^keyward_http_request_duration_seconds_count\{method="GET",route="none",status="404"\} \d+$/m,
    );
    expect(body).toMatch(/^keyward_releases_total 1$/m);
    expect(body).toMatch(/^keyward_denials_total\{action="metrics.read"\} \d+$/m);
    expect(body).toMatch(/^keyward_refreshes_total 0$/m);
    for (const secret of [uuid, /ann|bob/, /canary/, /Name of/, /kw_/]) expect(body).not.toMatch(secret);
  });
});

describe('the log', () => {
  it('has one line for each request, under the id that the answer carries, and no id of anything else', async () => {
    const { headers } = await get(keyward, '/connection/3f0c1f0e-7a52-4a4e-9d0c-2f1f6c1f7a10?x=canary', bearer(ann));
    const requestId = String(headers['x-request-id']);
    expect(requestId).toMatch(uuid);
    const line = await requestLine(keyward, requestId);
    expect(line).toMatchObject({ event: 'request', method: 'GET', status: 404, address: '127.0.0.1', requestId });
    expect(line.route).toMatch(/^\/connection\/:/);
    expect(JSON.stringify({ ...line, requestId: '' })).not.toMatch(/3f0c1f0e|canary|kw_/);
  });

  it('names calls through the gateway by their pattern, and not by the path at the service', async () => {
    const { headers } = await get(keyward, '/proxy/3f0c1f0e-7a52-4a4e-9d0c-2f1f6c1f7a10/canary?x=canary', bearer(ann));
    const line = await requestLine(keyward, String(headers['x-request-id']));
    expect(line).toMatchObject({ route: '/proxy/:connectionId/*' });
    expect(JSON.stringify({ ...line, requestId: '' })).not.toMatch(/3f0c1f0e|canary/);
  });

  it('takes a request id and an address from a trusted proxy only', async () => {
    const forwarded = { 'x-request-id': 'from-the-proxy', 'x-forwarded-for': '203.0.113.9, 198.51.100.7, 127.0.0.2' };
    const believed = await get(small, '/', forwarded);
    expect(believed.headers['x-request-id']).toBe('from-the-proxy');
    // What stands left of the last address that is no proxy was written by whoever sent it.
    expect(await requestLine(small, 'from-the-proxy')).toMatchObject({ address: '198.51.100.7' });
    const { headers } = await get(keyward, '/', forwarded);
    expect(headers['x-request-id']).toMatch(uuid);
    expect(await requestLine(keyward, String(headers['x-request-id']))).toMatchObject({ address: '127.0.0.1' });
    const odd = await get(small, '/', { 'x-request-id': '{"event":"forged"}' });
    expect(odd.headers['x-request-id']).toMatch(uuid);
  });

  it.each([
    ['/mcp', '/mcp'],
    ['/sign-in', '/sign-in'],
    ['/auth-configs', '/auth-configs'],
    ['/proxy/3f0c1f0e-7a52-4a4e-9d0c-2f1f6c1f7a10/x', '/proxy/:connectionId/*'],
  ])(
    'counts a client that goes away in the middle of its body as a bad request, not as a failure of Keyward: %s',
    async (path, route) => {
      const { host, port } = new URL(keyward.origin);
      const traceId = randomBytes(16).toString('hex');
      const socket = connect(Number(port), '127.0.0.1');
      socket.write(
        [
          `POST ${path} HTTP/1.1`,
          `Host: ${host}`,
          `Authorization: Bearer ${user}`,
          'Content-Type: application/json',
          'Content-Length: 100',
          `traceparent: 00-${traceId}-00f067aa0ba902b7-01`,
          '',
          '{"jsonrpc"',
        ].join('\r\n'),
        () => socket.destroy(),
      );
      expect(await requestLine(keyward, traceId)).toMatchObject({ route, status: 400 });
      expect(keyward.said()).not.toMatch(/failed/);
    },
  );

  it('goes on with the trace of the caller, and ignores a malformed one', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const good = await get(keyward, '/', { traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
    const line = await requestLine(keyward, String(good.headers['x-request-id']));
    expect(line).toMatchObject({ traceId, parentSpanId: '00f067aa0ba902b7' });
    for (const traceparent of [
      `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
      `ff-${traceId}-00f067aa0ba902b7-01`,
      `00-${traceId}-00f067aa0ba902b7-01-more`,
      'canary',
    ]) {
      const { headers } = await get(keyward, '/', { traceparent });
      const bare = await requestLine(keyward, String(headers['x-request-id']));
      expect(bare).not.toHaveProperty('traceId');
    }
  });
});

describe('limits', () => {
  it('a user who asks too much gets 429 with Retry-After, over MCP and REST, and nobody else does', async () => {
    // Each of these comes from an address of its own: what is counted here is the user.
    const from = (last: number) => ({ 'x-forwarded-for': `192.0.2.${last}` });
    const statuses = new Set<number>();
    for (let at = 0; at < 25; at += 1) statuses.add((await small.post(ann, listing, from(at))).status);
    expect([...statuses]).toEqual([200, 429]);
    const over = await small.post(ann, listing, from(40));
    expect(JSON.parse(over.body).error).toMatchObject({
      code: 'rate_limited',
      hint: expect.stringMatching(/Try again in \d+ s/),
    });
    expect(Number(over.headers['retry-after'])).toBeGreaterThan(0);
    const rest = await get(small, '/connection/x/credentials', { ...bearer(ann), ...from(41) });
    expect([rest.status, JSON.parse(rest.body).error.code]).toEqual([429, 429]);
    expect(Number(rest.headers['retry-after'])).toBeGreaterThan(0);
    expect((await small.post(bob, listing, from(42))).status).toBe(200);
  });

  it('bad tokens of one address are counted apart: good ones from there still get in', async () => {
    const address = { 'x-forwarded-for': '192.0.2.77' };
    const statuses = new Set<number>();
    for (let at = 0; at < 25; at += 1) statuses.add((await small.post(`kw_${at}`, listing, address)).status);
    expect([...statuses]).toEqual([401, 429]);
    expect((await small.post(bob, listing, address)).status).toBe(200);
  });

  it('an address that asks too much is turned away before anything is looked at, as a page where a browser asks', async () => {
    const address = { 'x-forwarded-for': '2001:db8:1:2::5' };
    // The neighbours in the same /64 are the same customer.
    const neighbour = { 'x-forwarded-for': '2001:db8:1:2:ffff::9' };
    for (let at = 0; at < 200; at += 1) await get(small, '/openapi.json', address);
    const refused = await get(small, '/openapi.json', { ...neighbour, accept: 'text/html' });
    expect(refused.status).toBe(429);
    expect(refused.body).toContain('<h1>Too many requests</h1>');
    expect((await get(small, '/openapi.json', { 'x-forwarded-for': '2001:db8:1:3::5' })).status).toBe(200);
    // However many they are, they fill no disk.
    for (const path of ['/openapi.json', '/proxy/x/y']) {
      for (let at = 0; at < 25; at += 1) expect((await get(small, path, address)).status).toBe(429);
    }
    const lines = small
      .said()
      .split('\n')
      .filter((line) => line.includes('"status":429') && line.includes('2001:db8'));
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        event: 'request_refused',
        reason: 'rate_limited',
        address: expect.any(String),
        count: 1,
      }),
    ]);
    // Whoever restarts Keyward, or sends it no more requests, may come from where the flood comes from.
    for (const path of ['/healthz', '/readyz']) expect((await get(small, path, address)).status, path).toBe(200);
  });

  it('without a trusted proxy nobody gets another address by naming one', async () => {
    const { KEYWARD_HOME, KEYWARD_KEY } = keyward.env;
    const alone = await startKeywardHttp({ KEYWARD_HOME, KEYWARD_KEY, KEYWARD_RATE_LIMIT: '2' });
    const statuses = new Set<number>();
    for (let at = 0; at < 25; at += 1) {
      statuses.add((await get(alone, '/openapi.json', { 'x-forwarded-for': `192.0.2.${at}` })).status);
    }
    expect([...statuses]).toEqual([200, 429]);
    await alone.stop();
  });

  it('46. five hundred connections that send a byte a second keep nobody else from being served, and are closed', {
    timeout: 60_000,
  }, async () => {
    const { port } = new URL(keyward.origin);
    const open = Array.from({ length: 500 }, () => connect(Number(port), '127.0.0.1'));
    const closed = Promise.all(open.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    for (const socket of open)
      socket
        .on('error', () => undefined)
        .resume()
        .write('GET / HTTP/1.1\r\nX');
    const dripping = setInterval(() => {
      for (const socket of open) if (!socket.destroyed) socket.write('x');
    }, 1_000);
    for (let at = 0; at < 50; at += 1) expect((await get(keyward, '/healthz')).status).toBe(200);
    await closed;
    clearInterval(dripping);
  });
});

/** The result of a tool call, in whichever form it was sent. */
function resultOf({ body }: RawAnswer) {
  return JSON.parse(/^data: (.*)$/m.exec(body)?.[1] ?? body).result;
}

describe('headers', () => {
  it('more than a hundred are refused, and more than 32 KB of them, wherever they go', async () => {
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`x-${at}`, 'y']));
    // Node sends Host and Connection, too.
    expect((await get(keyward, '/healthz', many(98))).status).toBe(200);
    for (const path of ['/healthz', '/mcp', '/sign-in', '/none']) {
      expect((await get(keyward, path, many(99))).status, path).toBe(431);
    }
    expect((await get(keyward, '/healthz', { 'x-long': 'y'.repeat(33_000) })).status).toBe(431);
    expect((await get(keyward, '/healthz')).status).toBe(200);
  });

  it('49. CR LF in a value that would reach a header is refused where it is typed, and nothing is stored', async () => {
    const token = await keyward.sessionToken('dave');
    const oauth = { connectorId: 'github', authenticationType: 'oauth2' };
    for (const input of [
      { ...openai, apiKey: `sk-${'a'.repeat(32)}\r\nX-Injected: yes` },
      { ...oauth, redirectUri: 'http://127.0.0.1/\r\nSet-Cookie: a=b' },
      { ...oauth, authConfigId: 'a\r\nb' },
    ]) {
      const answer = await keyward.post(token, call('create_credential', input));
      expect(resultOf(answer).isError, JSON.stringify(input)).toBe(true);
      expect(answer.headers).not.toHaveProperty('x-injected');
      expect(answer.headers).not.toHaveProperty('set-cookie');
    }
    expect(resultOf(await keyward.post(token, listing)).structuredContent).toEqual({ credentials: [] });
  });

  it('51. Mcp-Name that differs from the body is 400 with -32020, and nothing runs', async () => {
    const modern = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'list_credentials' };
    const params = {
      name: 'create_credential',
      arguments: { ...openai, apiKey: `sk-${'b'.repeat(32)}` },
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
        'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
      },
    };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
    const token = await keyward.sessionToken('carol');
    const refused = await keyward.post(token, body, modern);
    expect([refused.status, JSON.parse(refused.body).error.code]).toEqual([400, -32020]);
    const count = async () => resultOf(await keyward.post(token, listing)).structuredContent.credentials.length;
    expect(await count()).toBe(0);
    expect((await keyward.post(token, body, { ...modern, 'mcp-name': 'create_credential' })).status).toBe(200);
    expect(await count()).toBe(1);
  });
});
