import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { authorizationUrl } from '../../../src/broker/oauth/authorize.ts';
import { clientCredentials } from '../../../src/broker/oauth/client-credentials.ts';
import { pollDevice, startDevice } from '../../../src/broker/oauth/device.ts';
import { exchangeCode } from '../../../src/broker/oauth/exchange.ts';
import { refreshTokens } from '../../../src/broker/oauth/refresh.ts';
import { revoke } from '../../../src/broker/oauth/revoke.ts';
import { clientCredentialsContext, oauth2Context } from '../../support/oauth-context.ts';
import { type OddServer, startOddServer } from '../../support/servers/odd-server.ts';

let server: OddServer;
beforeAll(async () => {
  server = await startOddServer();
});
beforeEach(() => {
  server.answer = { body: { access_token: 'at', token_type: 'Bearer' } };
});
afterAll(() => server.close());

const redirectUri = 'http://127.0.0.1:7355/oauth/callback';
const codeVerifier = 'v'.repeat(43);
const request = { redirectUri, state: 'the-state', codeVerifier };

function exchange(auth: Record<string, unknown>, query: Record<string, string> = {}) {
  const received = new URLSearchParams({ code: 'the-code', state: 'the-state', ...query });
  return exchangeCode(oauth2Context(server.origin, { auth }), { ...request, received });
}

/** The last request as the server got it. */
function last() {
  const { body = '', headers = {}, url = '', method = '' } = server.seen.at(-1) ?? {};
  const json = headers['content-type'] === 'application/json';
  const params = json ? JSON.parse(body || '{}') : Object.fromEntries(new URLSearchParams(body));
  const [, encoded = ''] = /^Basic (.*)$/.exec(headers.authorization ?? '') ?? [];
  return { url, method, headers, params, basic: Buffer.from(encoded, 'base64').toString() };
}

describe('the authorization URL', () => {
  it('carries what RFC 6749 and RFC 7636 want, and the challenge of the verifier', async () => {
    const url = await authorizationUrl(oauth2Context(server.origin), request);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      response_type: 'code',
      client_id: 'keyward',
      redirect_uri: redirectUri,
      scope: 'openid offline_access',
      state: 'the-state',
      prompt: 'consent',
      code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    expect(url.search).not.toContain('+');
  });

  it('uses the names, separators and extra parameters of the definition, and its own query', async () => {
    const auth = {
      authorizationEndpoint: `${server.origin}/auth?tenant=1`,
      clientIdParam: 'client_key',
      scopeParam: 'user_scope',
      scopeSeparator: ',',
      pkce: 'none',
      authorizationParams: { resource: 'https://{region}.example/', access_type: 'offline' },
    };
    const context = oauth2Context(server.origin, { auth, values: { region: 'eu' }, scopes: ['a', 'b'] });
    const url = await authorizationUrl(context, request);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      tenant: '1',
      response_type: 'code',
      client_key: 'keyward',
      redirect_uri: redirectUri,
      user_scope: 'a,b',
      state: 'the-state',
      resource: 'https://eu.example/',
      access_type: 'offline',
    });
  });

  it('asks for no scope when there is none, and no extra parameter replaces a protected one', async () => {
    const authorizationParams = {
      state: 'x',
      redirect_uri: 'https://evil.example',
      code_challenge: 'x',
      client_id: 'x',
    };
    const context = oauth2Context(server.origin, { auth: { scopes: [], authorizationParams } });
    const url = await authorizationUrl(context, request);
    expect(url.searchParams.has('scope')).toBe(false);
    expect(url.searchParams.get('state')).toBe('the-state');
    expect(url.searchParams.get('redirect_uri')).toBe(redirectUri);
    expect(url.searchParams.get('client_id')).toBe('keyward');
    expect(url.searchParams.get('code_challenge')).not.toBe('x');
  });

  it('is refused when a variable leads off the allowed hosts', async () => {
    const auth = { authorizationEndpoint: 'https://{host}/auth' };
    const context = oauth2Context(server.origin, { auth, values: { host: 'evil.example' } });
    await expect(authorizationUrl(context, request)).rejects.toMatchObject({ code: 'egress_refused' });
  });
});

