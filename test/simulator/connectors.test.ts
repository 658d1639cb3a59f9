/** Built-in connectors, as they are written, against a service that behaves like theirs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBuiltin } from '../../src/connectors/builtin.ts';
import type { ConnectorFile } from '../../src/connectors/definition.ts';
import { startBroker, type TestBroker } from '../support/broker.ts';
import { client } from './client.ts';
import { doJob } from './job.ts';
import { accountAnswer, placed, placedId } from './place.ts';
import type { Profile } from './profile.ts';
import { resembles } from './resembles.ts';
import { type Simulator, startSimulator } from './server.ts';

const ids = Object.keys(resembles);
const files = new Map(ids.map((id) => [id, definitionOf(id)]));

let simulator: Simulator;
let test: TestBroker;

beforeAll(async () => {
  const profiles = Object.entries(resembles).map(([id, profile]): [string, Profile] => {
    return [id, { ...profile, api: { ...profile.api, body: accountAnswer(definitionOf(id)) } }];
  });
  simulator = await startSimulator(Object.fromEntries(profiles));
  const { origin } = simulator;
  const authConfig = { clientId: client.id, clientSecret: client.secret };
  test = await startBroker({
    origin,
    pages: { callbackOrigin: 'https://keyward.example' },
    definitions: [...files].map(([id, file]) => placed(file, origin, id)),
    settings: { authConfigs: new Map(ids.map((id) => [placedId(id), authConfig])) },
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

function oauth2Of(id: string) {
  return definitionOf(id).auth.find((one) => one.authenticationType === 'oauth2');
}

describe('a built-in connector at a service like its own', () => {
  it.each(ids)('%s connects, is used, refreshes, is used again, and is revoked', async (id) => {
    const done = await doJob(test, placedId(id));
    const profile = resembles[id];
    const verify = oauth2Of(id)?.api?.verify;
    const checks = (verify === undefined ? definitionOf(id).api.verify : verify) ?? null;
    expect(done.verified).toEqual([
      expect.objectContaining({ status: 'active' }),
      expect.objectContaining({ status: 'active' }),
    ]);
    const calls = simulator.seen.filter((one) => one.profile === id && one.endpoint === 'api');
    expect(calls.map(({ status }) => status)).toEqual(checks === null ? [] : [200, 200]);
    expect(done.refreshed).toBe(profile?.refresh.kind !== 'none');
    const revocable = profile?.revocation !== null;
    expect(done.revocation).toBe(revocable ? 'revoked' : 'not_supported');
    const grants = simulator.state.grants.filter((grant) => grant.profile === id);
    expect(grants.map(({ alive }) => alive)).toEqual([!revocable]);
    expect(grants.map(({ scopes }) => scopes)).toEqual([oauth2Of(id)?.scopes ?? []]);
    expect(test.logged()).not.toContain('sim-');
  });
});
