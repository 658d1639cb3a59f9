import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { authorizationUrl } from '../../../src/broker/oauth/authorize.ts';
import { createEgress } from '../../../src/net/open-egress.ts';
import { oauth2Context } from '../../support/oauth-context.ts';
import { type OddServer, startOddServer } from '../../support/servers/odd-server.ts';

let server: OddServer;
beforeEach(async () => {
  server = await startOddServer({ status: 404 });
});
afterEach(() => server.close());

const oauthPath = '/.well-known/oauth-authorization-server';
const openidPath = '/.well-known/openid-configuration';
const request = { redirectUri: 'http://127.0.0.1:7355/cb', state: 's', codeVerifier: 'v'.repeat(43) };

function metadata(changes: Record<string, unknown> = {}) {
  const body = {
    issuer: server.origin,
    authorization_endpoint: `${server.origin}/found/auth`,
    token_endpoint: `${server.origin}/found/token`,
    code_challenge_methods_supported: ['S256'],
    ...changes,
  };
  return { body };
}

/** A connector that leaves its endpoints to discovery. */
function discovered(auth: Record<string, unknown> = {}, issuer = server.origin) {
  return oauth2Context(server.origin, {
    auth: { issuer, authorizationEndpoint: undefined, tokenEndpoint: undefined, ...auth },
    egress: createEgress({ allow: ['127.0.0.1'] }),
  });
}

describe('discovery', () => {
  it.each([oauthPath, openidPath])('endpoints are found at %s', async (path) => {
    server.paths.set(path, metadata());
    expect((await authorizationUrl(discovered(), request)).pathname).toBe('/found/auth');
  });

  it.each([`${oauthPath}/tenant`, `${openidPath}/tenant`, `/tenant${openidPath}`])(
    'an issuer with a path may have its metadata at %s, as RFC 8414 and OpenID put it',
    async (path) => {
      const issuer = `${server.origin}/tenant`;
      server.paths.set(path, metadata({ issuer }));
      expect((await authorizationUrl(discovered({}, issuer), request)).pathname).toBe('/found/auth');
    },
  );

  it('what the definition says is not overruled by what the issuer publishes', async () => {
    server.paths.set(oauthPath, metadata());
    const url = await authorizationUrl(discovered({ authorizationEndpoint: `${server.origin}/own` }), request);
    expect(url.pathname).toBe('/own');
  });

  it('nothing is asked when the definition has what is needed', async () => {
    await authorizationUrl(oauth2Context(server.origin), request);
    expect(server.seen.length).toBe(0);
  });

  it('an issuer is asked once, not for every page that is shown', async () => {
    server.paths.set(oauthPath, metadata());
    const context = discovered();
    for (let page = 0; page < 5; page += 1) await authorizationUrl(context, request);
    expect(server.seen.length).toBe(1);
  });

  it.each([undefined, [], ['plain']])('18. a server whose PKCE methods are %j is refused', async (methods) => {
    server.paths.set(oauthPath, metadata({ code_challenge_methods_supported: methods }));
    await expect(authorizationUrl(discovered(), request)).rejects.toMatchObject({ code: 'provider_refused' });
    const optedOut = await authorizationUrl(discovered({ pkce: 'none' }), request);
    expect(optedOut.searchParams.has('code_challenge')).toBe(false);
  });

  it('18. a server that is silent about PKCE is taken where the definition says so, and the client has a secret', async () => {
    const context = discovered({ pkce: 'unannounced', publicClients: true });
    server.paths.set(oauthPath, metadata({ code_challenge_methods_supported: undefined }));
    const url = await authorizationUrl(context, request);
    expect(url.searchParams.get('code_challenge_method')).toBe('S256');
    const stranger = { ...context, client: { clientId: 'public', clientSecret: null } };
    await expect(authorizationUrl(stranger, request)).rejects.toMatchObject({ code: 'provider_refused' });
    server.paths.set(oauthPath, metadata({ code_challenge_methods_supported: ['plain'] }));
    const asked = { ...context, egress: createEgress({ allow: ['127.0.0.1'] }) };
    await expect(authorizationUrl(asked, request)).rejects.toMatchObject({ code: 'provider_refused' });
  });

  it.each(['https://evil.example', 'http://127.0.0.1', '', null, 7])(
    '20. a document of the issuer %j is refused at both addresses',
    async (issuer) => {
      for (const path of [oauthPath, openidPath]) {
        server.paths.clear();
        server.paths.set(path, metadata({ issuer }));
        await expect(authorizationUrl(discovered(), request)).rejects.toMatchObject({ code: 'provider_garbled' });
      }
    },
  );

  it.each([
    'javascript:alert(1)',
    'file:///etc/passwd',
    'https://u:p@evil.example/',
    'ftp://x.example/',
    '$(touch x)',
    7,
  ])('24. an authorization endpoint of %j is refused', async (authorization_endpoint) => {
    server.paths.set(oauthPath, metadata({ authorization_endpoint }));
    await expect(authorizationUrl(discovered(), request)).rejects.toMatchObject({
      code: expect.stringMatching(/^provider_(garbled|refused)$/),
    });
  });

  it('20. a document of another issuer is refused even when the other address has the right one', async () => {
    server.paths.set(oauthPath, metadata({ issuer: 'https://evil.example' }));
    server.paths.set(openidPath, metadata());
    await expect(authorizationUrl(discovered(), request)).rejects.toMatchObject({ code: 'provider_garbled' });
  });

  it('an issuer that publishes nothing, or nonsense, is a typed error', async () => {
    await expect(authorizationUrl(discovered(), request)).rejects.toMatchObject({ code: 'provider_garbled' });
    server.answer = { headers: { 'content-type': 'text/html' }, body: '<html>' };
    await expect(authorizationUrl(discovered(), request)).rejects.toMatchObject({ code: 'provider_garbled' });
  });

  it('an issuer in trouble is unavailable, and asked again the next time', async () => {
    server.paths.set(oauthPath, { status: 503, headers: { 'retry-after': '9' } });
    const context = discovered();
    await expect(authorizationUrl(context, request)).rejects.toMatchObject({
      code: 'provider_unavailable',
      details: { retryAfterSeconds: 9 },
    });
    server.paths.set(oauthPath, metadata());
    expect((await authorizationUrl(context, request)).pathname).toBe('/found/auth');
  });

  it('a lost answer is asked for again: reading metadata changes nothing', async () => {
    server.next = [{ fault: 'reset' }, metadata()];
    expect((await authorizationUrl(discovered(), request)).pathname).toBe('/found/auth');
  });

  it('an issuer off the public internet is refused unless the operator allows it', async () => {
    const context = { ...discovered(), egress: createEgress({ allow: [] }) };
    await expect(authorizationUrl(context, request)).rejects.toMatchObject({ code: 'egress_refused' });
    expect(server.seen.length).toBe(0);
  });
});