describe('requests to the token endpoint', () => {
  it('an exchange sends code, verifier and exactly the redirect URI that was used', async () => {
    await exchange({ tokenParams: { audience: 'api' } });
    expect(last().params).toEqual({
      grant_type: 'authorization_code',
      code: 'the-code',
      redirect_uri: redirectUri,
      code_verifier: codeVerifier,
      audience: 'api',
    });
    expect(last().headers).toMatchObject({ accept: 'application/json', 'user-agent': 'keyward' });
  });

  it('no verifier is sent to a service that refuses PKCE', async () => {
    await exchange({ pkce: 'none' });
    expect(last().params).not.toHaveProperty('code_verifier');
  });

  it('a service may want PKCE from clients without a secret only', async () => {
    const auth = { pkce: 'public_clients' };
    for (const [clientSecret, sent] of [
      ['secret', false],
      [null, true],
    ] as const) {
      const context = oauth2Context(server.origin, { auth, client: { clientId: 'c', clientSecret } });
      const url = await authorizationUrl(context, request);
      expect(url.searchParams.has('code_challenge')).toBe(sent);
      const received = new URLSearchParams({ code: 'the-code', state: 'the-state' });
      await exchangeCode(context, { ...request, received });
      expect('code_verifier' in last().params).toBe(sent);
    }
  });

  it('the fixed headers of a definition are sent', async () => {
    await exchange({ tokenHeaders: { 'x-version': '2' } });
    expect(last().headers['x-version']).toBe('2');
  });

  it('Basic is form-encoded without touching - and _, or raw, as the definition says', async () => {
    const client = { clientId: 'id-_1:', clientSecret: 's-_/+ é' };
    for (const [method, basic] of [
      ['client_secret_basic', 'id-_1%3A:s-_%2F%2B+%C3%A9'],
      ['client_secret_basic_raw', 'id-_1::s-_/+ é'],
    ]) {
      const context = oauth2Context(server.origin, { client, auth: { tokenEndpointAuthMethod: method } });
      await refreshTokens(context, { refreshToken: 'rt', kept: {} });
      expect(last().basic).toBe(basic);
      expect(last().params).toEqual({ grant_type: 'refresh_token', refresh_token: 'rt' });
    }
  });

  it('a service can want JSON, its own name for the client id, and another authentication for refreshing', async () => {
    const auth = {
      bodyFormat: 'json',
      clientIdParam: 'client_key',
      tokenEndpointAuthMethod: 'client_secret_basic_raw',
      refreshAuthMethod: 'client_secret_post',
      refreshEndpoint: `${server.origin}/refresh`,
      refreshParams: { extra: '{region}' },
      scopeOnRefresh: true,
    };
    await exchange({ ...auth, refreshParams: undefined });
    expect(last()).toMatchObject({ url: '/token', basic: 'keyward:keyward-secret', params: { code: 'the-code' } });
    expect(last().headers['content-type']).toBe('application/json');
    const context = oauth2Context(server.origin, { auth, values: { region: 'eu' } });
    await refreshTokens(context, { refreshToken: 'rt', kept: {} });
    expect(last()).toMatchObject({ url: '/refresh', basic: '' });
    expect(last().params).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'rt',
      client_key: 'keyward',
      client_secret: 'keyward-secret',
      scope: 'openid offline_access',
      extra: 'eu',
    });
  });

  it('a client without a secret only names itself', async () => {
    const client = { clientId: 'public', clientSecret: null };
    await refreshTokens(oauth2Context(server.origin, { client }), { refreshToken: 'rt', kept: {} });
    expect(last().params).toEqual({ grant_type: 'refresh_token', refresh_token: 'rt', client_id: 'public' });
    expect(last().headers.authorization).toBeUndefined();
  });

  it('a token endpoint can come from the callback, but only on an allowed host', async () => {
    const auth = { tokenEndpoint: '{accounts-server}/token', callbackParams: ['accounts-server'], issuer: undefined };
    for (const evil of ['https://evil.example', `${server.origin}`, 'https://127.0.0.1@evil.example', 'javascript:1']) {
      const before = server.seen.length;
      await expect(exchange(auth, { 'accounts-server': evil }), evil).rejects.toMatchObject({
        code: expect.stringMatching(/^(egress_refused|invalid_input)$/),
      });
      expect(server.seen.length).toBe(before);
    }
  });

  it('a connection’s inputs win over what a service sent under the same name', async () => {
    const context = oauth2Context(server.origin, {
      auth: { tokenEndpoint: `${server.origin}/{region}/token` },
      values: { region: 'eu' },
    });
    await refreshTokens(context, { refreshToken: 'rt', kept: { region: 'us' } });
    expect(last().url).toBe('/eu/token');
  });

  it('client credentials send scopes and extra parameters', async () => {
    const auth = { tokenParams: { audience: 'api' } };
    await clientCredentials(clientCredentialsContext(server.origin, { auth, scopes: ['x', 'y'] }));
    expect(last().params).toEqual({ grant_type: 'client_credentials', scope: 'x y', audience: 'api' });
  });
});

