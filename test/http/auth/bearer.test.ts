/** Who gets in over HTTP: the built program, with a real issuer and with session tokens of its own. */
import { execFile } from 'node:child_process';
import { createHmac, createPublicKey } from 'node:crypto';
import { promisify } from 'node:util';
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../../../src/http/rest/index.ts';
import { freePort, keywardMain } from '../../support/clients/mcp-clients.ts';
import { type RawAnswer, raw } from '../../support/clients/raw-http.ts';
import { type Deployment, startDeployment } from '../../support/servers/deployment.ts';
import type { Issuer } from '../../support/servers/issuer.ts';
import { type HttpKeyward, startKeywardHttp } from '../../support/servers/keyward-http.ts';
import { connectorId, goodApiKey } from '../../support/world.ts';

const run = promisify(execFile);
const stranger = await generateKeyPair('ES256');
const apiKey = { connectorId, authenticationType: 'api_key', apiKey: goodApiKey };

let team: Deployment;
let keyward: HttpKeyward;
let issuer: Issuer;
let origin: string;

/** Whoever is of no organisation has no tenant here. */
const claims = (login: string): Record<string, string> => (login === 'nobody' ? {} : { org: 'acme' });

beforeAll(async () => {
  team = await startDeployment({ issuer: { claims }, env: { KEYWARD_TENANT_CLAIM: 'org' } });
  ({ keyward, issuer } = team);
  ({ origin } = keyward);
});
afterAll(() => team.close());

const listing = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
const call = (name: string, args: unknown, id: unknown = 1) =>
  JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } });

/** What an answer tells somebody who tries tokens. */
const told = ({ status, headers, body }: RawAnswer) => ({ status, body, challenge: headers['www-authenticate'] });

const challenge = () => `resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`;

