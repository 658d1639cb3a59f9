/** `keyward http` as a whole: the built program, real MCP clients of both SDK lines, session tokens and JWTs. */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { StreamableHTTPClientTransport as TransportTwo } from '@modelcontextprotocol/client';
import { StreamableHTTPClientTransport as TransportOne } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpServer, startHttpServer } from '../support/http-server.ts';
import { type ClientKind, clientKinds, connectClient, freePort, keywardMain } from '../support/mcp-clients.ts';
import { raw } from './raw.ts';

const run = promisify(execFile);
const openai = { connectorId: 'openai', authenticationType: 'api_key' };
const issuerKeys = await generateKeyPair('ES256', { extractable: true });
const otherKeys = await generateKeyPair('ES256', { extractable: true });

let home: string;
let env: NodeJS.ProcessEnv;
let origin: string;
let issuer: HttpServer;
let keyward: ReturnType<typeof spawn>;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'keyward-http-'));
  const jwk = { ...(await exportJWK(issuerKeys.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  issuer = await startHttpServer((request, response) => {
    const document = request.url?.startsWith('/.well-known/oauth-authorization-server')
      ? { issuer: issuer.origin, jwks_uri: `${issuer.origin}/jwks` }
      : { keys: [jwk] };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(document));
  });
  const port = await freePort();
  origin = `http://127.0.0.1:${port}`;
  env = {
    PATH: process.env.PATH,
    KEYWARD_HOME: home,
    KEYWARD_KEY: randomBytes(32).toString('base64'),
    KEYWARD_PORT: `${port}`,
    KEYWARD_ISSUER: issuer.origin,
    KEYWARD_EGRESS_ALLOW: new URL(issuer.origin).host,
  };
  keyward = spawn(process.execPath, [keywardMain, 'http'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  for await (const line of createInterface({ input: keyward.stderr ?? process.stdin })) {
    if (line.includes('"serving"')) break;
  }
  keyward.stderr?.resume();
});
afterAll(async () => {
  const ended = once(keyward, 'exit');
  keyward.kill('SIGTERM');
  expect((await ended)[0]).toBe(0);
  await issuer.close();
  await rm(home, { recursive: true, force: true });
});

const cli = async (...args: readonly string[]) => (await run(process.execPath, [keywardMain, ...args], { env })).stdout;

/** A session token for this user, made the way a person makes one. */
async function tokenFor(user: string, scopes = 'credentials:read,credentials:write,credentials:release') {
  const shown = await cli('token', 'create', '--user', user, '--scopes', scopes);
  const [token = ''] = /kw_[\w-]+/.exec(shown) ?? [];
  expect(token).not.toBe('');
  return token;
}

function clientOf(kind: ClientKind, token: string) {
  const options = { requestInit: { headers: { authorization: `Bearer ${token}` } } };
  const url = new URL(`${origin}/mcp`);
  return connectClient(
    kind,
    kind === 'sdk1' ? (new TransportOne(url, options) as never) : new TransportTwo(url, options),
  );
}

/** One JSON-RPC request by hand. */
const post = (token: string | null, body: string, headers: Record<string, string> = {}) =>
  raw(origin, '/mcp', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body,
  });
const listing = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });

/** A JWT of the issuer, good unless something is changed. */
async function jwt(change: Record<string, unknown> = {}, key = issuerKeys.privateKey, typ = 'at+jwt') {
  const now = Math.floor(Date.now() / 1000);
  const scope = 'credentials:read credentials:write';
  const claims = { iss: issuer.origin, aud: `${origin}/mcp`, sub: 'ann', iat: now, exp: now + 600, scope, ...change };
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k1', typ }).sign(key);
}

describe.each(clientKinds)('a %s client over HTTP', (kind) => {
  it('does its job as one of two owners, who never see each other', async () => {
    const [ann, bob] = await Promise.all([
      clientOf(kind, await tokenFor(`ann-${kind}`)),
      clientOf(kind, await tokenFor(`bob-${kind}`)),
    ]);
    const { credentialId } = await ann.get('create_credential', { ...openai, apiKey: `sk-${'a'.repeat(40)}` });
    expect(await ann.get('list_credentials')).toMatchObject({ credentials: [{ credentialId, access: 'owner' }] });
    expect(await bob.get('list_credentials')).toEqual({ credentials: [] });
    const foreign = await bob.call('get_connection_credentials', { connectionId: credentialId });
    expect(foreign.error?.code).toBe('not_found');
    expect(await ann.get('get_connection_credentials', { connectionId: credentialId })).toMatchObject({
      credentials: { apiKey: `sk-${'a'.repeat(40)}` },
    });
    expect(await ann.get('delete_credential', { credentialId })).toMatchObject({ deleted: true });
    await Promise.all([ann.close(), bob.close()]);
  });
});

