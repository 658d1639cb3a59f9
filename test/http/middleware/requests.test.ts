/** What a client may send: load, foreign pages, and bodies that are meant to hurt. The built program, a real issuer. */
import { mkdir, rename, rmdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raw } from '../../support/clients/raw-http.ts';
import { type Deployment, startDeployment } from '../../support/servers/deployment.ts';
import type { HttpKeyward } from '../../support/servers/keyward-http.ts';
import { connectorId, goodApiKey } from '../../support/world.ts';

const openai = { connectorId: 'openai', authenticationType: 'api_key' };
const scopes = ['read', 'write', 'release'].map((name) => `credentials:${name}`);

let team: Deployment;
let keyward: HttpKeyward;
let token: string;
beforeAll(async () => {
  team = await startDeployment();
  ({ keyward } = team);
  token = await team.issuer.tokenFor('ivan', scopes);
});
afterAll(() => team.close());

const message = (method: string, params: unknown = {}, id: unknown = 7) =>
  JSON.stringify({ jsonrpc: '2.0', id, method, params });
const call = (name: string, args: unknown) => message('tools/call', { name, arguments: args });
const listing = message('tools/list');
const path = `/connectors/${connectorId}/credentials`;

/** Sends a body over REST. */
const create = (body: string | Buffer, headers: Record<string, string> = {}) =>
  raw(keyward.origin, path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body,
  });

/** Nothing has come of what was refused, and the next request is answered. */
async function untouched(): Promise<void> {
  const { status, body } = await raw(keyward.origin, path, { headers: { authorization: `Bearer ${token}` } });
  expect([status, JSON.parse(body)]).toEqual([200, { credentials: [] }]);
}

it('10. 1,000 concurrent calls of four owners, as many as each may have, with equal JSON-RPC ids never cross a canary', async () => {
  const owners = await Promise.all(
    ['frank', 'grace', 'heidi', 'peggy'].map(async (login) => {
      const bearer = await team.issuer.tokenFor(login, scopes);
      const client = await keyward.client('modern', bearer);
      const canary = `canary-of-${login}`;
      const apiKey = `sk-${canary}-${'x'.repeat(30)}`;
      const { credentialId } = await client.get('create_credential', { ...openai, apiKey, name: canary });
      await client.close();
      const connectionId = { connectionId: credentialId };
      const calls = [
        call('get_connection_credentials', connectionId),
        call('list_credentials', {}),
        call('get_connection', connectionId),
      ];
      return { bearer, canary, calls };
    }),
  );
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, async (_, index) => {
      const owner = owners[index % owners.length];
      const body = owner?.calls[Math.floor(index / owners.length) % owner.calls.length];
      if (!owner || body === undefined) throw new Error('unreachable');
      return { owner, answer: await keyward.post(owner.bearer, body) };
    }),
  );
  for (const { owner, answer } of answers) {
    expect(answer.status).toBe(200);
    expect(answer.body).toContain(owner.canary);
    for (const other of owners) if (other !== owner) expect(answer.body).not.toContain(other.canary);
  }
  expect(answers).toHaveLength(1_000);
});

it('43. while the audit log can not be written, no secret is read over MCP or REST', async () => {
  const client = await keyward.client('modern', await team.issuer.tokenFor('judy', scopes));
  const bearer = await team.issuer.tokenFor('judy', scopes);
  const { credentialId } = await client.get('create_credential', { ...openai, apiKey: `sk-${'j'.repeat(40)}` });
  const rest = () =>
    raw(keyward.origin, `/connection/${credentialId}/credentials`, { headers: { authorization: `Bearer ${bearer}` } });
  const log = join(keyward.home, 'data', 'audit.log');
  await rename(log, `${log}.away`);
  await mkdir(log);
  const refused = await client.call('get_connection_credentials', { connectionId: credentialId });
  expect(refused.error?.code).toBe('audit_unavailable');
  const answer = await rest();
  expect([answer.status, answer.body.includes('jjjj')]).toEqual([503, false]);
  expect((await client.call('delete_credential', { credentialId })).error?.code).toBe('audit_unavailable');
  await rmdir(log);
  await rename(`${log}.away`, log);
  expect((await rest()).body).toContain('jjjj');
  await client.close();
});

