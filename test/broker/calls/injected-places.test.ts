/** Calls of connections whose secret goes into the path, or into a header that the connection names. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callApi } from '../../../src/broker/calls/call-api.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { updateCredential } from '../../../src/broker/credentials/manage.ts';
import { verifyCredential } from '../../../src/broker/credentials/verify.ts';
import { readBuiltin } from '../../../src/connectors/builtin.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import { startBroker, type TestBroker } from '../../support/broker.ts';
import { type OddServer, startOddServer } from '../../support/servers/odd-server.ts';

const botToken = '123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11';
const apiKey = 'k3y-s3cret-s3cret-s3cret';
let server: OddServer;
let test: TestBroker;

beforeAll(async () => {
  server = await startOddServer();
  server.paths.set(`/bot${botToken}/getMe`, { body: { ok: true, result: { username: 'robot' } } });
  const telegram = readBuiltin('telegram');
  const api = { ...telegram?.api, baseUrl: server.origin, allowedHosts: [server.host] };
  const bot = { ...telegram, id: 'custom.bot', api };
  test = await startBroker({ origin: server.origin, definitions: [bot] });
});
afterAll(async () => {
  await test.close();
  await server.close();
});

async function connect(connectorId: string, fields: Record<string, string>): Promise<string> {
  const input = { connectorId, authenticationType: 'api_key', ...fields };
  const created = await createCredential(test.broker, me, input, { obtainedBy: 'tool' });
  if (created.kind !== 'created') throw new Error('Something was left to ask.');
  return created.credentialId;
}

const call = (connectionId: string, input: { path: string; headers?: Record<string, string> }) =>
  callApi(test.broker, me, { connectionId, method: 'GET', ...input });
const last = () => server.seen.at(-1);

describe('a secret in the path', () => {
  it('goes between base URL and path, and verifies as Telegram does', async () => {
    const id = await connect('custom.bot', { botToken });
    expect(await verifyCredential(test.broker, me, { credentialId: id })).toMatchObject({ account: 'robot' });
    server.answer = { body: { ok: true } };
    await call(id, { path: '/sendMessage' });
    expect(last()?.url).toBe(`/bot${botToken}/sendMessage`);
  });

  it.each(['/../getMe', '/..%2fgetMe', '//evil.example/x', '/%2e%2e/x'])('56. is not left by %s', async (path) => {
    const id = await connect('custom.bot', { botToken });
    const before = server.seen.length;
    const outcome = await call(id, { path }).then(
      () => 'sent',
      (error: { code: string }) => error.code,
    );
    if (outcome === 'sent') expect(last()?.url.startsWith(`/bot${botToken}/`)).toBe(true);
    else expect([outcome, server.seen.length]).toEqual([expect.stringMatching(/invalid_input|egress_refused/), before]);
  });

  it('57. comes back nowhere: not in an answer, a redirect, the audit log or the log', async () => {
    const id = await connect('custom.bot', { botToken });
    server.answer = {
      status: 302,
      headers: { location: `/bot${botToken}/next`, 'x-echo': `/bot${botToken}/sendMessage` },
      body: { url: `/bot${botToken}/x`, encoded: encodeURIComponent(`bot${botToken}`) },
    };
    const answer = await call(id, { path: '/sendMessage' });
    const told = JSON.stringify([answer, await test.audited(), test.logged()]);
    expect(told).toContain('sendMessage');
    expect(told).not.toContain('ABC-DEF1234');
  });

  it('is no part of what a policy is about', async () => {
    const id = await connect('custom.bot', { botToken });
    const policy = { methods: ['GET'], paths: ['/getMe'] };
    await updateCredential(test.broker, me, { credentialId: id, policy });
    server.answer = { body: { ok: true } };
    expect(await call(id, { path: '/getMe' })).toMatchObject({ status: 200 });
    await expect(call(id, { path: '/sendMessage' })).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('a header that the connection names', () => {
  it('55. carries the key, and a caller can not set it', async () => {
    const id = await connect('generic-api-key', { baseUrl: `${server.origin}/v1`, headerName: 'Api-Token', apiKey });
    server.answer = { body: { echo: apiKey } };
    const answer = await call(id, { path: '/things' });
    expect(last()).toMatchObject({ url: '/v1/things', headers: { 'api-token': apiKey } });
    expect(JSON.stringify(answer)).not.toContain(apiKey);
    const before = server.seen.length;
    await expect(call(id, { path: '/things', headers: { 'API-Token': 'mine' } })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    expect(server.seen.length).toBe(before);
  });

  it('is a parameter for services that want it so, which a caller can not set either', async () => {
    const fields = { baseUrl: server.origin, parameterName: 'key', apiKey };
    const id = await connect('generic-api-key-query', fields);
    await call(id, { path: '/things?page=2' });
    expect(last()?.url).toBe(`/things?page=2&key=${apiKey}`);
    await expect(call(id, { path: '/things?key=mine' })).rejects.toMatchObject({ code: 'invalid_input' });
  });
});

describe('an address that the connection names', () => {
  it('is called itself by the path / where it is an MCP server, which has no other', async () => {
    const input = {
      connectorId: 'mcp-server',
      authenticationType: 'bearer',
      serverUrl: `${server.origin}/mcp`,
      token: apiKey,
    };
    const created = await createCredential(test.broker, me, input, { obtainedBy: 'tool' });
    const connectionId = created.kind === 'created' ? created.credentialId : '';
    server.answer = { body: { jsonrpc: '2.0', id: 1, result: {} } };
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
    await callApi(test.broker, me, { connectionId, method: 'POST', path: '/', body: ping });
    expect(last()).toMatchObject({ url: '/mcp', method: 'POST', headers: { authorization: `Bearer ${apiKey}` } });
    for (const path of ['/info?x=1', '/?x=1', '/..', '/../', '/.', '//']) {
      const before = server.seen.length;
      await expect(call(connectionId, { path })).rejects.toMatchObject({ code: 'invalid_input' });
      expect(server.seen.length).toBe(before);
    }
  });

  it('is no such thing where the connector names it: / is below the base URL', async () => {
    const id = await connect('custom.acme', { apiKey: 'acme_0123456789abcdef' });
    await call(id, { path: '/' });
    expect(last()?.url).toBe('/v1/');
  });
});
