/** The simulator by itself, as somebody meets it who tests another OAuth client with it. */
import * as openid from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { client } from './client.ts';
import { type ProfileName, profiles } from './profiles.ts';
import { type Simulator, startSimulator } from './server.ts';

const redirectUri = 'http://127.0.0.1:9/callback';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator(profiles);
});
afterAll(() => simulator.close());

async function discover(name: ProfileName): Promise<openid.Configuration> {
  const issuer = new URL(`${simulator.origin}/${name}`);
  return openid.discovery(issuer, client.id, client.secret, openid.ClientSecretBasic(client.secret), {
    algorithm: 'oauth2',
    execute: [openid.allowInsecureRequests],
  });
}

/** Connects with nothing but the issuer and the client that the guide prints. */
async function connect(name: ProfileName) {
  const configuration = await discover(name);
  const [verifier, state] = [openid.randomPKCECodeVerifier(), openid.randomState()];
  const url = openid.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope: 'read',
    state,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  const back = (await fetch(url, { redirect: 'manual' })).headers.get('location') ?? '';
  const checks = { pkceCodeVerifier: verifier, expectedState: state };
  const tokens = await openid.authorizationCodeGrant(configuration, new URL(back), checks);
  const refresh = (token = '') => openid.refreshTokenGrant(configuration, token);
  return { tokens, refresh };
}

describe('the simulator', () => {
  it('says at its root what there is, with the client to use and each profile', async () => {
    const guide = await (await fetch(simulator.origin)).text();
    for (const text of [client.id, client.secret, '/authorize, /token, /revoke', ...Object.keys(profiles)]) {
      expect(guide).toContain(text);
    }
    const unknown = await fetch(`${simulator.origin}/nobody/token`);
    expect([unknown.status, await unknown.json()]).toEqual([
      404,
      { error: 'no_such_profile', profiles: Object.keys(profiles) },
    ]);
  });

  it('serves another OAuth client by the book, from discovery to the API', async () => {
    const { tokens, refresh } = await connect('by-the-book');
    expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'read', expires_in: 3_600 });
    const { access_token: token } = await refresh(tokens.refresh_token);
    const call = (bearer: string) =>
      fetch(`${simulator.origin}/by-the-book/api/me`, { headers: { authorization: `Bearer ${bearer}` } });
    expect([(await call(token)).status, (await call('made-up')).status]).toEqual([200, 401]);
  });

  it('rotates: a refresh token that is used again ends the grant, the newest one included', async () => {
    const { tokens, refresh } = await connect('rotates');
    const { refresh_token: newest } = await refresh(tokens.refresh_token);
    expect(newest).not.toBe(tokens.refresh_token);
    await expect(refresh(tokens.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant' });
    await expect(refresh(newest)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('rotates-with-grace: one that is used again at once is forgiven', async () => {
    const { tokens, refresh } = await connect('rotates-with-grace');
    const { refresh_token: newest } = await refresh(tokens.refresh_token);
    await refresh(tokens.refresh_token);
    await refresh(newest);
  });

  it.each<ProfileName>(['wrong-iss', 'missing-iss', 'wrong-issuer', 'truncated', 'html-with-200', 'too-many-requests'])(
    '%s: another good client refuses it too',
    async (name) => {
      await expect(connect(name)).rejects.toThrow();
    },
  );
});
