import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client as ClientTwo } from '@modelcontextprotocol/client';
import { StdioClientTransport as TransportTwo } from '@modelcontextprotocol/client/stdio';
import { Client as ClientOne } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as TransportOne } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { approveDevice } from '../support/clients/click-through.ts';
import {
  clientKinds,
  freePort,
  identity,
  keywardMain,
  startWithClient,
  type TestClient,
  testKey,
} from '../support/clients/mcp-clients.ts';
import { followLink } from '../support/clients/person.ts';
import { shareKeyward } from '../support/clients/shared-keyward.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  // Tokens that live two seconds are due for renewal after one.
  world = await startWorld({ accessTokenTtl: 2 });
});
afterAll(() => world.close());
const withKeyward = shareKeyward('no links', () => world.env);

type Released = { accessToken: string; refreshToken?: string };

async function read(client: TestClient, connectionId: string): Promise<Released> {
  const { credentials } = await client.get('get_connection_credentials', { connectionId });
  return credentials as Released;
}

describe.each(clientKinds)('a %s client over stdio', (kind) => {
  // Comes first, in a vault that is empty.
  it('does the whole job: find, learn, connect in the browser, list, read, refresh, rename, delete and revoke', async () => {
    const { keyward, client } = await withKeyward(kind);

    const { connectors } = await client.get('list_connectors', { query: 'acme' });
    expect(connectors).toMatchObject([{ connectorId, name: 'Acme' }]);
    const { metadata } = await client.get('get_credential_metadata', { connectorId });
    expect(metadata).toContainEqual(
      expect.objectContaining({ authenticationType: 'oauth2', authConfigRequired: false }),
    );

    const started = await client.get('create_credential', { connectorId, authenticationType: 'oauth2', name: 'Mine' });
    const { attemptId, oauthUrl } = started as { attemptId: string; oauthUrl: string };
    expect(started).toEqual({ attemptId, oauthUrl, expiresAt: expect.stringMatching(/Z$/) });
    expect(await client.get('check_attempt', { attemptId })).toEqual({ status: 'pending' });

    // The page says which program asks.
    expect(await (await fetch(oauthUrl)).text()).toContain('keyward-test');
    const waiting = client.get('check_attempt', { attemptId, waitSeconds: 30 });
    expect(await followLink(oauthUrl)).toMatchObject({ step: 'completed' });
    const { status, credentialId } = (await waiting) as { status: string; credentialId: string };
    expect(status).toBe('completed');

    const row = {
      credentialId,
      connectorId,
      authenticationType: 'oauth2',
      name: 'Mine',
      status: 'active',
      access: 'owner',
    };
    expect((await client.get('list_credentials')).credentials).toMatchObject([row]);
    expect(await client.get('verify_credential', { credentialId })).toMatchObject({
      status: 'active',
      account: 'ann@example.com',
    });

    const first = await read(client, credentialId);
    expect(await world.server.isActive(first.accessToken)).toBe(true);
    const second = await vi.waitUntil(
      async () => {
        const now = await read(client, credentialId);
        return now.accessToken === first.accessToken ? null : now;
      },
      { timeout: 15_000, interval: 200 },
    );
    expect(await world.server.isActive(second.accessToken)).toBe(true);
    expect(second).not.toHaveProperty('refreshToken');

    expect(await client.get('update_credential', { credentialId, name: 'Yours' })).toMatchObject({ name: 'Yours' });
    expect(await client.get('get_connection', { connectionId: credentialId })).toMatchObject({ ...row, name: 'Yours' });

    const last = await read(client, credentialId);
    expect(await client.get('delete_credential', { credentialId })).toEqual({
      credentialId,
      deleted: true,
      revocation: 'revoked',
    });
    expect(await world.server.isActive(last.accessToken)).toBe(false);
    expect(await client.get('list_credentials')).toEqual({ credentials: [] });
    expect((await client.call('get_connection', { connectionId: credentialId })).error?.code).toBe('not_found');
    for (const line of keyward.stdout) expect(JSON.parse(line)).toMatchObject({ jsonrpc: '2.0' });
  });

  it('lets the person type what is secret on the page, and stores it across a restart', async () => {
    const { keyward, client } = await withKeyward(kind);
    const started = await client.get('create_credential', { connectorId, authenticationType: 'api_key' });
    const { attemptId, connectUrl } = started as { attemptId: string; connectUrl: string };
    expect(connectUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/connect\//);
    expect(await followLink(connectUrl, { fields: { apiKey: goodApiKey } })).toMatchObject({ step: 'completed' });
    const { credentialId } = await client.get('check_attempt', { attemptId });

    const again = await startWithClient(kind, { env: world.env, home: keyward.home });
    expect(await again.client.get('get_connection_credentials', { connectionId: credentialId })).toEqual({
      connectionId: credentialId,
      credentials: { apiKey: goodApiKey },
    });
    expect(await again.client.get('verify_credential', { credentialId })).toMatchObject({ status: 'active' });
    await again.client.close();
    expect(await again.keyward.exited).toBe(0);
  });

  it('tells a model how to use it', async () => {
    const { client } = await withKeyward(kind);
    expect(client.instructions()).toMatch(/never ask for a password/i);
    expect((await client.listTools()).length).toBeGreaterThanOrEqual(10);
  });
});

it('gives the person a code for another device, where no browser can come back here', async () => {
  const { client } = await withKeyward('modern');
  const started = await client.get('create_credential', { connectorId, authenticationType: 'oauth2', flow: 'device' });
  expect(started).toMatchObject({ userCode: expect.any(String), oauthUrl: expect.stringContaining('/device') });
  const waiting = client.get('check_attempt', { attemptId: started.attemptId, waitSeconds: 40 });
  await approveDevice(String(started.oauthUrl));
  expect(await waiting).toMatchObject({ status: 'completed', credentialId: expect.any(String) });
});

it('answers at once when nothing is missing', async () => {
  const { client } = await withKeyward('modern');
  const made = [
    { authenticationType: 'api_key', apiKey: goodApiKey },
    { authenticationType: 'basic', username: 'ann', password: 'correct horse' },
    { authenticationType: 'oauth2_client_credentials' },
  ];
  for (const input of made) {
    const { credentialId, ...rest } = await client.get('create_credential', { connectorId, ...input });
    expect(rest).toMatchObject({ baseUrl: expect.stringContaining('/v1') });
    expect(rest).not.toHaveProperty('detail');
    expect(await client.get('verify_credential', { credentialId })).toMatchObject({ status: 'active' });
  }
});

it('speaks the newest revision with a client that negotiates, through the SDKs’ own transports', async () => {
  const home = await mkdtemp(join(tmpdir(), 'keyward-sdk-'));
  const env = { KEYWARD_HOME: home, KEYWARD_KEY: testKey, KEYWARD_PORT: `${await freePort()}` };
  const launch = { command: process.execPath, args: [keywardMain, 'stdio'], env, stderr: 'ignore' as const };
  const two = new ClientTwo(identity, { versionNegotiation: { mode: 'auto' } });
  await two.connect(new TransportTwo(launch));
  expect(two.getNegotiatedProtocolVersion()).toBe('2026-07-28');
  const one = new ClientOne(identity);
  await one.connect(new TransportOne(launch));
  const listed = [await two.listTools(), await one.listTools()].map(({ tools }) => tools.map(({ name }) => name));
  expect(listed[0]).toEqual(listed[1]);
  await Promise.all([two.close(), one.close()]);
  await rm(home, { recursive: true, force: true });
});
