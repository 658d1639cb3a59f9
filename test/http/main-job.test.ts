/** The whole job over HTTP: the built program, a real issuer, a real service, and two people at once. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { clickThrough } from '../support/clients/click-through.ts';
import { clientKinds, type TestClient } from '../support/clients/mcp-clients.ts';
import { type Browser, createBrowser, linkOut, type Shown } from '../support/clients/session.ts';
import { type Deployment, startDeployment } from '../support/servers/deployment.ts';
import { pagesClient } from '../support/servers/issuer.ts';
import { connectorId } from '../support/world.ts';

let team: Deployment;
beforeAll(async () => {
  // Tokens of the service that live two seconds are due for renewal after one.
  team = await startDeployment({ world: { accessTokenTtl: 2 } });
});
afterAll(() => team.close());

const scopes = ['read', 'write', 'use', 'release'].map((name) => `credentials:${name}`);

/** Opens Keyward's link, signs in at the issuer as this person, and answers the page that is shown then. */
async function signInAt(browser: Browser, link: string, login: string): Promise<Shown> {
  const page = await browser.open(link);
  expect(page.heading).toBe('Sign in to Keyward');
  const away = await browser.open(linkOut(page), 0);
  return browser.open(await clickThrough(away.headers.get('location') ?? '', { login }));
}

async function tokenOf(client: TestClient, connectionId: string): Promise<string> {
  const { credentials } = await client.get('get_connection_credentials', { connectionId });
  expect(credentials).not.toHaveProperty('refreshToken');
  return (credentials as { accessToken: string }).accessToken;
}

/** One person's whole job; answers what another one could have seen of it. */
async function job(client: TestClient, login: string): Promise<{ credentialId: string; accessToken: string }> {
  expect(await client.get('list_credentials')).toEqual({ credentials: [] });
  const { metadata } = await client.get('get_credential_metadata', { connectorId });
  expect(metadata).toContainEqual(expect.objectContaining({ authenticationType: 'oauth2', authConfigRequired: false }));

  const started = await client.get('create_credential', { connectorId, authenticationType: 'oauth2', userId: login });
  const { attemptId, oauthUrl } = started as { attemptId: string; oauthUrl: string };
  const waiting = client.get('check_attempt', { attemptId, waitSeconds: 40 });
  const browser = createBrowser();
  const connect = await signInAt(browser, oauthUrl, login);
  expect(connect.heading).toBe('Connect Acme');
  const back = await clickThrough(linkOut(connect), { login });
  expect((await browser.open(back)).heading).toBe('Acme is connected');
  const { status, credentialId } = (await waiting) as { status: string; credentialId: string };
  expect(status).toBe('completed');

  const mine = { credentialId, connectorId, status: 'active', access: 'owner' };
  expect((await client.get('list_credentials')).credentials).toMatchObject([mine]);
  const verified = await client.get('verify_credential', { credentialId });
  expect(verified).toMatchObject({ status: 'active', account: `${login}@example.com` });

  const called = await client.get('call_api', { connectionId: credentialId, method: 'GET', path: '/me' });
  expect(called).toMatchObject({ status: 200, body: { user: { id: login } } });

  const first = await tokenOf(client, credentialId);
  expect(await team.world.server.isActive(first)).toBe(true);
  // The service rotates refresh tokens and kills a grant whose old one is used: two renewals prove both were kept.
  let last = first;
  for (let renewal = 0; renewal < 2; renewal += 1) {
    const before = last;
    last = await vi.waitUntil(
      async () => {
        const now = await tokenOf(client, credentialId);
        return now === before ? null : now;
      },
      { timeout: 20_000, interval: 200 },
    );
    expect(await team.world.server.isActive(last)).toBe(true);
  }
  return { credentialId, accessToken: last };
}

describe.each(clientKinds)('a %s client over HTTP with a token of the issuer', (kind) => {
  it('does the whole job for each of two people at once, who never see each other', async () => {
    const people = await Promise.all(
      ['ann', 'bob'].map(async (name) => {
        const login = `${name}-${kind}`;
        const client = await team.keyward.client(kind, await team.issuer.tokenFor(login, scopes));
        return { login, client };
      }),
    );
    const done = await Promise.all(people.map(({ login, client }) => job(client, login)));
    for (const [index, { client }] of people.entries()) {
      const [mine, theirs] = [done[index], done[1 - index]];
      expect(mine?.accessToken).not.toBe(theirs?.accessToken);
      const listed = JSON.stringify(await client.get('list_credentials'));
      expect(listed).toContain(mine?.credentialId);
      expect(listed).not.toContain(theirs?.credentialId);
      for (const tool of ['get_connection', 'get_connection_credentials']) {
        const { error } = await client.call(tool, { connectionId: theirs?.credentialId });
        expect(error?.code, tool).toBe('not_found');
      }
      const call = { connectionId: theirs?.credentialId, method: 'GET', path: '/me' };
      expect((await client.call('call_api', call)).error?.code).toBe('not_found');
      const { error } = await client.call('delete_credential', { credentialId: theirs?.credentialId });
      expect(error?.code).toBe('not_found');
    }
    for (const [index, { client }] of people.entries()) {
      const { credentialId } = done[index] ?? {};
      const accessToken = await tokenOf(client, credentialId ?? '');
      expect(await client.get('delete_credential', { credentialId })).toMatchObject({ revocation: 'revoked' });
      expect(await team.world.server.isActive(accessToken)).toBe(false);
      expect(await client.get('list_credentials')).toEqual({ credentials: [] });
      await client.close();
    }
  });
});

it('42. says nothing secret meanwhile: no token, no client secret, in what it prints, its log or its audit log', async () => {
  const audit = await team.keyward.cli('audit', 'tail', '--lines', '1000');
  expect(audit).toContain('credential.release');
  expect(audit).toContain(`default/${team.issuer.issuer}#ann-modern`);
  expect(await team.keyward.cli('audit', 'verify')).toContain('The audit log is whole');
  const said = team.keyward.said() + audit;
  expect(team.world.issued.size).toBeGreaterThan(12);
  for (const secret of [...team.world.issued, pagesClient.clientSecret, 'keyward-secret']) {
    expect(said).not.toContain(secret);
  }
});
