/** What signing in believes of an issuer that lies: nothing that OpenID Connect Core §3.1.3.7 does not let it. */
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createIssuerSignIn } from '../../../src/broker/sign-in/issuer.ts';
import { type InProcess, openInProcess } from '../../support/in-process.ts';
import { type HttpServer, startHttpServer } from '../../support/servers/http-server.ts';

const keys = await generateKeyPair('ES256');
const otherKeys = await generateKeyPair('ES256');
const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
const browser = 'b'.repeat(43);

/** What the issuer says now. */
let metadata: Record<string, unknown> = {};
let idToken: (claims: JWTPayload) => Promise<string | undefined>;
let nonce = '';

let issuer: HttpServer;
let keyward: InProcess;

beforeAll(async () => {
  issuer = await startHttpServer(async ({ url }, response) => {
    response.setHeader('content-type', 'application/json');
    if (url.startsWith('/.well-known/')) return void response.end(JSON.stringify({ ...good(), ...metadata }));
    if (url === '/jwks') return void response.end(JSON.stringify({ keys: [jwk] }));
    const now = Math.floor(Date.now() / 1_000);
    const claims = { iss: issuer.origin, aud: 'pages', sub: 'ann', iat: now, exp: now + 60, nonce };
    response.end(JSON.stringify({ access_token: 'x', token_type: 'bearer', id_token: await idToken(claims) }));
  });
  keyward = await openInProcess({ KEYWARD_EGRESS_ALLOW: issuer.host });
});
afterAll(async () => {
  await keyward.close();
  await issuer.close();
});

const good = () => ({
  issuer: issuer.origin,
  authorization_endpoint: `${issuer.origin}/auth`,
  token_endpoint: `${issuer.origin}/token`,
  jwks_uri: `${issuer.origin}/jwks`,
  response_types_supported: ['code'],
  id_token_signing_alg_values_supported: ['ES256'],
  authorization_response_iss_parameter_supported: true,
});

const sign = (claims: JWTPayload, key = keys.privateKey) =>
  new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).sign(key);

/** Keyward's client there, which remembers nothing yet. */
function fresh() {
  const names = { issuer: issuer.origin, tenantClaim: null, userClaim: 'sub' };
  const client = { clientId: 'pages', clientSecret: 'hidden', redirectUri: 'https://keyward.example/sign-in/callback' };
  return createIssuerSignIn(keyward.usual.broker, names, client);
}

/** The whole way with an issuer that answers like this. */
async function attempt(back: Record<string, string> = {}) {
  const signIn = fresh();
  const away = await signIn.begin(browser, '/', false);
  nonce = away.searchParams.get('nonce') ?? '';
  const state = away.searchParams.get('state') ?? '';
  return signIn.finish(browser, new URLSearchParams({ code: 'c', state, iss: issuer.origin, ...back }));
}

describe('an issuer’s answer', () => {
  it('counts when all of it is right', async () => {
    metadata = {};
    idToken = (claims) => sign(claims);
    const came = { person: { tenant: 'default', user: `${issuer.origin}#ann` }, to: '/' };
    const issued = { issuer: issuer.origin, subject: 'ann' };
    expect(await attempt()).toEqual({ ...came, issued });
    // What the issuer calls its session is known again when it says that this one is over.
    idToken = (claims) => sign({ ...claims, sid: 'session-1' });
    expect(await attempt()).toEqual({ ...came, issued: { ...issued, session: 'session-1' } });
  });

  it.each<[string, (claims: JWTPayload) => Promise<string | undefined>]>([
    ['of another issuer', (claims) => sign({ ...claims, iss: 'https://evil.example' })],
    ['for another client', (claims) => sign({ ...claims, aud: 'somebody-else' })],
    ['for another request', (claims) => sign({ ...claims, nonce: 'n' })],
    ['without a nonce', ({ nonce: _, ...claims }) => sign(claims)],
    ['that has expired', (claims) => sign({ ...claims, iat: 1_000, exp: 2_000 })],
    ['without an end', ({ exp: _, ...claims }) => sign(claims)],
    ['signed with another key', (claims) => sign(claims, otherKeys.privateKey)],
    ['that nobody signed', async (claims) => new UnsecuredJWT(claims).encode()],
    ['that is none', async () => 'garbage'],
    ['that is missing', async () => undefined],
  ])('with an ID token %s signs nobody in', async (_, made) => {
    metadata = {};
    idToken = made;
    await expect(attempt()).rejects.toMatchObject({ code: 'provider_garbled' });
  });

  it('19. with an iss of another issuer, or without one, signs nobody in, and the code goes nowhere', async () => {
    metadata = {};
    idToken = (claims) => sign(claims);
    const asked = () => issuer.seen.filter(({ url }) => url === '/token').length;
    const before = asked();
    await expect(attempt({ iss: 'https://evil.example' })).rejects.toMatchObject({ code: 'provider_garbled' });
    await expect(attempt({ iss: '' })).rejects.toMatchObject({ code: 'provider_garbled' });
    expect(asked()).toBe(before);
  });

  it.each([
    ['20. names another issuer', () => ({ issuer: 'https://evil.example' })],
    ['20. names it with a slash more', () => ({ issuer: `${issuer.origin}/` })],
    ['24. sends people to a file', () => ({ authorization_endpoint: 'file:///etc/passwd' })],
    ['24. sends people to a script', () => ({ authorization_endpoint: 'javascript:alert(1)' })],
    ['24. sends people on in the clear', () => ({ authorization_endpoint: issuer.origin.replace('http:', 'ftp:') })],
  ])('whose metadata %s leads nowhere', async (_, changed) => {
    metadata = changed();
    await expect(fresh().begin(browser, '/', false)).rejects.toMatchObject({ code: 'provider_garbled' });
  });

  it('that can not be had is told apart: it says nothing about the person', async () => {
    metadata = { token_endpoint: 'http://127.0.0.1:9/token' };
    await expect(attempt()).rejects.toMatchObject({ code: 'provider_unavailable' });
  });

  it('is asked for once, however many sign in at the same moment, and left alone after a failure', async () => {
    metadata = {};
    const asked = () => issuer.seen.filter(({ url }) => url.startsWith('/.well-known/')).length;
    let before = asked();
    const signIn = fresh();
    await Promise.all(Array.from({ length: 20 }, () => signIn.begin(browser, '/', false)));
    expect(asked() - before).toBe(1);
    metadata = { issuer: 'https://evil.example' };
    before = asked();
    const failing = fresh();
    for (let attempts = 0; attempts < 20; attempts += 1) {
      await expect(failing.begin(browser, '/', false)).rejects.toMatchObject({ code: 'provider_garbled' });
    }
    expect(asked() - before).toBe(1);
  });

  it('42. with a refusal carries no secret anywhere in the error', async () => {
    metadata = {};
    idToken = (claims) => sign({ ...claims, aud: 'canary-in-the-token' });
    const error = await attempt().catch((thrown: unknown) => thrown);
    expect(String((error as Error).stack) + JSON.stringify(error)).not.toMatch(/hidden|canary-in-the-token/);
    expect((error as Error).cause).toBeUndefined();
  });
});