describe('bearer authentication', () => {
  it('1. a request without a bearer token gets 401 with a challenge, and no tool runs', async () => {
    const answer = await post(null, listing);
    expect(answer.status).toBe(401);
    const challenge = String(answer.headers['www-authenticate']);
    expect(challenge).toContain('Bearer');
    expect(challenge).toContain(`resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`);
    const metadata = await raw(origin, '/.well-known/oauth-protected-resource/mcp');
    expect(JSON.parse(metadata.body)).toMatchObject({
      resource: `${origin}/mcp`,
      authorization_servers: [issuer.origin],
    });
  });

  it('2. 3. a JWT for another audience, expired, unsigned, of another issuer or key, or an ID token gets the same 401', async () => {
    expect((await post(await jwt(), listing)).status).toBe(200);
    const past = Math.floor(Date.now() / 1000) - 3_600;
    const bad = await Promise.all([
      jwt({ aud: 'https://other.example/mcp' }),
      jwt({ iat: past - 60, exp: past }),
      jwt({ iss: 'https://evil.example' }),
      jwt({}, otherKeys.privateKey),
      jwt({ exp: undefined }),
      jwt({ nonce: 'n', scope: undefined }, issuerKeys.privateKey, 'JWT'),
      jwt({}, issuerKeys.privateKey, 'logout+jwt'),
      new UnsecuredJWT({ iss: issuer.origin, aud: `${origin}/mcp`, sub: 'ann' }).setExpirationTime('5m').encode(),
    ]);
    const answers = await Promise.all(bad.map((token) => post(token, listing)));
    expect(answers.map(({ status }) => status)).toEqual(bad.map(() => 401));
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
  });

  it('4. a revoked session token is refused at its next request', async () => {
    const token = await tokenFor('carol');
    expect((await post(token, listing)).status).toBe(200);
    const id = token.slice(3, 35).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    await cli('token', 'revoke', id);
    expect((await post(token, listing)).status).toBe(401);
    expect((await post(`${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`, listing)).status).toBe(401);
  });

  it('answers 403 with the scope that a tool lacks, and the tool does not run', async () => {
    const token = await tokenFor('dave', 'credentials:read');
    const params = { name: 'create_credential', arguments: { ...openai, apiKey: `sk-${'d'.repeat(40)}` } };
    const answer = await post(token, JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }));
    expect(answer.status).toBe(403);
    expect(answer.headers['www-authenticate']).toContain('insufficient_scope');
    expect(answer.headers['www-authenticate']).toContain('credentials:write');
    const client = await clientOf('modern', token);
    expect(await client.get('list_credentials')).toEqual({ credentials: [] });
    await client.close();
  });

  it('5. userId of another person is refused, and nothing changes owner', async () => {
    const client = await clientOf('modern', await tokenFor('erin'));
    const { error } = await client.call('create_credential', {
      ...openai,
      userId: 'mallory',
      apiKey: `sk-${'e'.repeat(40)}`,
    });
    expect(error?.code).toBe('forbidden');
    await client.close();
  });

  it('6. listening beyond loopback without authentication configured, or without https, does not start', async () => {
    const bare = { ...env, KEYWARD_HOME: join(home, 'bare'), KEYWARD_ISSUER: '', KEYWARD_HOST: '0.0.0.0' };
    const start = (more: NodeJS.ProcessEnv) =>
      run(process.execPath, [keywardMain, 'http'], { env: { ...bare, ...more } });
    await expect(start({ KEYWARD_PUBLIC_URL: 'https://kw.example' })).rejects.toMatchObject({ code: 2 });
    await expect(start({ KEYWARD_ISSUER: issuer.origin })).rejects.toMatchObject({ code: 2 });
  });
});

describe('requests', () => {
  it('10. 1,000 concurrent calls of two owners with equal JSON-RPC ids never cross a canary', async () => {
    const owners = await Promise.all(
      ['frank', 'grace'].map(async (user) => {
        const token = await tokenFor(user);
        const client = await clientOf('modern', token);
        const apiKey = `sk-canary-of-${user}-${'x'.repeat(30)}`;
        const { credentialId } = await client.get('create_credential', { ...openai, apiKey });
        await client.close();
        const params = { name: 'get_connection_credentials', arguments: { connectionId: credentialId } };
        return { token, apiKey, body: JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params }) };
      }),
    );
    const calls = Array.from({ length: 1_000 }, (_, index) => owners[index % 2]).flatMap((owner) => owner ?? []);
    let done = 0;
    const worker = async () => {
      for (let owner = calls.pop(); owner; owner = calls.pop()) {
        const { status, body: text } = await post(owner.token, owner.body);
        expect(status).toBe(200);
        expect(text).toContain(owner.apiKey);
        for (const other of owners) if (other !== owner) expect(text).not.toContain(other.apiKey);
        done += 1;
      }
    };
    await Promise.all(Array.from({ length: 50 }, worker));
    expect(done).toBe(1_000);
  });

  it('44. that name another Host, or come from a foreign or null Origin, get 403', async () => {
    const token = await tokenFor('heidi');
    expect((await post(token, listing, { host: 'evil.test' })).status).toBe(403);
    expect((await post(token, listing, { origin: 'https://evil.test' })).status).toBe(403);
    expect((await post(token, listing, { origin: 'null' })).status).toBe(403);
  });

  it('45. 47. 48. 50. that are too large, compressed, too deep, poisoned or an array are refused, and Keyward lives', async () => {
    const token = await tokenFor('ivan');
    const deep = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    const poisoned = '{"jsonrpc":"2.0","id":1,"method":"tools/list","__proto__":{"polluted":true}}';
    expect((await post(token, `{"x":"${'x'.repeat(8_000_000)}"}`)).status).toBe(413);
    expect((await post(token, listing, { 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await post(token, deep)).status).toBe(400);
    expect((await post(token, poisoned)).status).toBe(400);
    expect((await post(token, `[${listing}]`)).status).toBe(400);
    expect((await post(token, listing)).status).toBe(200);
  });

  it('open no connect page without signing in', async () => {
    const client = await clientOf('modern', await tokenFor('judy'));
    const { connectUrl } = await client.get('create_credential', openai);
    const page = await raw(origin, new URL(String(connectUrl)).pathname);
    expect(page.status).toBe(303);
    expect(page.headers.location).toContain('/sign-in');
    await client.close();
  });
});