describe('a request', () => {
  it('is served at the endpoint with a slash behind it, and to a client that takes anything', async () => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const send = (at: string, accept?: string) =>
      raw(keyward.origin, at, { method: 'POST', headers: { ...headers, ...(accept && { accept }) }, body: listing });
    const both = 'application/json, text/event-stream';
    for (const accept of [both, '*/*', 'text/html, */*;q=0.8', undefined]) {
      for (const at of ['/mcp', '/mcp/']) {
        const { status, body } = await send(at, accept);
        expect([status, body.includes('list_connectors')], `${at} ${accept}`).toEqual([200, true]);
      }
    }
    expect((await send('/mcp', 'text/html')).status).toBe(406);
    const { status, headers: answered } = await raw(keyward.origin, '/mcp/', { method: 'POST', body: listing });
    expect([status, answered['www-authenticate']]).toEqual([401, expect.stringContaining('Bearer')]);
  });

  it('44. that names another Host, or comes from a foreign or null Origin, gets 403 at every address', async () => {
    const authorization = `Bearer ${token}`;
    const places = [['POST', '/mcp'] as const, ['GET', path] as const, ['GET', '/sign-in'] as const];
    for (const [method, place] of places) {
      const send = (headers: Record<string, string>) => {
        const content = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
        const body = method === 'POST' ? { body: listing } : {};
        return raw(keyward.origin, place, { method, headers: { authorization, ...content, ...headers }, ...body });
      };
      const { host, hostname, port } = new URL(keyward.origin);
      for (const evil of ['evil.test', `evil.test:${port}`, `${hostname}.evil.test:${port}`, '127.0.0.1:1', hostname]) {
        expect((await send({ host: evil })).status, `${place} ${evil}`).toBe(403);
      }
      for (const garbled of [`user@${host}`, `${host}.evil.test`, `${host}/x`, `${host}, evil.test`]) {
        expect([400, 403], garbled).toContain((await send({ host: garbled })).status);
      }
      for (const origin of ['https://evil.test', 'null', `https://${host}`, `${keyward.origin}.evil.test`, 'file://']) {
        expect((await send({ origin })).status, `${place} ${origin}`).toBe(403);
      }
      expect((await send({ origin: keyward.origin })).status).toBe(200);
    }
  });

  it('45. that is too large, with or without a length, or compressed is refused', async () => {
    const large = `{"x":"${'x'.repeat(2_000_000)}"}`;
    const zipped = gzipSync(listing);
    expect((await keyward.post(token, large)).status).toBe(413);
    expect((await create(large)).status).toBe(413);
    for (const place of ['/mcp', path]) {
      expect(await chunked(place, large), place).toBe(413);
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const options = { method: 'POST', headers: { ...headers, 'content-encoding': 'gzip' }, body: zipped };
      expect((await raw(keyward.origin, place, options)).status, place).toBe(415);
    }
    await untouched();
  });

  it('47. that nests 100,000 levels deep is 400, and Keyward lives', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect((await keyward.post(token, `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":${deep}}`)).status).toBe(
      400,
    );
    expect((await create(`{"userId":"ivan","x":${deep}}`)).status).toBe(400);
    await untouched();
  });

  it('48. with __proto__ or constructor among its names changes nothing for anybody', async () => {
    const key = `"connectorId":"${connectorId}","authenticationType":"api_key","apiKey":"${goodApiKey}"`;
    const poisons = [
      '"__proto__":{"polluted":true}',
      '"constructor":{"prototype":{"polluted":true}}',
      '"prototype":{"polluted":true}',
      '"x":{"__proto__":{"polluted":true}}',
      '"\\u005f_proto__":{"userId":"somebody","scopes":["credentials:act-as"]}',
    ];
    for (const poison of poisons) {
      const args = `{${key},${poison}}`;
      const body = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"create_credential","arguments":${args}}}`;
      const answer = await keyward.post(token, body);
      expect(answer.status === 400 || answer.body.includes('invalid_input'), poison).toBe(true);
      const over = await create(`{"userId":"ivan","authenticationType":"api_key","apiKey":"${goodApiKey}",${poison}}`);
      expect([400, 422], poison).toContain(over.status);
    }
    expect(await keyward.post(token, call('list_credentials', {}))).toMatchObject({ status: 200 });
    expect((await keyward.post(token, listing)).body).not.toContain('polluted');
    await untouched();
  });

  it('50. that is a JSON-RPC array is 400, and nothing in it runs', async () => {
    const one = call('create_credential', { connectorId, authenticationType: 'api_key', apiKey: goodApiKey });
    for (const body of [`[${one}]`, `[${one},${one}]`, '[]', `"${connectorId}"`, 'null', '7', '', '{']) {
      expect((await keyward.post(token, body)).status, body.slice(0, 20)).toBe(400);
      expect((await create(body)).status, body.slice(0, 20)).toBe(400);
    }
    await untouched();
  });
});

/** Sends a body in chunks, with no length promised; answers the status. */
function chunked(place: string, body: string): Promise<number> {
  const { hostname, port } = new URL(keyward.origin);
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'transfer-encoding': 'chunked',
  };
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path: place, method: 'POST', headers, agent: false }, (response) => {
      resolve(response.statusCode ?? 0);
      response.resume();
    });
    // The answer comes before all is sent, and the connection may be closed then.
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error);
    });
    for (let start = 0; start < body.length; start += 65_536) sent.write(body.slice(start, start + 65_536));
    sent.end();
  });
}
