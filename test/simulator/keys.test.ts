/** Built-in connectors whose secret a person types, as they are written, against a service that wants it where theirs does. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredential } from '../../src/broker/connect/create.ts';
import { deleteCredential } from '../../src/broker/credentials/delete.ts';
import { verifyCredential } from '../../src/broker/credentials/verify.ts';
import { readBuiltin } from '../../src/connectors/builtin.ts';
import { localPrincipal as me } from '../../src/principal.ts';
import { startBroker, type TestBroker } from '../support/broker.ts';
import { placed, placedId } from './place.ts';
import { type Profile, profileOf } from './profile.ts';
import { ann } from './resembles/behaviour.ts';
import { type KeyService, keyServices } from './resembles/keys.ts';
import { type Simulator, startSimulator } from './server.ts';

const rows = keyServices.map((service): [name: string, service: KeyService] => [
  service.connector.join('.').replace('_', '-'),
  service,
]);

let simulator: Simulator;
let test: TestBroker;

beforeAll(async () => {
  simulator = await startSimulator(Object.fromEntries(rows.map(([name, service]) => [name, profile(service)])));
  test = await startBroker({
    origin: simulator.origin,
    definitions: rows.map(
      ([
        name,
        {
          connector: [id, type],
        },
      ]) => {
        const file = readBuiltin(id);
        if (file === undefined) throw new Error(`There is no connector ${id}.`);
        return placed(file, simulator.origin, name, type);
      },
    ),
  });
});
afterAll(async () => {
  await test.close();
  await simulator.close();
});

function profile({ api, headers, body, refusal }: KeyService): Profile {
  return profileOf({
    about: 'a service that is called with a key',
    at: { authorize: '', token: '', api },
    api: { accepts: null, headers, body, ...(refusal && { refusal }) },
  });
}

async function verified(name: string, { connector: [, authenticationType] }: KeyService, typed: object) {
  const input = { connectorId: placedId(name), authenticationType, ...typed };
  const created = await createCredential(test.broker, me, input, { obtainedBy: 'rest' });
  if (created.kind !== 'created') throw new Error('Something was left to ask.');
  const { credentialId } = created;
  const result = await verifyCredential(test.broker, me, { credentialId });
  return { result, deleted: await deleteCredential(test.broker, me, { credentialId }) };
}

describe('a built-in connector with a key, at a service like its own', () => {
  it.each(rows)('%s: the secret is where the service wants it, and the account is named', async (name, service) => {
    const { result, deleted } = await verified(name, service, service.typed);
    const account = JSON.stringify(service.body).includes(ann) ? { account: ann } : {};
    expect(result).toEqual({ status: 'active', checkedAt: expect.any(String), ...account });
    expect(deleted).toMatchObject({ deleted: true, revocation: 'not_supported' });
    const answers = simulator.seen.filter((one) => one.profile === name);
    // Once when it was connected, and once when it was verified.
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });

  it('a key that the service refuses is not connected, and the person reads what to look at', async () => {
    for (const [name, service] of rows.filter(([, { headers }]) => Object.keys(headers).length > 0)) {
      const [secret = ''] = Object.keys(service.typed).filter((field) => /token|key$/i.test(field));
      const refused = verified(name, service, { ...service.typed, [secret]: `${service.typed[secret]}x` });
      await expect(refused, name).rejects.toMatchObject({
        code: 'invalid_input',
        hint: expect.stringContaining('belongs to this environment'),
      });
    }
  });
});
