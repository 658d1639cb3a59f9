/** Built-in connectors, as they are written, against a service that behaves like theirs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyCredential } from '../../src/broker/credentials/verify.ts';
import { addAuthConfig } from '../../src/broker/grants/auth-configs.ts';
import { readBuiltin } from '../../src/connectors/builtin.ts';
import type { ConnectorFile } from '../../src/connectors/definition/definition.ts';
import { startBroker, type TestBroker } from '../support/broker.ts';
import { client } from './client.ts';
import { connect, doJob, personAt, toTheMinute, tryAfter, tryToConnect } from './job.ts';
import { placed, placedId } from './place.ts';
import type { Profile } from './profile.ts';
import { ann } from './resembles/behaviour.ts';
import { resembles } from './resembles.ts';
import { type Simulator, startSimulator } from './server.ts';

const rows = Object.entries(resembles);

let simulator: Simulator;
let test: TestBroker;

beforeAll(async () => {
  simulator = await startSimulator(resembles);
  const { origin } = simulator;
  const authConfig = { clientId: client.id, clientSecret: client.secret };
  test = await startBroker({
    origin,
    pages: { callbackOrigin: 'https://keyward.example' },
    definitions: rows.map(([id]) => placed(definitionOf(id), origin, id)),
    settings: { authConfigs: new Map(rows.map(([id]) => [placedId(id), authConfig])) },
  });
});
afterAll(async () => {
  await test.close();
  await simulator.close();
});

function definitionOf(id: string): ConnectorFile {
  const file = readBuiltin(id);
  if (file === undefined) throw new Error(`There is no connector ${id}.`);
  return file;
}

function scopesOf(id: string): readonly string[] {
  return definitionOf(id).auth.find((one) => one.authenticationType === 'oauth2')?.scopes ?? [];
}

const grantsOf = (id: string) => simulator.state.grants.filter(({ profile }) => profile === id);

describe('a built-in connector at a service like its own', () => {
  it.each(rows)('%s connects, is used, refreshes, is used again, and is revoked', async (id, profile) => {
    const { refresh, revocation, api } = profile;
    const lifetime = profile.lifetime === null ? null : toTheMinute(profile.lifetime);
    const account = JSON.stringify(api.body).includes(ann) ? { account: ann } : {};
    expect(await doJob(test, placedId(id))).toEqual({
      verified: Array(2).fill({ status: 'active', checkedAt: expect.any(String), ...account }),
      lives: lifetime,
      // Without a refresh token, the access token is all there is.
      lasts: refresh.kind === 'none' ? lifetime : refresh.lasts,
      refreshed: refresh.kind !== 'none',
      revocation: revocation === null ? 'not_supported' : 'revoked',
    });
    const calls = simulator.seen.filter((one) => one.profile === id && one.endpoint === 'api');
    // When it was connected, and each time that it was used.
    expect(calls.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(grantsOf(id)).toMatchObject([{ alive: revocation === null, scopes: scopesOf(id) }]);
    expect(test.logged()).not.toContain('sim-');
  });

  // An app whose tokens never expire has no refresh token that could be replaced; another app of the service may.
  it.each(rows.filter(([, { refresh }]) => refresh.kind !== 'none'))(
    '%s says whether a refresh replaces the refresh token',
    (id, { refresh }) => {
      const auth = definitionOf(id).auth.find((one) => one.authenticationType === 'oauth2');
      expect(auth?.refresh?.rotates ?? false).toBe(refresh.kind === 'rotates' || refresh.kind === 'grace');
    },
  );

  it.each(rows)('%s says that a person is needed once the service has ended the grant', async (id) => {
    const credentialId = await connect(test, placedId(id));
    for (const grant of grantsOf(id)) grant.alive = false;
    expect(await verifyCredential(test.broker, personAt(placedId(id)), { credentialId })).toMatchObject({
      status: 'reconnect_required',
    });
  });

  it.each(rows)('%s tells an expired code from a wrong secret', async (id, profile) => {
    const expired = await tryAfter(test, placedId(id), () => {
      for (const [code, one] of simulator.state.codes) simulator.state.codes.set(code, { ...one, expiresAt: 0 });
    });
    expect(expired.error?.message).toMatch(saysOf(profile, 'invalid_grant'));
    const wrong = { connectorId: placedId(id), clientId: client.id, clientSecret: 'another-secret' };
    const input = await addAuthConfig(test.broker, personAt(placedId(id)), wrong);
    const { error } = await tryToConnect(test, placedId(id), input);
    // A client without a secret can't be wrong about it.
    expect(error?.message ?? '').toMatch(profile.clientAuth === 'none' ? /^$/ : saysOf(profile, 'invalid_client'));
  });
});

/** What a person is told; of a service that calls all errors the same, that it refused. */
function saysOf({ answer }: Profile, code: 'invalid_grant' | 'invalid_client'): RegExp {
  const { invalid_grant: grant, invalid_client: ofClient } = answer.errors;
  if (grant !== undefined && grant === ofClient) return /refused the request/;
  return code === 'invalid_grant' ? /no longer accepts this authorization/ : /client id or client secret is wrong/;
}
