/**
 * A model that has nothing but the tool list and the answers. Each call is made of what the person said and of what the
 * last answers say: ids, names of fields, addresses and links are read there, and nothing is known beforehand.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startWithClient, type TestClient } from '../support/clients/mcp-clients.ts';
import { followLink } from '../support/clients/person.ts';
import { type EchoApi, startEchoApi } from '../support/servers/echo-api.ts';
import { goodApiKey, startWorld, type World } from '../support/world.ts';

let world: World;
let house: EchoApi;
let model: TestClient;
let end: () => Promise<unknown>;
beforeAll(async () => {
  [world, house] = await Promise.all([startWorld(), startEchoApi()]);
  const allow = `${world.env.KEYWARD_EGRESS_ALLOW},127.0.0.1:${house.port}`;
  const { keyward, client } = await startWithClient('modern', { env: { ...world.env, KEYWARD_EGRESS_ALLOW: allow } });
  model = client;
  end = async () => {
    await client.close();
    await keyward.exited;
  };
});
afterAll(async () => {
  await end();
  await Promise.all([world.close(), house.close()]);
});

type Way = {
  readonly authenticationType: string;
  readonly inputSchema: { properties: Record<string, { writeOnly?: boolean }>; required?: string[] };
};

/** Finds a service by the person's word for it, and how it can be connected. */
async function learn(connectorId: string): Promise<Way[]> {
  const { metadata } = await model.get('get_credential_metadata', { connectorId });
  return metadata as Way[];
}

/** Leaves every secret to the page behind the link, as the descriptions say, and waits for the person. */
async function connect(args: Record<string, unknown>, typed: Record<string, string>) {
  const started = await model.get('create_credential', args);
  const { attemptId, connectUrl } = started as { attemptId: string; connectUrl: string };
  const waiting = model.get('check_attempt', { attemptId, waitSeconds: 30 });
  await followLink(connectUrl, { fields: typed });
  return (await waiting) as { status: string; credentialId: string; account?: string; baseUrl: string };
}

it('connects a service whose base URL has a path, and calls it below the address that it is told', async () => {
  const { connectors } = await model.get('list_connectors', { query: 'acme' });
  const [{ connectorId, authenticationTypes }] = connectors as [{ connectorId: string; authenticationTypes: string[] }];
  const way = (await learn(connectorId)).find(
    ({ inputSchema }) => Object.values(inputSchema.properties).filter(({ writeOnly }) => writeOnly).length === 1,
  );
  expect(authenticationTypes).toContain(way?.authenticationType);
  const [secret = ''] = Object.entries(way?.inputSchema.properties ?? {}).find(([, { writeOnly }]) => writeOnly) ?? [];
  const done = await connect({ connectorId, authenticationType: way?.authenticationType }, { [secret]: goodApiKey });
  expect(done).toMatchObject({ status: 'completed', account: 'key-owner@example.com' });

  // One call in each of the ways that a model may write it.
  expect(new URL(done.baseUrl).pathname).toBe('/v1');
  for (const path of [`${done.baseUrl}/me`, '/me', 'me']) {
    const args = { connectionId: done.credentialId, method: 'GET', path };
    expect(await model.get('call_api', args)).toMatchObject({ status: 200 });
  }
  // A name or a method that is written another way is understood.
  const named = await model.get('call_api', { credentialId: done.credentialId, method: 'get', path: '/me' });
  expect(named).toMatchObject({ status: 200 });
});

it('connects a service that is not built in, by what the empty search says', async () => {
  // Names that sound alike are found, and the answer says what to do if none of them is meant.
  const { hint } = await model.get('list_connectors', { query: 'Our coffee machine' });
  const [connectorId = ''] = /generic-[a-z]+(?= \(a bearer token)/.exec(String(hint)) ?? [];
  const [way] = (await learn(connectorId)).filter(({ inputSchema }) => 'token' in inputSchema.properties);
  const fields = Object.entries(way?.inputSchema.properties ?? {});
  const required = (way?.inputSchema.required ?? []).filter((name) => name === 'baseUrl');
  expect(required).toEqual(['baseUrl']);
  const [secret = ''] = fields.find(([, { writeOnly }]) => writeOnly) ?? [];
  const baseUrl = `http://127.0.0.1:${house.port}/v1`;
  const args = { connectorId, authenticationType: way?.authenticationType, baseUrl };
  // The page shows the address that was given; the person types the token.
  const done = await connect(args, { baseUrl, [secret]: 'token-of-the-coffee-machine' });
  expect(done).toMatchObject({ status: 'completed', baseUrl });
  const called = await model.get('call_api', { connectionId: done.credentialId, method: 'GET', path: '/x' });
  expect(called).toMatchObject({ status: 200 });
  expect(JSON.stringify(called)).not.toContain('token-of-the-coffee-machine');
});

it('learns that a key is wrong before anything is connected, and has the person type it on the page', async () => {
  const before = (await model.get('list_credentials')).credentials;
  const [way] = (await learn('custom.acme')).filter(({ authenticationType }) => authenticationType === 'api_key');
  const args = { connectorId: 'custom.acme', authenticationType: way?.authenticationType };
  const { error } = await model.call('create_credential', { ...args, apiKey: 'acme_0000000000000000' });
  expect(error).toMatchObject({ code: 'invalid_input', message: expect.stringContaining('apiKey') });
  expect(error?.hint).toContain('Check that all of it was copied');
  expect((await model.get('list_credentials')).credentials).toEqual(before);
  expect(await connect(args, { apiKey: goodApiKey })).toMatchObject({ status: 'completed' });
});

it('shares with a colleague, is told that the name is nobody’s yet, and takes it back', async () => {
  const { credentials } = await model.get('list_credentials');
  const [{ credentialId }] = credentials as [{ credentialId: string }];
  const args = { connectionId: credentialId, with: 'user:bob', permission: 'use' };
  const shared = await model.get('share_connection', args);
  expect(shared.shares).toMatchObject([{ with: 'user:bob', permission: 'use' }]);
  const [, permission = ''] = /take it back with permission (\w+)/.exec(String(shared.hint)) ?? [];
  expect(await model.get('share_connection', { ...args, permission })).toMatchObject({ shares: [] });
});

it('ends everything, and tells the person what Keyward could not end', async () => {
  const started = await model.get('create_credential', { connectorId: 'custom.acme', authenticationType: 'oauth2' });
  await followLink(String(started.oauthUrl));
  const { credentials } = await model.get('list_credentials', { limit: 100 });
  const told: Record<string, unknown>[] = [];
  for (const { credentialId } of credentials as { credentialId: string }[])
    told.push(await model.get('delete_credential', { credentialId }));
  expect((await model.get('list_credentials')).credentials).toEqual([]);
  expect(told.map(({ revocation }) => revocation)).toContain('revoked');
  // Of a service that is not built in, the host is all that a person knows it by.
  expect(told.map(({ detail }) => String(detail)).join()).toContain('in the settings of 127.0.0.1');
  for (const { revocation, detail } of told) {
    if (revocation === 'revoked') expect(detail).toBeUndefined();
    else expect(detail).toMatch(/still works at the service\. The person ends it there/);
  }
});
