/** How people of an issuer name each other, and what the audit log says of those who act for others. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cancelAttempt } from '../../../src/broker/connect/attempts.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { getConnection, listCredentials, ownedCredentials } from '../../../src/broker/credentials/manage.ts';
import { shareConnection } from '../../../src/broker/credentials/share.ts';
import { actingFor } from '../../../src/broker/policy/policy.ts';
import { type Principal, subjectOf, userNamedBy, userOfIssuer } from '../../../src/principal.ts';
import type { AuditEntry } from '../../../src/vault/vault.ts';
import { type InProcess, openInProcess } from '../../support/in-process.ts';
import { person } from '../../support/principals.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../../support/world.ts';

const issuer = 'https://idp.example/realms/one';
const of = (subject: string) => userOfIssuer(issuer, subject);
const ann = person('acme', of('ann'));
const bob = person('acme', of('bob'));
const backend = person('acme', of('backend'), ['credentials:act-as']);
/** Those names as users of session tokens. */
const plainBob = person('acme', 'bob');
const plainBackend = person('acme', 'backend', ['credentials:act-as']);
const apiKey = { connectorId, authenticationType: 'api_key', apiKey: goodApiKey };

let world: World;
let keyward: InProcess;
beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  keyward = await openInProcess(world.env);
  return () => keyward.close();
});
afterAll(() => world.close());

const broker = () => keyward.usual.broker;

async function create(by: Principal, more: { userId?: string } = {}): Promise<string> {
  const created = await createCredential(broker(), by, { ...apiKey, ...more }, { obtainedBy: 'rest' });
  if (created.kind !== 'created') throw new Error('Nothing should be missing.');
  return created.credentialId;
}

async function audited(): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for await (const entry of broker().vault.readAudit()) entries.push(entry);
  return entries;
}

describe('a user of an issuer', () => {
  it('is named by its subject within the issuer, and in full from anywhere', () => {
    expect(userNamedBy(ann, 'bob')).toBe(bob.user);
    expect(userNamedBy(ann, bob.user)).toBe(bob.user);
    expect(userNamedBy(plainBob, bob.user)).toBe(bob.user);
    expect(userNamedBy(plainBob, 'ann')).toBe('ann');
    expect(userNamedBy(ann, 'https://other.example#bob')).toBe('https://other.example#bob');
    // A subject may hold whatever the issuer gives out.
    expect(userNamedBy(person('acme', of('a#b')), 'c#d')).toBe(of('c#d'));
    expect([subjectOf(of('a#b')), subjectOf('bob')]).toEqual(['a#b', 'bob']);
  });

  it('means itself by its own subject in userId, which needs no scope', async () => {
    const id = await create(ann, { userId: 'ann' });
    expect(await getConnection(broker(), ann, { connectionId: id })).toMatchObject({
      access: 'owner',
      name: "Ann's Acme Credential",
    });
    expect((await listCredentials(broker(), ann, { userId: ann.user })).credentials).toHaveLength(1);
  });

  it('5. is never the user of a session token with the same name', async () => {
    await create(plainBob);
    expect(await ownedCredentials(broker(), await actingFor(broker(), bob, 'bob'), {})).toEqual([]);
    expect(await ownedCredentials(broker(), await actingFor(broker(), backend, 'bob'), {})).toEqual([]);
    await create(backend, { userId: 'bob' });
    expect(await ownedCredentials(broker(), bob, {})).toHaveLength(1);
    expect(await ownedCredentials(broker(), plainBob, {})).toHaveLength(1);
    expect(await ownedCredentials(broker(), await actingFor(broker(), plainBackend, 'bob'), {})).toHaveLength(1);
    expect(await ownedCredentials(broker(), await actingFor(broker(), plainBackend, bob.user), {})).toHaveLength(1);
  });

  it('12. shares with a subject of its own issuer, and takes that back by either name', async () => {
    const id = await create(ann);
    const share = (grantee: string, permission: 'view' | 'none') =>
      shareConnection(broker(), ann, { connectionId: id, with: grantee, permission });
    expect((await share('user:bob', 'view')).shares).toEqual([{ with: `user:${bob.user}`, permission: 'view' }]);
    expect(await getConnection(broker(), bob, { connectionId: id })).toMatchObject({ access: 'view' });
    await expect(getConnection(broker(), plainBob, { connectionId: id })).rejects.toMatchObject({ code: 'not_found' });
    expect((await share(`user:${bob.user}`, 'none')).shares).toEqual([]);
    await expect(share('user:ann', 'view')).rejects.toMatchObject({ code: 'invalid_input' });
  });
});

describe('the audit log', () => {
  it('names who acted and for whom, from the start of an attempt to its end', async () => {
    await create(backend, { userId: 'bob' });
    const oauth = { connectorId, authenticationType: 'oauth2', userId: 'bob' };
    const started = await createCredential(broker(), backend, oauth, { obtainedBy: 'tool' });
    if (started.kind !== 'attempt') throw new Error('Nothing was left to ask.');
    await cancelAttempt(broker(), backend, started.attemptId);
    const entries = await audited();
    expect(entries.map(({ action }) => action)).toEqual(['credential.create', 'attempt.start', 'attempt.cancel']);
    for (const { user, onBehalfOf } of entries) expect([user, onBehalfOf]).toEqual([backend.user, bob.user]);
  });

  it('names nobody else when people act for themselves', async () => {
    await create(ann, { userId: 'ann' });
    const [entry] = await audited();
    expect(entry).toMatchObject({ user: ann.user });
    expect(entry).not.toHaveProperty('onBehalfOf');
  });
});
