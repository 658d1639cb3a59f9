/** A connection whose definition gained an input after it was made. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callApi } from '../../../src/broker/calls/call-api.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import type { CreateInput } from '../../../src/broker/connect/create-input.ts';
import { deleteCredential } from '../../../src/broker/credentials/delete.ts';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import { verifyCredential } from '../../../src/broker/credentials/verify.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import { ageTokens, credentialOf, startBroker, type TestBroker } from '../../support/broker.ts';
import { type OddServer, startOddServer } from '../../support/servers/odd-server.ts';

const id = 'custom.growing';
const client = { clientId: 'keyward', clientSecret: 'client-secret-1' };
const settings = { authConfigs: new Map([[id, client]]) };
let server: OddServer;
let keyward: TestBroker;
/** The broker of before, whose folder the next one uses. */
let first: TestBroker;
let before: string[];

beforeEach(async () => {
  server = await startOddServer({ body: { access_token: 'access-token-1', expires_in: 3600, name: 'in region-eu' } });
  first = await startBroker({ origin: server.origin, settings, definitions: [file({})] });
  keyward = first;
  before = [];
});
afterEach(async () => {
  if (keyward !== first) await keyward.close();
  await first.close();
  await server.close();
});

type Property = Readonly<Record<string, unknown>>;

/** The connector; every input that it has gained is used in each place that can hold one. */
function file(gained: Readonly<Record<string, Property>>) {
  const names = Object.keys(gained);
  const path = names.map((name) => `/{${name}}`).join('');
  const used = Object.fromEntries(names.map((name) => [`x-${name}`, `{${name}}`]));
  const named = names.length === 0 ? {} : { headers: used };
  return {
    id,
    name: 'Growing',
    categories: ['testing'],
    docsUrl: 'https://growing.example/docs',
    appUrl: 'https://growing.example/apps',
    inputs: { type: 'object', properties: gained, required: names },
    api: {
      baseUrl: `${server.origin}${path}/v1`,
      allowedHosts: [server.host],
      ...named,
      verify: { path: `/me${path}`, accountPath: 'name' },
    },
    auth: [
      { authenticationType: 'bearer' },
      {
        authenticationType: 'oauth2_client_credentials',
        tokenEndpoint: `${server.origin}/token`,
        revocationEndpoint: `${server.origin}${path}/revoke`,
        tokenParams: used,
      },
      {
        authenticationType: 'basic',
        ...(names.length === 0
          ? {}
          : { inject: [{ in: 'basic', username: `${path}/{username}`, password: '{password}' }] }),
      },
    ],
  };
}

/** A later version of the file, after another start. */
async function restarted(definition: unknown): Promise<void> {
  await writeFile(join(first.folder, 'connectors', `${id}.json`), JSON.stringify(definition));
  before = server.seen.map(({ url }) => url);
  if (keyward !== first) await keyward.close();
  keyward = await startBroker({ origin: server.origin, settings, folder: first.folder });
}

const start = (input: Partial<CreateInput>) =>
  createCredential(
    keyward.broker,
    me,
    { connectorId: id, authenticationType: 'bearer', ...input },
    { obtainedBy: 'tool' },
  );
async function created(input: Partial<CreateInput>): Promise<string> {
  const outcome = await start(input);
  if (outcome.kind === 'created') return outcome.credentialId;
  throw new Error('Something was left to ask.');
}
const call = (connectionId: string) => callApi(keyward.broker, me, { connectionId, method: 'GET', path: '/x' });
const later = () => server.seen.slice(before.length);

const byBearer = { token: 'secret-token-1' };
const byClient = { authenticationType: 'oauth2_client_credentials' };
const byBasic = { authenticationType: 'basic', username: 'ann', password: 'secret-password-1' };
const region = { type: 'string', default: 'region-eu' };