describe('a request', () => {
  it('1. without a bearer token gets 401 with the challenge, whatever it asks, and no tool runs', async () => {
    const token = await issuer.tokenFor('carol', ['credentials:read']);
    const calls = await Promise.all([
      keyward.post(null, listing),
      keyward.post(null, call('create_credential', apiKey)),
      keyward.post(null, 'not even JSON'),
      raw(origin, '/mcp'),
      raw(origin, '/mcp', { method: 'DELETE' }),
      raw(origin, `/mcp?access_token=${token}`, { method: 'POST', body: listing }),
    ]);
    for (const answer of calls) {
      expect(answer.status).toBe(401);
      // What a client starts with: it asks for exactly these, whatever the metadata lists.
      const usual = 'credentials:read credentials:write credentials:use';
      expect(answer.headers['www-authenticate']).toBe(`Bearer scope="${usual}", ${challenge()}`);
    }
    for (const path of [`/connectors/${connectorId}/credentials`, '/connection/x', '/api/credentials', '/audit']) {
      expect((await raw(origin, path)).status, path).toBe(401);
    }
    const client = await keyward.client('modern', token);
    expect(await client.get('list_credentials')).toEqual({ credentials: [] });
    await client.close();
    expect(await keyward.cli('audit', 'tail', '--lines', '1000')).not.toContain('credential.create');
  });

  it('is told by the challenge which scope the place it went to needs', async () => {
    const places = [
      ...operations.map(({ method, path, scope }) => ({ method, path: path.replaceAll(/\{\w+\}/g, 'x'), scope })),
      { method: 'get', path: '/metrics', scope: 'audit:read' },
      { method: 'get', path: '/proxy/x/y', scope: 'credentials:use' },
    ];
    for (const { method, path, scope } of places) {
      const named = `scope="${scope}", ${challenge()}`;
      const [none, bad] = await Promise.all(
        [{}, { authorization: 'Bearer kw_x' }].map((headers: Record<string, string>) =>
          raw(origin, path, { method: method.toUpperCase(), headers }),
        ),
      );
      expect(none && told(none), path).toMatchObject({ status: 401, challenge: `Bearer ${named}` });
      expect(bad && told(bad), path).toMatchObject({
        status: 401,
        challenge: `Bearer error="invalid_token", ${named}`,
      });
    }
    const headers = { authorization: `Bearer ${await issuer.tokenFor('carol', ['credentials:read'])}` };
    for (const path of ['/metrics', '/audit']) {
      expect(told(await raw(origin, path, { headers })), path).toMatchObject({
        status: 403,
        challenge: `Bearer error="insufficient_scope", scope="credentials:read audit:read", ${challenge()}`,
      });
    }
  });

  it('is told where the issuer is, by the document that the challenge names', async () => {
    for (const path of ['', '/mcp']) {
      const metadata = await raw(origin, `/.well-known/oauth-protected-resource${path}`);
      expect(JSON.parse(metadata.body)).toMatchObject({
        resource: `${origin}/mcp`,
        authorization_servers: [issuer.issuer],
        // Clients ask for all of these. None hands out secrets, shares, or acts for others.
        scopes_supported: ['credentials:read', 'credentials:write', 'credentials:use'],
        bearer_methods_supported: ['header'],
      });
    }
  });

  it('2. with a token for another audience gets 401', async () => {
    expect((await keyward.post(await issuer.sign(), listing)).status).toBe(200);
    for (const aud of ['https://other.example/mcp', origin, `${origin}/mcp/`, `${origin}/MCP`, [], undefined]) {
      expect((await keyward.post(await issuer.sign({ aud }), listing)).status, String(aud)).toBe(401);
    }
    expect((await keyward.post(await issuer.sign({ aud: ['x', `${origin}/mcp`] }), listing)).status).toBe(200);
  });

  it('3. with a token that is expired, unsigned, of another issuer or key, or no access token gets one and the same 401', async () => {
    const now = Math.floor(Date.now() / 1_000);
    const good = { iss: issuer.issuer, aud: `${origin}/mcp`, sub: 'ann', org: 'acme', scope: 'credentials:read' };
    const { kid, privateKey } = issuer.server.signingKey();
    // The public key as the secret of a MAC: the oldest trick of all.
    const pem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' });
    const unsigned = [
      { alg: 'HS256', typ: 'at+jwt', kid },
      { ...good, iat: now, exp: now + 600 },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const bad: Record<string, string> = {
      expired: await issuer.sign({ iat: now - 4_000, exp: now - 60 }),
      'without an end': await issuer.sign({ exp: undefined }),
      'not yet good': await issuer.sign({ nbf: now + 600 }),
      'without a subject': await issuer.sign({ sub: undefined }),
      'with a subject of two lines': await issuer.sign({ sub: 'ann\nbob' }),
      'alg none': new UnsecuredJWT(good).setIssuedAt().setExpirationTime('5m').encode(),
      'wrong issuer': await issuer.sign({ iss: 'https://evil.example' }),
      'wrong issuer by a slash': await issuer.sign({ iss: `${issuer.issuer}/` }),
      'another key': await new SignJWT(good)
        .setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt' })
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(stranger.privateKey),
      'a MAC with the public key': `${unsigned}.${createHmac('sha256', pem).update(unsigned).digest('base64url')}`,
      'an ID token': await issuer.idTokenFor('ann'),
      'an ID token for Keyward': await issuer.sign({ nonce: 'n' }, { typ: 'JWT' }),
      'an ID token without a nonce': await issuer.sign({ scope: undefined }, { typ: 'JWT' }),
      'a logout token': await issuer.sign({}, { typ: 'logout+jwt' }),
      'without a tenant': await issuer.tokenFor('nobody', ['credentials:read']),
      'an unknown critical header': `${Buffer.from('{"alg":"ES256","crit":["x"],"x":1}').toString('base64url')}.e30.AA`,
      'a session token that nobody made': `kw_${'0'.repeat(32)}${'A'.repeat(43)}`,
      'too long': `${'a'.repeat(7_000)}.${'b'.repeat(7_000)}.c`,
      'no token at all': 'x',
    };
    const answers = await Promise.all(Object.values(bad).map((token) => keyward.post(token, listing)));
    const one = { status: 401, body: expect.any(String), challenge: expect.stringContaining('error="invalid_token"') };
    for (const [index, name] of Object.keys(bad).entries())
      expect(told(answers[index] as RawAnswer), name).toEqual(one);
    expect(new Set(answers.map((answer) => JSON.stringify(told(answer)))).size).toBe(1);
    expect(answers[0]?.body).not.toMatch(/expired|audience|issuer"|signature/i);
  });

  it('takes a signed access token with typ at+jwt, JWT or none, and one of the issuer itself', async () => {
    for (const typ of ['at+jwt', 'application/at+jwt', 'JWT', undefined]) {
      expect((await keyward.post(await issuer.sign({}, { typ }), listing)).status, typ).toBe(200);
    }
    expect((await keyward.post(await issuer.tokenFor('ann', ['credentials:read']), listing)).status).toBe(200);
  });

  it('4. with a revoked session token is refused at once, by every Keyward on the vault', async () => {
    const port = `${await freePort()}`;
    const sibling = await startKeywardHttp({ ...keyward.env, KEYWARD_PORT: port });
    const token = await keyward.sessionToken('carol');
    const both = () => Promise.all([keyward, sibling].map(async (one) => (await one.post(token, listing)).status));
    expect(await both()).toEqual([200, 200]);
    const altered = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
    expect((await keyward.post(altered, listing)).status).toBe(401);
    const id = token.slice(3, 35).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    await keyward.cli('token', 'revoke', id);
    expect(await both()).toEqual([401, 401]);
    expect(await sibling.stop()).toBe(0);
  });

  it('5. that names another person is refused, and nothing changes owner', async () => {
    const [ann, bob] = await Promise.all(
      ['ann', 'bob'].map(async (login) => {
        const scopes = ['credentials:read', 'credentials:write'];
        return keyward.client('modern', await issuer.tokenFor(login, scopes));
      }),
    );
    if (!ann || !bob) throw new Error('unreachable');
    for (const userId of ['bob', `${issuer.issuer}#bob`, 'somebody']) {
      expect((await ann.call('create_credential', { ...apiKey, userId })).error?.code).toBe('forbidden');
      expect((await ann.call('list_credentials', { userId })).error?.code).toBe('forbidden');
    }
    for (const one of [ann, bob]) expect(await one.get('list_credentials')).toEqual({ credentials: [] });
    const { credentialId } = await ann.get('create_credential', { ...apiKey, userId: 'ann' });
    expect(await ann.get('get_connection', { connectionId: credentialId })).toMatchObject({ access: 'owner' });
    await ann.get('delete_credential', { credentialId });
    await Promise.all([ann.close(), bob.close()]);
  });

  it('that lacks a scope gets 403 and names it, so that the client comes back with a token that has it', async () => {
    const held = ['credentials:read'];
    const body = call('create_credential', apiKey);
    const refused = await keyward.post(await issuer.tokenFor('dave', held), body);
    expect(told(refused)).toEqual({
      status: 403,
      body: expect.stringContaining('insufficient_scope'),
      challenge: `Bearer error="insufficient_scope", scope="credentials:read credentials:write", ${challenge()}`,
    });
    const client = await keyward.client('modern', await issuer.tokenFor('dave', held));
    expect(await client.get('list_credentials')).toEqual({ credentials: [] });
    await client.close();
    const [, wanted = ''] = /scope="([^"]*)"/.exec(String(refused.headers['www-authenticate'])) ?? [];
    const answer = await keyward.post(await issuer.tokenFor('dave', wanted.split(' ')), body);
    expect(answer.status).toBe(200);
    expect(answer.body).toContain('credentialId');
  });
});

