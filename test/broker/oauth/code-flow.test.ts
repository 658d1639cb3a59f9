import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authorizationUrl } from '../../../src/broker/oauth/authorize.ts';
import type { OAuthContext, TokenSet } from '../../../src/broker/oauth/context.ts';
import { exchangeCode } from '../../../src/broker/oauth/exchange.ts';
import { refreshTokens } from '../../../src/broker/oauth/refresh.ts';
import { revoke } from '../../../src/broker/oauth/revoke.ts';
import type { OAuth2Method } from '../../../src/connectors/definition/definition.ts';
import { type ClickOptions, clickThrough } from '../../support/clients/click-through.ts';
import { oauth2Context } from '../../support/oauth-context.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../../support/servers/authorization-server.ts';

let server: AuthorizationServer;
beforeAll(async () => {
  server = await startAuthorizationServer({
    clients: [
      {},
      { client_id: 'post', client_secret: 'p-_.~!*%+&=', token_endpoint_auth_method: 'client_secret_post' },
      { client_id: 'odd-_.~id', client_secret: 'b-_.~!*%+&=' },
      { client_id: 'public', token_endpoint_auth_method: 'none' },
    ],
  });
});
afterAll(() => server.close());

const redirectUri = 'http://127.0.0.1:7355/oauth/callback';

/** Starts a flow, clicks through the pages, and answers what came back to the redirect URI. */
async function authorize(context: OAuthContext<OAuth2Method>, clicks?: ClickOptions) {
  const codeVerifier = randomBytes(32).toString('base64url');
  const state = randomBytes(16).toString('base64url');
  const url = await authorizationUrl(context, { redirectUri, state, codeVerifier });
  const callback = await clickThrough(url, clicks);
  return { redirectUri, state, codeVerifier, received: callback.searchParams, callback };
}

async function connect(context: OAuthContext<OAuth2Method>): Promise<TokenSet> {
  return exchangeCode(context, await authorize(context));
}

/** How often the token endpoint has been asked so far. */
const asked = () => Object.values(server.calls).reduce((sum, calls) => sum + calls, 0);

