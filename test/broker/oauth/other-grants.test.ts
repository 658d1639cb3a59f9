import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientCredentials } from '../../../src/broker/oauth/client-credentials.ts';
import { pollDevice, startDevice } from '../../../src/broker/oauth/device.ts';
import { approveDevice } from '../../support/clients/click-through.ts';
import { clientCredentialsContext, oauth2Context } from '../../support/oauth-context.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../../support/servers/authorization-server.ts';
import { startOddServer } from '../../support/servers/odd-server.ts';

let server: AuthorizationServer;
beforeAll(async () => {
  server = await startAuthorizationServer({
    accessTokenTtl: 120,
    clients: [{}, { client_id: 'reader', scope: 'read' }],
  });
});
afterAll(() => server.close());

describe('client credentials against a real server', () => {
  it('a client gets tokens of its own, with the lifetime that the server says', async () => {
    const tokens = await clientCredentials(clientCredentialsContext(server.issuer));
    expect(tokens).toMatchObject({ refreshToken: null, scopes: ['read'] });
    expect(await server.isActive(tokens.accessToken)).toBe(true);
    expect((tokens.expiresAt ?? 0) - Date.now()).toBeLessThanOrEqual(120_000);
  });

  it('the token endpoint is discovered when only the issuer is known', async () => {
    const auth = { issuer: server.issuer, tokenEndpoint: undefined };
    const tokens = await clientCredentials(clientCredentialsContext(server.issuer, { auth }));
    expect(await server.isActive(tokens.accessToken)).toBe(true);
  });

  it('scopes that the client may not have are a typed error that names them', async () => {
    const client = { clientId: 'reader', clientSecret: 'keyward-secret' };
    const request = clientCredentials(clientCredentialsContext(server.issuer, { client, scopes: ['write'] }));
    await expect(request).rejects.toMatchObject({
      code: 'provider_refused',
      details: { providerError: 'invalid_scope' },
      message: expect.stringContaining('write'),
    });
  });

  it('a service that has the grant under a name of its own is asked by that name', async () => {
    const odd = await startOddServer({ body: { access_token: 'at' } });
    const auth = { tokenParams: { grant_type: 'account_credentials', account_id: '{account}' }, scopes: [] };
    await clientCredentials(clientCredentialsContext(odd.origin, { auth, values: { account: 'a-1' } }));
    await odd.close();
    expect(Object.fromEntries(new URLSearchParams(odd.seen[0]?.body))).toEqual({
      grant_type: 'account_credentials',
      account_id: 'a-1',
    });
  });

  it('a wrong secret is invalid_client', async () => {
    const client = { clientId: 'keyward', clientSecret: 'wrong' };
    await expect(clientCredentials(clientCredentialsContext(server.issuer, { client }))).rejects.toMatchObject({
      code: 'provider_refused',
      details: { providerError: 'invalid_client' },
    });
  });
});

describe('device authorization against a real server', () => {
  it('polling is pending until the person has entered the code, then there are tokens', async () => {
    const context = oauth2Context(server.issuer);
    const start = await startDevice(context);
    expect(start.verificationUri).toBe(`${server.issuer}/device`);
    expect(start.expiresAt - Date.now()).toBeGreaterThan(500_000);
    expect(start.intervalSeconds).toBe(5);
    expect(await pollDevice(context, start.deviceCode)).toEqual({ pending: true, slowDown: false });
    await approveDevice(start.verificationUriComplete ?? '');
    const poll = await pollDevice(context, start.deviceCode);
    if (poll.pending) throw new Error('The person had finished.');
    expect(await server.isActive(poll.tokens.accessToken)).toBe(true);
    expect(poll.tokens.scopes).toEqual(['openid', 'offline_access']);
  });

  it('a person who says no ends it', async () => {
    const context = oauth2Context(server.issuer);
    const start = await startDevice(context);
    await approveDevice(start.verificationUriComplete ?? '', { decision: 'deny' });
    await expect(pollDevice(context, start.deviceCode)).rejects.toMatchObject({
      code: 'provider_refused',
      details: { providerError: 'access_denied' },
    });
  });

  it('a service without device flow says so', async () => {
    const auth = { deviceAuthorizationEndpoint: undefined, issuer: undefined };
    await expect(startDevice(oauth2Context(server.issuer, { auth }))).rejects.toMatchObject({
      code: 'provider_refused',
    });
  });
});
