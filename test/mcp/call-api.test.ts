/** call_api as real clients of both SDK lines use it, over stdio. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { scrubbed } from '../../src/net/scrub/scrub.ts';
import { clientKinds, startWithClient } from '../support/clients/mcp-clients.ts';
import { type EchoApi, startEchoApi } from '../support/servers/echo-api.ts';
import { type EchoEnv, echoConnector, echoEnv } from '../support/servers/echo-connector.ts';

const token = 'sk-canary-of-call-api-0123456789';

let api: EchoApi;
let echo: EchoEnv;
beforeAll(async () => {
  api = await startEchoApi();
  echo = await echoEnv(api.origin);
});
afterAll(() => Promise.all([api.close(), echo.remove()]));

describe.each(clientKinds)('a %s client over stdio', (kind) => {
  it('calls a service, gets JSON as JSON and errors with the next step, and never sees the secret', async () => {
    const { keyward, client } = await startWithClient(kind, { env: echo.env });
    const input = { connectorId: echoConnector, authenticationType: 'bearer', token };
    const { credentialId: connectionId } = await client.get('create_credential', input);
    const post = { connectionId, method: 'POST', path: '/items', query: { n: 1 }, body: { name: 'tea' } };
    expect(await client.get('call_api', post)).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: { method: 'POST', url: '/v1/items?n=1', body: '{"name":"tea"}' },
      truncated: false,
    });
    expect(api.seen.at(-1)?.headers.authorization).toBe(`Bearer ${token}`);
    expect(await client.get('call_api', { connectionId, method: 'GET', path: '/echo' })).toMatchObject({
      body: scrubbed,
    });
    expect(await client.get('call_api', { connectionId, method: 'get', path: '/429' })).toMatchObject({
      status: 429,
      body: `failed for ${scrubbed}`,
      hint: expect.stringContaining('Wait 7 s before the next call.'),
    });
    const elsewhere = await client.call('call_api', { connectionId, method: 'GET', path: 'https://evil.example/' });
    expect(elsewhere.error?.code).toBe('invalid_input');
    // Written lazily.
    const used = async () => (await client.get('get_connection', { connectionId })).lastUsedAt;
    expect(await vi.waitUntil(used, { timeout: 15_000, interval: 200 })).toMatch(/^\d{4}-/);
    expect(keyward.stdout.join('\n') + keyward.stderr()).not.toContain(token);
    await client.close();
    expect(await keyward.stop()).toBe(0);
  });
});