describe('device requests', () => {
  it('a start reads Google’s older names and numbers as text, and caps the interval', async () => {
    const body = {
      device_code: 'dc',
      user_code: 'AB-CD',
      verification_url: 'https://x.example/d',
      interval: '900',
      expires_in: '60',
    };
    server.answer = { body };
    const start = await startDevice(oauth2Context(server.origin));
    expect(start).toMatchObject({ deviceCode: 'dc', verificationUri: 'https://x.example/d', intervalSeconds: 60 });
    expect(start.verificationUriComplete).toBeNull();
    expect(start.expiresAt).toBeLessThanOrEqual(Date.now() + 60_000);
    expect(last().params).toMatchObject({ client_id: 'keyward', scope: 'openid offline_access' });
  });

  it.each([
    ['javascript:alert(1)', 'AB-CD'],
    ['https://x.example/d', '<b>AB</b>'],
    ['https://x.example/d', ''],
    ['not a url', 'AB-CD'],
  ])('24. a start that would send a person to %s with the code %j is refused', async (verification_uri, user_code) => {
    server.answer = { body: { device_code: 'dc', user_code, verification_uri, expires_in: 60 } };
    await expect(startDevice(oauth2Context(server.origin))).rejects.toMatchObject({ code: 'provider_garbled' });
  });

  it('polling tells waiting, slowing down and the end apart', async () => {
    const context = oauth2Context(server.origin);
    const poll = (status: number, error: string) => {
      server.answer = { status, body: { error } };
      return pollDevice(context, 'dc');
    };
    expect(await poll(400, 'authorization_pending')).toEqual({ pending: true, slowDown: false });
    expect(await poll(428, 'authorization_pending')).toEqual({ pending: true, slowDown: false });
    expect(await poll(200, 'authorization_pending')).toEqual({ pending: true, slowDown: false });
    expect(await poll(400, 'slow_down')).toEqual({ pending: true, slowDown: true });
    expect(await poll(429, 'rate')).toEqual({ pending: true, slowDown: true });
    await expect(poll(400, 'expired_token')).rejects.toMatchObject({ details: { providerError: 'expired_token' } });
    await expect(poll(503, '')).rejects.toMatchObject({ code: 'provider_unavailable' });
    expect(last().params).toMatchObject({
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: 'dc',
    });
  });
});

describe('revocation requests', () => {
  const tokens = { accessToken: 'at', refreshToken: 'rt' };

  it('by the book: the refresh token, with a hint, authenticated like the token endpoint', async () => {
    server.answer = { status: 200 };
    expect(await revoke(oauth2Context(server.origin), tokens)).toBe('revoked');
    expect(last()).toMatchObject({ method: 'POST', url: '/token/revocation', basic: 'keyward:keyward-secret' });
    expect(last().params).toEqual({ token: 'rt', token_type_hint: 'refresh_token' });
    await revoke(oauth2Context(server.origin), { ...tokens, refreshToken: null });
    expect(last().params).toEqual({ token: 'at', token_type_hint: 'access_token' });
  });

  it('in a service’s own way: DELETE, JSON, another name, the client id in the path', async () => {
    server.answer = { status: 204 };
    const auth = {
      revocationEndpoint: `${server.origin}/applications/{clientId}/grant`,
      revocation: { method: 'DELETE', token: 'access_token', tokenParam: 'access_token', bodyFormat: 'json' },
    };
    expect(await revoke(oauth2Context(server.origin, { auth }), tokens)).toBe('revoked');
    expect(last()).toMatchObject({
      method: 'DELETE',
      url: '/applications/keyward/grant',
      params: { access_token: 'at' },
    });
  });

  it('in a service’s own way: the token itself as Bearer, and nothing in the body', async () => {
    server.answer = { body: { ok: true, revoked: true } };
    const auth = { revocation: { authMethod: 'bearer', token: 'access_token', tokenParam: null } };
    expect(await revoke(oauth2Context(server.origin, { auth }), tokens)).toBe('revoked');
    expect(last().headers.authorization).toBe('Bearer at');
    expect(last().params).toEqual({});
  });

  it.each([
    ['failed', { status: 400, body: { error: 'invalid_request' } }],
    ['revoked', { status: 400, body: { error: 'invalid_token' } }],
    ['failed', { status: 404 }],
    ['failed', { status: 503 }],
    ['failed', { status: 302, headers: { location: '/' } }],
    ['failed', { body: { ok: false, error: 'invalid_auth' } }],
    ['failed', { headers: { 'content-type': 'text/html' }, body: '<html>Sign in</html>' }],
    ['failed', { fault: 'reset' as const }],
    ['not_supported', { status: 400, body: { error: 'unsupported_token_type' } }],
    ['revoked', { body: {} }],
    ['revoked', { body: 'OK' }],
  ])('29. the outcome is %s when the service answers %j', async (outcome, answer) => {
    server.answer = answer;
    expect(await revoke(oauth2Context(server.origin), tokens)).toBe(outcome);
  });

  it('422. an access token that is over says nothing about the refresh token beside it', async () => {
    server.answer = { status: 400, body: { error: 'invalid_token' } };
    const context = oauth2Context(server.origin, { auth: { revocation: { token: 'access_token' } } });
    expect(await revoke(context, tokens)).toBe('failed');
    expect(await revoke(context, { ...tokens, refreshToken: null })).toBe('revoked');
  });
});
