import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientCredentials } from '../../../src/broker/oauth/client-credentials.ts';
import { revoke } from '../../../src/broker/oauth/revoke.ts';
import { clientCredentialsContext, oauth2Context } from '../oauth-context.ts';
import { startApiServer } from './api-server.ts';
import { type AuthorizationServer, startAuthorizationServer } from './authorization-server.ts';

let server: AuthorizationServer;
let api: Awaited<ReturnType<typeof startApiServer>>;
beforeAll(async () => {
  server = await startAuthorizationServer();
  api = await startApiServer({ issuer: server.issuer, apiKeys: ['acme_0123456789abcdef'], passwords: ['ann:secret'] });
});
afterAll(() => Promise.all([server.close(), api.close()]));

async function me(headers: Record<string, string>): Promise<[number, unknown]> {
  const response = await fetch(`${api.origin}/eu/v1/me`, { headers });
  return [response.status, await response.json()];
}

/** The servers that other tests stand on. */
describe('test servers', () => {
  it('the API answers whom an access token stands for, and 401 once it is revoked', async () => {
    const { accessToken } = await clientCredentials(clientCredentialsContext(server.issuer));
    const headers = { authorization: `Bearer ${accessToken}` };
    expect(await me(headers)).toEqual([200, { user: { id: 'keyward', email: 'keyward@example.com' } }]);
    await revoke(oauth2Context(server.issuer), { accessToken, refreshToken: null });
    expect((await me(headers))[0]).toBe(401);
  });

  it('the API takes the keys and passwords it was told, and nothing else', async () => {
    const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });
    expect((await me({ 'x-api-key': 'acme_0123456789abcdef' }))[0]).toBe(200);
    expect((await me({ 'x-api-key': 'acme_wrong' }))[0]).toBe(401);
    expect((await me(basic('ann:secret')))[0]).toBe(200);
    expect((await me(basic('ann:wrong')))[0]).toBe(401);
    expect((await me({}))[0]).toBe(401);
    expect((await me({ authorization: 'Bearer forged' }))[0]).toBe(401);
  });

  it('the authorization server counts what it was asked, failures included', async () => {
    const before = server.calls.client_credentials ?? 0;
    const wrong = { clientId: 'keyward', clientSecret: 'wrong' };
    await clientCredentials(clientCredentialsContext(server.issuer, { client: wrong })).catch(() => {});
    await clientCredentials(clientCredentialsContext(server.issuer));
    expect((server.calls.client_credentials ?? 0) - before).toBe(2);
    expect(server.errors.invalid_client).toBe(1);
  });

  it('the authorization server says when its port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    await expect(startAuthorizationServer({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    taken.close();
  });
});