describe('an input with a default', () => {
  it.each([byBearer, byClient, byBasic])(
    'has it in calls, refreshes and checks of an older connection',
    async (input) => {
      const credentialId = await created(input);
      await restarted(file({ region }));
      if (input === byClient) await ageTokens(keyward.broker, me, credentialId, -1_000);
      const { body } = await call(credentialId);
      // It is no secret, so it is not taken out of the answer.
      expect(body).toMatchObject({ name: 'in region-eu' });
      const checked = await verifyCredential(keyward.broker, me, { credentialId });
      expect(checked).toMatchObject({ status: 'active', account: 'in region-eu' });
      const urls = later().map(({ url, headers }) => `${url} ${headers['x-region'] ?? ''}`);
      expect(urls.slice(-2)).toEqual(['/region-eu/v1/x region-eu', '/region-eu/v1/me/region-eu region-eu']);
      if (input === byClient) expect(later()[0]?.body).toContain('x-region=region-eu');
      if (input === byBasic) {
        const basic = Buffer.from('/region-eu/ann:secret-password-1').toString('base64');
        expect(later()[0]?.headers.authorization).toBe(`Basic ${basic}`);
      }
      // The definition may say otherwise tomorrow: nothing was stored.
      expect((await credentialOf(keyward.broker, me, credentialId)).inputs).not.toHaveProperty('region');
    },
  );

  it('has it where an older connection is revoked', async () => {
    const credentialId = await created(byClient);
    await restarted(file({ region }));
    const deleted = await deleteCredential(keyward.broker, me, { credentialId });
    expect(deleted.revocation).toBe('revoked');
    expect(later().map(({ url }) => url)).toEqual(['/region-eu/revoke']);
  });

  it('leaves a connection that was given another with that', async () => {
    await restarted(file({ region }));
    const connectionId = await created({ ...byBearer, region: 'region-us' });
    await call(connectionId);
    expect(later().map(({ url }) => url)).toEqual(['/region-us/v1/me/region-us', '/region-us/v1/x']);
  });
});

describe('a required input without a default', () => {
  const shop = { type: 'string' };

  it.each([byBearer, byClient, byBasic])('asks to connect again in place, and nothing is sent', async (input) => {
    const connectionId = await created(input);
    await restarted(file({ shop, region }));
    const hint = `Call create_credential with credentialId ${connectionId} and shop, and give the person the link.`;
    const { name } = await credentialOf(keyward.broker, me, connectionId);
    const message = `“${name}” has to be connected again. By now Growing needs shop, which was not asked for then.`;
    const refusal = { code: 'reconnect_required', message, hint };
    await expect(call(connectionId)).rejects.toMatchObject(refusal);
    const detail = `${message} ${hint}`;
    expect(await verifyCredential(keyward.broker, me, { credentialId: connectionId })).toMatchObject({ detail });
    if (input === byClient) {
      await ageTokens(keyward.broker, me, connectionId, -1_000);
      await expect(call(connectionId)).rejects.toMatchObject(refusal);
      await expect(getConnectionCredentials(keyward.broker, me, { connectionId })).rejects.toMatchObject(refusal);
    }
    expect(later()).toEqual([]);

    // The next step does what it says.
    expect(await created({ ...input, credentialId: connectionId, shop: 'tea' })).toBe(connectionId);
    await call(connectionId);
    expect(later().at(-1)?.url).toBe('/tea/region-eu/v1/x');
  });

  it('keeps nobody from reading or deleting what is stored', async () => {
    const connectionId = await created(byBearer);
    await restarted(file({ shop }));
    const { credentials } = await getConnectionCredentials(keyward.broker, me, { connectionId });
    expect(credentials).toEqual(byBearer);
    expect(await deleteCredential(keyward.broker, me, { credentialId: connectionId })).toMatchObject({ deleted: true });
  });

  it('that is a secret is typed on the page', async () => {
    const connectionId = await created(byBearer);
    const definition = file({});
    const secret = { type: 'string', writeOnly: true };
    const bearer = {
      authenticationType: 'bearer',
      inputs: { type: 'object', properties: { token: secret, appKey: secret }, required: ['token', 'appKey'] },
      inject: [{ in: 'header', name: 'authorization', value: '{token} {appKey}' }],
    };
    await restarted({ ...definition, auth: [bearer] });
    await expect(call(connectionId)).rejects.toMatchObject({
      code: 'reconnect_required',
      message: expect.stringContaining('By now Growing needs appKey'),
      hint: `Call create_credential with credentialId ${connectionId}, and give the person the link.`,
    });
    expect(await start({ credentialId: connectionId })).toMatchObject({ kind: 'attempt', page: 'connect' });
  });
});
