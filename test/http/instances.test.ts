/** Several Keywards on one PostgreSQL database, behind a load balancer that sends each request anywhere. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { clickThrough } from '../support/clients/click-through.ts';
import { clientKinds, freePort, type TestClient } from '../support/clients/mcp-clients.ts';
import { createBrowser, linkOut } from '../support/clients/session.ts';
import { type Balancer, startBalancer } from '../support/servers/balancer.ts';
import { type Issuer, pagesClient, startIssuer } from '../support/servers/issuer.ts';
import { type HttpKeyward, startKeywardHttp } from '../support/servers/keyward-http.ts';
import { makeDatabase } from '../support/servers/postgres.ts';
import { connectorId, startWorld, type World } from '../support/world.ts';

const ports = { public: 0, first: 0, second: 0 };
const scopes = ['read', 'write', 'use', 'release'].map((name) => `credentials:${name}`);
let world: World;
let issuer: Issuer;
let balancer: Balancer;
let env: NodeJS.ProcessEnv;
let instances: [HttpKeyward, HttpKeyward];
let database: Awaited<ReturnType<typeof makeDatabase>>;

beforeAll(async () => {
  for (const name of ['public', 'first', 'second'] as const) ports[name] = await freePort();
  const origin = `http://127.0.0.1:${ports.public}`;
  [world, issuer, database] = await Promise.all([
    startWorld({ accessTokenTtl: 2 }),
    startIssuer({ origin }),
    makeDatabase(),
  ]);
  env = {
    ...world.env,
    KEYWARD_STORE: database.url,
    KEYWARD_KEY: randomBytes(32).toString('base64'),
    KEYWARD_PUBLIC_URL: origin,
    KEYWARD_EGRESS_ALLOW: `${world.env.KEYWARD_EGRESS_ALLOW},${new URL(issuer.issuer).host}`,
    KEYWARD_ISSUER: issuer.issuer,
    KEYWARD_SIGN_IN_CLIENT_ID: pagesClient.clientId,
    KEYWARD_SIGN_IN_CLIENT_SECRET: pagesClient.clientSecret,
  };
  // At the same time, on an empty database: one makes the tables and the vault, the other finds them.
  instances = await Promise.all([start(ports.first), start(ports.second)]);
  balancer = await startBalancer(ports.public, [ports.first, ports.second]);
});
afterAll(async () => {
  await balancer.close();
  expect(await Promise.all(instances.map((one) => one.stop()))).toEqual([0, 0]);
  await Promise.all([world.close(), issuer.close()]);
  await database.drop();
});

const start = (port: number) => startKeywardHttp({ ...env, KEYWARD_PORT: `${port}` });

/** Kills the first instance, goes on with the other alone, and starts it again. */
async function killAndRestart(meanwhile: () => Promise<unknown>): Promise<void> {
  await instances[0].kill();
  await meanwhile();
  instances[0] = await start(ports.first);
}

async function accessToken(client: TestClient, connectionId: string): Promise<string> {
  const { credentials } = await client.get('get_connection_credentials', { connectionId });
  return (credentials as { accessToken: string }).accessToken;
}

describe.each(clientKinds)('a %s client whose every request reaches any of two instances', (kind) => {
  it('does the whole job, with one of them killed and started again on the way', { timeout: 120_000 }, async () => {
    const login = `ann-${kind}`;
    const client = await instances[1].client(kind, await issuer.tokenFor(login, scopes));
    onTestFinished(() => client.close());
    const started = await client.get('create_credential', { connectorId, authenticationType: 'oauth2' });
    const { attemptId, oauthUrl } = started as { attemptId: string; oauthUrl: string };

    // Each page, the form of each and the callback may be another instance's.
    const browser = createBrowser();
    const page = await browser.open(oauthUrl);
    const away = await browser.open(linkOut(page), 0);
    let connect = page;
    await killAndRestart(async () => {
      connect = await browser.open(await clickThrough(away.headers.get('location') ?? '', { login }));
      expect(connect.heading).toBe('Connect Acme');
    });
    const back = await clickThrough(linkOut(connect), { login });
    await killAndRestart(async () => {
      expect(await client.get('check_attempt', { attemptId })).toMatchObject({ status: 'pending' });
    });
    expect((await browser.open(back)).heading).toBe('Acme is connected');
    const { credentialId } = (await client.get('check_attempt', { attemptId, waitSeconds: 5 })) as {
      credentialId: string;
    };

    const first = await accessToken(client, credentialId);
    const renewed = await vi.waitUntil(
      async () => {
        const now = await accessToken(client, credentialId);
        return now === first ? null : now;
      },
      { timeout: 20_000, interval: 100 },
    );
    expect(await world.server.isActive(renewed)).toBe(true);
    expect(await client.get('verify_credential', { credentialId })).toMatchObject({ account: `${login}@example.com` });
    expect(await client.get('delete_credential', { credentialId })).toMatchObject({ revocation: 'revoked' });
    expect(await client.get('list_credentials')).toEqual({ credentials: [] });
    for (const [port, requests] of balancer.served) expect(requests, `${port}`).toBeGreaterThan(0);
  });
});

describe('what one instance did', () => {
  const listing = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });

  it('4. holds at the next request to another: a session token is made here, good there, and revoked everywhere', async () => {
    const token = await instances[0].sessionToken('carol');
    const [one, other] = [ports.first, ports.second].map((port) => `http://127.0.0.1:${port}`);
    const post = (origin = '') =>
      fetch(`${origin}/mcp`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: listing,
      }).then(({ status }) => status);
    expect([await post(one), await post(other)]).toEqual([200, 200]);
    const id = token.slice(3, 35).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    await instances[1].cli('token', 'revoke', id);
    expect([await post(one), await post(other)]).toEqual([401, 401]);
  });

  it('is in one audit log, with a chain for each process, and the log verifies', async () => {
    expect(await instances[0].cli('audit', 'verify')).toMatch(/The audit log is whole: \d+ entries, \d+ chains/);
  });
});
