/** A backend that acts for its users over REST, with a token of the issuer: it names them as the issuer does. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { clickThrough } from '../../support/clients/click-through.ts';
import { raw } from '../../support/clients/raw-http.ts';
import { createBrowser, linkOut } from '../../support/clients/session.ts';
import { type Deployment, startDeployment } from '../../support/servers/deployment.ts';
import { connectorId, goodApiKey } from '../../support/world.ts';

let team: Deployment;
beforeAll(async () => {
  team = await startDeployment({ env: { KEYWARD_REDIRECT_URIS: 'https://app.example' } });
});
afterAll(() => team.close());

const path = `/connectors/${connectorId}/credentials`;

async function send(
  token: string,
  method: string,
  to: string,
  more: { body?: unknown; user?: string; at?: Deployment } = {},
) {
  const { status, body } = await raw((more.at ?? team).keyward.origin, to, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...(more.user === undefined ? {} : { 'x-alloy-userid': more.user }),
    },
    ...(more.body === undefined ? {} : { body: JSON.stringify(more.body) }),
  });
  return { status, data: JSON.parse(body) as Record<string, unknown> };
}

const idsIn = ({ data }: Awaited<ReturnType<typeof send>>) =>
  (data.credentials as { credentialId: string }[]).map(({ credentialId }) => credentialId);

it('connects for its users, whose credentials are theirs, and the audit log says who did what for whom', async () => {
  const scopes = ['credentials:read', 'credentials:write', 'credentials:release'];
  const backend = await team.issuer.tokenFor('backend', [...scopes, 'credentials:act-as']);
  const bob = await team.issuer.tokenFor('bob', scopes);
  const carol = await team.issuer.tokenFor('carol', scopes);

  const key = { userId: 'bob', authenticationType: 'api_key', apiKey: goodApiKey };
  const made = await send(backend, 'POST', path, { body: key });
  expect(made).toMatchObject({ status: 200, data: { credentialId: expect.any(String) } });

  // The link is vouched for: it works in the first browser that goes on, which needs no account here.
  const redirectUri = 'https://app.example/done?tab=1';
  const oauth = { userId: 'bob', authenticationType: 'oauth2', redirectUri };
  const started = await send(backend, 'POST', path, { body: oauth });
  expect(Object.keys(started.data)).toEqual(['oauthUrl']);
  const browser = createBrowser();
  const connect = await browser.submit(await browser.open(String(started.data.oauthUrl)), 'claim');
  const back = await browser.open(await clickThrough(linkOut(connect), { login: 'bob' }), 0);
  const away = new URL(back.headers.get('location') ?? '');
  const credentialId = away.searchParams.get('credentialId') ?? '';
  expect(away.href).toBe(`${redirectUri}&credentialId=${credentialId}`);

  const all = [made.data.credentialId, credentialId];
  expect(idsIn(await send(bob, 'GET', path))).toEqual(all);
  expect(idsIn(await send(backend, 'GET', path, { user: 'bob' }))).toEqual(all);
  expect(idsIn(await send(backend, 'GET', path, { user: `${team.issuer.issuer}#bob` }))).toEqual(all);
  expect(idsIn(await send(backend, 'GET', path))).toEqual([]);
  expect(idsIn(await send(carol, 'GET', path))).toEqual([]);
  // Acting for somebody is not owning what is theirs.
  expect((await send(backend, 'GET', `/connection/${credentialId}/credentials`)).status).toBe(404);

  const audit = await team.keyward.cli('audit', 'tail', '--lines', '100');
  const by = `default/${team.issuer.issuer}#backend for ${team.issuer.issuer}#bob`;
  for (const action of ['attempt.start', 'credential.create']) {
    const lines = audit.split('\n').filter((line) => line.includes(action));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toContain(by);
  }
});

it('5. whoever lacks the scope for it acts for nobody, however the person is named', async () => {
  const mallory = await team.issuer.tokenFor('mallory', ['credentials:read', 'credentials:write']);
  for (const user of ['bob', `${team.issuer.issuer}#bob`, 'somebody']) {
    expect((await send(mallory, 'GET', path, { user })).status).toBe(403);
    const body = { userId: user, authenticationType: 'api_key', apiKey: goodApiKey };
    expect((await send(mallory, 'POST', path, { body })).status).toBe(403);
  }
  expect(idsIn(await send(mallory, 'GET', path, { user: 'mallory' }))).toEqual([]);
});

describe('an OAuth client that a backend stored', () => {
  const scopes = ['credentials:read', 'credentials:write', 'credentials:release'];
  const oauth = { userId: 'bob', authenticationType: 'oauth2', redirectUri: 'http://127.0.0.1:1/done' };
  let bare: Deployment;
  let backend: string;
  let bob: string;
  let authConfigId: string;
  beforeAll(async () => {
    const none = { KEYWARD_AUTH_CUSTOM_ACME_CLIENT_ID: '', KEYWARD_AUTH_CUSTOM_ACME_CLIENT_SECRET: '' };
    bare = await startDeployment({ world: { accessTokenTtl: 2 }, env: none });
    backend = await bare.issuer.tokenFor('backend', [...scopes, 'credentials:act-as']);
    bob = await bare.issuer.tokenFor('bob', scopes);
    const client = { connectorId, clientId: 'keyward', clientSecret: 'keyward-secret' };
    const made = await send(backend, 'POST', '/auth-configs', { at: bare, body: client });
    authConfigId = String(made.data.authConfigId);
  });
  afterAll(() => bare.close());

  it('5. serves the users that it acts for, renewals and revocation included, and is never theirs', async () => {
    const forms = (await send(backend, 'GET', `${path}/metadata`, { at: bare, user: 'bob' })).data.metadata;
    expect(forms).toContainEqual(expect.objectContaining({ authenticationType: 'oauth2', authConfigRequired: false }));
    for (const more of [{}, { authConfigId }]) {
      const started = await send(backend, 'POST', path, { at: bare, body: { ...oauth, ...more } });
      const browser = createBrowser();
      const connect = await browser.submit(await browser.open(String(started.data.oauthUrl)), 'claim');
      // Whose application this is decides the backend: its user is not offered to replace it.
      expect(connect.text).not.toContain('forget-auth-config');
      const back = await browser.open(await clickThrough(linkOut(connect), { login: 'bob' }), 0);
      const credentialId = new URL(back.headers.get('location') ?? '').searchParams.get('credentialId');
      const tokenNow = async () => {
        const { data } = await send(bob, 'GET', `/connection/${credentialId}/credentials`, { at: bare });
        return (data.data as { credentials: { accessToken: string } }).credentials.accessToken;
      };
      const first = await tokenNow();
      // Its tokens live two seconds: another one is a renewal with the backend's client.
      await vi.waitUntil(async () => (await tokenNow()) !== first, { timeout: 30_000, interval: 100 });
      expect((await send(bob, 'DELETE', `/connection/${credentialId}`, { at: bare })).data).toMatchObject({
        data: { revocation: 'revoked' },
      });
    }
    expect((await send(bob, 'GET', '/auth-configs', { at: bare })).data).toEqual({ authConfigs: [] });
    expect((await send(bob, 'PATCH', `/auth-configs/${authConfigId}`, { at: bare, body: { name: 'x' } })).status).toBe(
      404,
    );
  });

  it('has to be there first: without one whoever acts for others is told so, and nobody meets a form', async () => {
    const other = await bare.issuer.tokenFor('other', [...scopes, 'credentials:act-as']);
    type Form = {
      authenticationType: string;
      authConfigRequired: boolean;
      inputSchema: { required: string[] };
      sampleInput: Record<string, string>;
    };
    const formsOf = async (token: string, more: { user?: string } = {}) =>
      (await send(token, 'GET', `${path}/metadata`, { at: bare, ...more })).data.metadata as Form[];
    const types = ['oauth2', 'oauth2_client_credentials'];
    for (const type of types) {
      for (const forms of [await formsOf(other), await formsOf(other, { user: 'bob' })]) {
        const form = forms.find(({ authenticationType }) => authenticationType === type);
        expect(form).toMatchObject({ authConfigRequired: true, sampleInput: { authConfigId: expect.any(String) } });
        expect(form?.inputSchema.required).toContain('authConfigId');
      }
      const body = {
        userId: 'bob',
        authenticationType: type,
        ...(type === 'oauth2' && { redirectUri: oauth.redirectUri }),
      };
      expect(await send(other, 'POST', path, { at: bare, body })).toEqual({
        status: 422,
        data: {
          error: {
            code: 422,
            message:
              'authConfigId is missing. Store the OAuth client first, with POST /auth-configs: its id belongs here.',
            loc: ['body', 'authConfigId'],
            msg: 'Field required',
            type: 'missing',
          },
        },
      });
    }
    // A person alone enters it on the page.
    const alone = (await formsOf(bob)).find(({ authenticationType }) => authenticationType === 'oauth2');
    expect(alone).toMatchObject({ authConfigRequired: true, sampleInput: { userId: 'bob' } });
    expect(alone?.inputSchema.required).not.toContain('authConfigId');
    expect(Object.keys((await send(bob, 'POST', path, { at: bare, body: oauth })).data)).toEqual(['oauthUrl']);
    // So does whoever may act for others, for a connection of their own.
    const own = { ...oauth, userId: 'other' };
    expect(Object.keys((await send(other, 'POST', path, { at: bare, body: own })).data)).toEqual(['oauthUrl']);
  });

  it('shows whose connection a sample would make, as whoever asks names them', async () => {
    for (const user of ['bob', `${bare.issuer.issuer}#bob`, '用户']) {
      const asked = user === '用户' ? Buffer.from(user).toString('latin1') : user;
      const { data } = await send(backend, 'GET', `${path}/metadata`, { at: bare, user: asked });
      const forms = data.metadata as { sampleInput: Record<string, string> }[];
      const named = user === '用户' ? user : 'bob';
      expect(forms.map(({ sampleInput }) => sampleInput.userId)).toEqual(forms.map(() => named));
    }
  });

  it('5. is nothing to a user who names it, and to a form that would put another in its place', async () => {
    const own = { ...oauth, authConfigId };
    expect((await send(bob, 'POST', path, { at: bare, body: own })).status).toBe(404);
    const forms = (await send(bob, 'GET', `${path}/metadata`, { at: bare })).data.metadata;
    expect(forms).toContainEqual(expect.objectContaining({ authenticationType: 'oauth2', authConfigRequired: true }));

    const started = await send(backend, 'POST', path, { at: bare, body: own });
    const browser = createBrowser();
    const connect = await browser.submit(await browser.open(String(started.data.oauthUrl)), 'claim');
    const csrf = /name="csrf" value="([^"]*)"/.exec(connect.text)?.[1] ?? '';
    const again = await browser.send(connect.url, { csrf, action: 'forget-auth-config' });
    expect(linkOut(again)).toContain('client_id=keyward');
  });
});