describe('authorization code flow against a real server', () => {
  it('a person’s consent becomes tokens that the server knows', async () => {
    const tokens = await connect(oauth2Context(server.issuer));
    expect(tokens).toMatchObject({ tokenType: 'Bearer', scopes: ['openid', 'offline_access'], kept: {} });
    expect(await server.isActive(tokens.accessToken)).toBe(true);
    expect(await server.isActive(tokens.refreshToken ?? '')).toBe(true);
    expect((tokens.expiresAt ?? 0) - Date.now()).toBeGreaterThan(3_500_000);
  });

  it('everything is found by discovery when the definition has only the issuer', async () => {
    const bare = { authorizationEndpoint: undefined, tokenEndpoint: undefined, revocationEndpoint: undefined };
    const context = oauth2Context(server.issuer, { auth: bare });
    const tokens = await connect(context);
    expect(await revoke(context, tokens)).toBe('revoked');
    expect(await server.isActive(tokens.accessToken)).toBe(false);
  });

  it.each([
    ['client_secret_basic', 'odd-_.~id', 'b-_.~!*%+&='],
    ['client_secret_post', 'post', 'p-_.~!*%+&='],
    ['none', 'public', null],
    ['client_secret_basic', 'public', null],
  ])(
    'a client authenticates by %s as %s, with any characters in its id and secret',
    async (method, clientId, clientSecret) => {
      const context = oauth2Context(server.issuer, {
        client: { clientId, clientSecret },
        auth: { tokenEndpointAuthMethod: method },
      });
      const tokens = await connect(context);
      const next = await refreshTokens(context, { refreshToken: tokens.refreshToken ?? '', kept: {} });
      expect(await server.isActive(next.accessToken)).toBe(true);
    },
  );

  it('parameters that the definition wants from the callback are kept', async () => {
    const context = oauth2Context(server.issuer, { auth: { callbackParams: ['realmId', 'absent', 'evil'] } });
    const callback = await authorize(context);
    callback.received.set('realmId', '42');
    callback.received.set('evil', 'a\r\nb');
    expect((await exchangeCode(context, callback)).kept).toEqual({ realmId: '42' });
  });

  it('refreshing rotates, and an old refresh token kills the grant', async () => {
    const context = oauth2Context(server.issuer);
    const first = await connect(context);
    const second = await refreshTokens(context, {
      refreshToken: first.refreshToken ?? '',
      kept: { a: 'b' },
      scopes: ['x'],
    });
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(second.kept).toEqual({ a: 'b' });
    const replay = refreshTokens(context, { refreshToken: first.refreshToken ?? '', kept: {} });
    await expect(replay).rejects.toMatchObject({
      code: 'provider_refused',
      details: { providerError: 'invalid_grant' },
    });
    expect(await server.isActive(second.accessToken)).toBe(false);
  });

  it('16. a code works once: the second exchange is refused', async () => {
    const context = oauth2Context(server.issuer);
    const callback = await authorize(context);
    await exchangeCode(context, callback);
    await expect(exchangeCode(context, callback)).rejects.toMatchObject({
      code: 'provider_refused',
      details: { providerError: 'invalid_grant' },
    });
  });

  it('a code does not work with the verifier of another flow', async () => {
    const context = oauth2Context(server.issuer);
    const callback = await authorize(context);
    const stolen = { ...callback, codeVerifier: randomBytes(32).toString('base64url') };
    await expect(exchangeCode(context, stolen)).rejects.toMatchObject({ code: 'provider_refused' });
  });

  it.each([
    ['missing', (query: URLSearchParams) => query.delete('state')],
    ['altered', (query: URLSearchParams) => query.set('state', `${query.get('state')}x`)],
    ['empty', (query: URLSearchParams) => query.set('state', '')],
    ['sent twice', (query: URLSearchParams) => query.append('state', query.get('state') ?? '')],
  ])('15. a state that is %s is refused and the token endpoint is not called', async (_, change) => {
    const context = oauth2Context(server.issuer);
    const callback = await authorize(context);
    change(callback.received);
    const before = asked();
    await expect(exchangeCode(context, callback)).rejects.toMatchObject({ code: 'provider_garbled' });
    expect(asked()).toBe(before);
  });

  it.each([
    ['of another issuer', (query: URLSearchParams) => query.set('iss', 'https://evil.example')],
    ['empty', (query: URLSearchParams) => query.set('iss', '')],
    ['sent twice', (query: URLSearchParams) => query.append('iss', query.get('iss') ?? '')],
    ['not exactly the same', (query: URLSearchParams) => query.set('iss', `${query.get('iss')}/`)],
  ])('19. an iss that is %s sends the code nowhere', async (_, change) => {
    const context = oauth2Context(server.issuer);
    const callback = await authorize(context);
    change(callback.received);
    const before = asked();
    await expect(exchangeCode(context, callback)).rejects.toMatchObject({ code: 'provider_garbled' });
    expect(asked()).toBe(before);
  });

  it('19. a missing iss is refused when the server advertises it, by discovery or by definition', async () => {
    for (const auth of [{ tokenEndpoint: undefined }, { authorizationResponseIssParameterSupported: true }]) {
      const context = oauth2Context(server.issuer, { auth });
      const callback = await authorize(context);
      callback.received.delete('iss');
      await expect(exchangeCode(context, callback)).rejects.toMatchObject({ code: 'provider_garbled' });
    }
  });

  it('19. a definition without issuer takes an iss of the origin it sent the person to, and no other', async () => {
    const context = oauth2Context(server.issuer, { auth: { issuer: undefined } });
    const callback = await authorize(context);
    for (const iss of ['https://evil.example', 'not a url']) {
      const forged = new URLSearchParams(callback.received);
      forged.set('iss', iss);
      const exchange = exchangeCode(context, { ...callback, received: forged });
      await expect(exchange, iss).rejects.toMatchObject({ code: 'provider_garbled' });
    }
    expect((await exchangeCode(context, callback)).accessToken).toBeTruthy();
  });

  it('a server that does not advertise iss may leave it out', async () => {
    const context = oauth2Context(server.issuer);
    const callback = await authorize(context);
    callback.received.delete('iss');
    expect((await exchangeCode(context, callback)).accessToken).toBeTruthy();
  });

  it('a person who says no is a typed error that names it', async () => {
    const context = oauth2Context(server.issuer);
    const callback = await authorize(context, { decision: 'deny' });
    await expect(exchangeCode(context, callback)).rejects.toMatchObject({
      code: 'provider_refused',
      details: { providerError: 'access_denied' },
    });
  });

  it('a callback with neither code nor error is refused', async () => {
    const context = oauth2Context(server.issuer);
    const callback = await authorize(context);
    callback.received.delete('code');
    await expect(exchangeCode(context, callback)).rejects.toMatchObject({ code: 'provider_garbled' });
  });

  it('a wrong client secret says where to look, and does not look like a dead grant', async () => {
    const context = oauth2Context(server.issuer, { client: { clientId: 'keyward', clientSecret: 'wrong' } });
    await expect(exchangeCode(context, await authorize(context))).rejects.toMatchObject({
      code: 'provider_refused',
      details: { providerError: 'invalid_client' },
      hint: expect.stringContaining('https://acme.example/apps'),
    });
  });

  it('a revoked grant is gone at the server, whichever of its tokens were given back', async () => {
    for (const token of ['refresh_token', 'access_token']) {
      const context = oauth2Context(server.issuer, { auth: { revocation: { token } } });
      const tokens = await connect(context);
      expect(await revoke(context, tokens)).toBe('revoked');
      expect(await server.isActive(tokens.accessToken)).toBe(false);
    }
  });

  it('29. revocation says honestly that it is not supported or failed', async () => {
    const tokens = { accessToken: 'a', refreshToken: 'r' };
    const without = oauth2Context(server.issuer, { auth: { revocationEndpoint: undefined } });
    expect(await revoke(without, tokens)).toBe('not_supported');
    const stranger = oauth2Context(server.issuer, { client: { clientId: 'keyward', clientSecret: 'wrong' } });
    expect(await revoke(stranger, tokens)).toBe('failed');
    const down = oauth2Context(server.issuer, { auth: { revocationEndpoint: 'http://127.0.0.1:1/revoke' } });
    expect(await revoke(down, tokens)).toBe('failed');
  });
});