it('6. listening beyond loopback without authentication configured, or without https, does not start', async () => {
  const bare = { ...keyward.env, KEYWARD_HOME: `${keyward.home}/bare`, KEYWARD_HOST: '0.0.0.0' };
  const unset = Object.fromEntries(Object.entries(bare).filter(([name]) => !/ISSUER|TENANT|SIGN_IN/.test(name)));
  const start = (env: NodeJS.ProcessEnv) => run(process.execPath, [keywardMain, 'http'], { env });
  const tls = { KEYWARD_PUBLIC_URL: 'https://kw.example' };
  await expect(start({ ...unset, ...tls })).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('ISSUER'),
  });
  await expect(start(bare)).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('PUBLIC_URL') });
  const half = { ...keyward.env, KEYWARD_ISSUER: '', KEYWARD_HOME: `${keyward.home}/bare` };
  await expect(start(half)).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('needs KEYWARD_ISSUER') });
});

it('6. a session token that is good now, with an https public URL, is enough to listen beyond loopback; a revoked one is not', async () => {
  const { KEYWARD_KEY } = keyward.env;
  const env = { KEYWARD_KEY, KEYWARD_HOME: `${keyward.home}/open`, KEYWARD_HOST: '0.0.0.0' };
  const open = { ...env, KEYWARD_PUBLIC_URL: 'https://kw.example' };
  const cli = async (...words: string[]) =>
    (await run(process.execPath, [keywardMain, ...words], { env: open })).stdout.trim();
  const first = await cli('token', 'create', '--user', 'ann');
  await cli('token', 'revoke', first.slice(3, 35).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'));
  await expect(startKeywardHttp(open)).rejects.toThrow('KEYWARD_ISSUER');
  const token = await cli('token', 'create', '--user', 'ann');
  await expect(startKeywardHttp(env)).rejects.toThrow('KEYWARD_PUBLIC_URL');
  const serving = await startKeywardHttp(open);
  const host = { host: 'kw.example' };
  expect((await serving.post(token, listing, host)).status).toBe(200);
  expect((await serving.post(null, listing, host)).status).toBe(401);
  expect((await serving.post(token, listing)).status).toBe(403);
  expect(await serving.stop()).toBe(0);
});
