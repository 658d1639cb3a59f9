import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { getConnection, listCredentials } from '../../../src/broker/credentials/manage.ts';
import { reconnectBy } from '../../../src/broker/grants/expiry.ts';
import { fresh } from '../../../src/broker/grants/refresh.ts';
import { loadCatalogue } from '../../../src/connectors/catalogue.ts';
import type { AuthMethod } from '../../../src/connectors/definition/definition.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import { acme, ageTokens, connectAcme, credentialOf, startBroker, type TestBroker } from '../../support/broker.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../../support/servers/authorization-server.ts';

const day = 86_400_000;
const now = Date.parse('2026-11-21T12:00:00Z');
const granted = now - 100 * day;
const catalogue = await loadCatalogue(null);
const methodOf = (id: string, type: string) =>
  catalogue.require(id).auth.find((auth) => auth.authenticationType === type) as AuthMethod;
const tokens = {
  kind: 'tokens',
  accessToken: 'at',
  tokenType: 'Bearer',
  refreshToken: 'rt',
  expiresAt: now + 3_600_000,
  scopes: null,
  kept: {},
} as const;

describe('when a person is needed again', () => {
  it.each([
    ['an idle lifetime counts from the last refresh', methodOf('airtable', 'oauth2'), tokens, now + 60 * day],
    [
      'the lifetime of a grant counts from the consent, and the nearer end counts',
      methodOf('jira', 'oauth2'),
      tokens,
      now + 90 * day,
    ],
    [
      'a service that says when is believed',
      methodOf('jira', 'oauth2'),
      { ...tokens, refreshExpiresAt: now + day },
      now + day,
    ],
    [
      'the lifetime of a grant alone does not move, whenever the tokens were obtained',
      methodOf('linkedin', 'oauth2'),
      tokens,
      granted + 365 * day,
    ],
    [
      'a grant ends before the refresh token does that the service just gave',
      methodOf('linkedin', 'oauth2'),
      { ...tokens, refreshExpiresAt: now + 300 * day },
      granted + 365 * day,
    ],
    ['no known lifetime is no forecast', methodOf('asana', 'oauth2'), tokens, null],
    [
      'without a refresh token the access token is all there is',
      methodOf('asana', 'oauth2'),
      { ...tokens, refreshToken: null },
      tokens.expiresAt,
    ],
    [
      'a token for ever is no forecast',
      methodOf('asana', 'oauth2'),
      { ...tokens, refreshToken: null, expiresAt: null },
      null,
    ],
    [
      'a client asks again by itself',
      methodOf('linear', 'oauth2_client_credentials'),
      { ...tokens, refreshToken: null },
      null,
    ],
    [
      'a key ends when its owner wants it',
      methodOf('openai', 'api_key'),
      { kind: 'inputs', inputs: {} } as const,
      null,
    ],
  ])('%s', (_, auth, secret, end) => {
    expect(reconnectBy(auth, secret, granted, now)).toBe(end);
  });

  it('a grant near its end is named, however fresh the tokens are', () => {
    expect(reconnectBy(methodOf('jira', 'oauth2'), tokens, now - 360 * day, now)).toBe(now + 5 * day);
  });
});

describe('connections', () => {
  let server: AuthorizationServer;
  let test: TestBroker;
  beforeAll(async () => {
    server = await startAuthorizationServer();
    const refresh = { rotates: true, idleLifetimeSeconds: 30 * 86_400, absoluteLifetimeSeconds: 60 * 86_400 };
    test = await startBroker({ origin: server.issuer, oauth2: { refresh } });
  });
  afterAll(async () => {
    await test.close();
    await server.close();
  });

  const shownFor = async (id: string) =>
    Date.parse((await getConnection(test.broker, me, { connectionId: id })).reconnectBy ?? '');

  it('list_credentials and get_connection say when; refreshing moves it as far as the grant goes, consent starts anew', async () => {
    const { broker } = test;
    const id = await connectAcme(broker, me);
    const first = await shownFor(id);
    expect(Math.abs(first - (Date.now() + 30 * day))).toBeLessThan(60_000);
    const { credentials } = await listCredentials(broker, me, {});
    expect(credentials.find(({ credentialId }) => credentialId === id)?.reconnectBy).toBe(
      new Date(first).toISOString(),
    );

    const longAgo = { ...(await credentialOf(broker, me, id)), grantedAt: Date.now() - 45 * day };
    await broker.vault.commit([{ op: 'update', kind: 'credential', record: longAgo }]);
    await ageTokens(broker, me, id, -1_000);
    await fresh(broker, await credentialOf(broker, me, id));
    expect(Math.abs((await shownFor(id)) - (Date.now() + 15 * day))).toBeLessThan(60_000);

    await connectAcme(broker, me, { credentialId: id });
    expect(Math.abs((await shownFor(id)) - (Date.now() + 30 * day))).toBeLessThan(60_000);
  });

  it('a key has no such day', async () => {
    const input = { connectorId: acme, authenticationType: 'api_key', apiKey: 'acme_0123456789abcdef' };
    const created = await createCredential(test.broker, me, input, { obtainedBy: 'tool' });
    if (created.kind !== 'created') throw new Error('Something was left to ask.');
    expect(await getConnection(test.broker, me, { connectionId: created.credentialId })).toMatchObject({
      reconnectBy: null,
    });
  });
});
