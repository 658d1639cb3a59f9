/** Shares over the real broker and a real vault: who sees what, who may do what, and what a stranger learns. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { deleteCredential } from '../../../src/broker/credentials/delete.ts';
import { getConnection, listCredentials, updateCredential } from '../../../src/broker/credentials/manage.ts';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import { shareConnection } from '../../../src/broker/credentials/share.ts';
import { verifyCredential } from '../../../src/broker/credentials/verify.ts';
import { toPublic } from '../../../src/errors.ts';
import { createEgress } from '../../../src/net/open-egress.ts';
import type { Principal } from '../../../src/principal.ts';
import { type InProcess, openInProcess } from '../../support/in-process.ts';
import { person } from '../../support/principals.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../../support/world.ts';

const ann = person('acme', 'ann');
const bob = person('acme', 'bob');
const cleo = person('other', 'cleo');
/** A user name in another tenant is another person. */
const otherBob = person('other', 'bob');

let world: World;
let keyward: InProcess;

beforeAll(async () => {
  world = await startWorld();
  keyward = await openInProcess({ ...world.env, KEYWARD_SHARE_TENANTS: 'acme>other' });
});

afterAll(async () => {
  await keyward?.close();
  await world?.close();
});

const broker = () => keyward.usual.broker;

async function connect(owner: Principal, apiKey = goodApiKey): Promise<string> {
  const input = { connectorId, authenticationType: 'api_key', apiKey };
  const created = await createCredential(broker(), owner, input, { obtainedBy: 'rest' });
  if (created.kind !== 'created') throw new Error('Nothing should be missing.');
  return created.credentialId;
}

async function errorOf(work: Promise<unknown>): Promise<{ code: string; text: string }> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error === undefined) return { code: 'none', text: '' };
  return { code: toPublic(error).code, text: JSON.stringify(toPublic(error)) };
}

/** Everything that can be done with an id. */
const acts: readonly [string, (who: Principal, id: string) => Promise<unknown>][] = [
  ['get', (who, id) => getConnection(broker(), who, { connectionId: id })],
  ['release', (who, id) => getConnectionCredentials(broker(), who, { connectionId: id })],
  ['update', (who, id) => updateCredential(broker(), who, { credentialId: id, name: 'Mine now' })],
  ['verify', (who, id) => verifyCredential(broker(), who, { credentialId: id })],
  ['delete', (who, id) => deleteCredential(broker(), who, { credentialId: id })],
  ['share', (who, id) => share(who, id, 'user:mallory', 'use')],
  [
    'reconnect',
    (who, id) =>
      createCredential(
        broker(),
        who,
        { connectorId, authenticationType: 'api_key', apiKey: goodApiKey, credentialId: id },
        { obtainedBy: 'rest' },
      ),
  ],
];

function share(who: Principal, connectionId: string, grantee: string, permission: 'view' | 'use' | 'none') {
  return shareConnection(broker(), who, { connectionId, with: grantee, permission });
}

async function listed(who: Principal): Promise<{ credentialId: string; access: string }[]> {
  return (await listCredentials(broker(), who, { limit: 100 })).credentials;
}

describe('shares', () => {
  it.each(acts)('7. a stranger who tries to %s gets what a missing id gets, byte for byte', async (_, act) => {
    const id = await connect(ann);
    const missing = randomUUID();
    for (const stranger of [bob, cleo, otherBob]) {
      const foreign = await errorOf(act(stranger, id));
      const absent = await errorOf(act(stranger, missing));
      expect(foreign.code).toBe('not_found');
      expect(foreign.text.replaceAll(id, '')).toBe(absent.text.replaceAll(missing, ''));
    }
  });

  it('for use of a service whose GET may act needs a policy, since reading by GET means nothing there', async () => {
    const key = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+canary' };
    const input = { connectorId: 'aws', authenticationType: 'aws_sigv4', service: 'ec2', ...key };
    // AWS itself is not asked.
    const shut = { ...broker(), egress: createEgress({ allow: [], only: ['nobody.example'] }) };
    const created = await createCredential(shut, ann, input, { obtainedBy: 'rest' });
    const id = created.kind === 'created' ? created.credentialId : '';
    const refused = await errorOf(share(ann, id, 'user:bob', 'use'));
    expect(refused).toMatchObject({ code: 'invalid_input', text: expect.stringContaining('policy must say') });
    expect((await errorOf(getConnection(broker(), bob, { connectionId: id }))).code).toBe('not_found');
    await share(ann, id, 'user:bob', 'view');
    const policy = { methods: ['GET'], paths: ['/bucket/**'] };
    const { shares } = await shareConnection(broker(), ann, {
      connectionId: id,
      with: 'user:bob',
      permission: 'use',
      policy,
    });
    expect(shares).toMatchObject([{ permission: 'use', policy }]);
    await deleteCredential(broker(), ann, { credentialId: id });
  });

  it('9. lists hold the caller’s own connections and those shared with it, whatever the filter and cursor', async () => {
    const id = await connect(ann);
    const own = await connect(otherBob);
    await share(ann, id, 'user:bob', 'view');
    expect(await listed(bob)).toEqual([expect.objectContaining({ credentialId: id, access: 'view' })]);
    expect((await listed(otherBob)).map(({ credentialId }) => credentialId)).toEqual([own]);
    for (const filter of [{}, { connectorId }, { status: 'active' as const }]) {
      const seen: string[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await listCredentials(broker(), otherBob, { ...filter, limit: 1, ...(cursor ? { cursor } : {}) });
        seen.push(...page.credentials.map(({ credentialId }) => credentialId));
        cursor = page.nextCursor;
        if (cursor === undefined) break;
      }
      expect(seen).toEqual([own]);
    }
  });

  it('with a user whom nobody has seen says so, and not with one who was here', async () => {
    const id = await connect(ann);
    const { hint } = await share(ann, id, 'user:bbo', 'view');
    expect(hint).toContain('“bbo”');
    expect((await share(ann, id, 'user:bbo', 'none')).hint).toBeUndefined();
    await connect(bob);
    expect((await share(ann, id, 'user:bob', 'view')).hint).toBeUndefined();
    // Somebody of that name in another tenant is not the one.
    await connect(person('elsewhere', 'bbo'));
    expect((await share(ann, id, 'user:bbo', 'view')).hint).toContain('“bbo”');
  });

  it('12. a view share shows metadata; every act, reading the secret above all, is forbidden', async () => {
    const id = await connect(ann);
    await share(ann, id, 'user:bob', 'view');
    expect(await getConnection(broker(), bob, { connectionId: id })).toMatchObject({ access: 'view' });
    for (const [name, act] of acts.slice(1)) {
      const { code, text } = await errorOf(act(bob, id));
      expect([name, code]).toEqual([name, 'forbidden']);
      expect(text).not.toContain(goodApiKey);
    }
  });

  it('12. a use share calls the service and never shows the secret; withdrawn, it is gone at the next call', async () => {
    const id = await connect(ann);
    await share(ann, id, 'tenant:other', 'use');
    const verified = await verifyCredential(broker(), cleo, { credentialId: id });
    expect(verified.status).toBe('active');
    expect(JSON.stringify(verified)).not.toContain(goodApiKey);
    expect((await errorOf(getConnectionCredentials(broker(), cleo, { connectionId: id }))).code).toBe('forbidden');
    expect(await share(ann, id, 'tenant:other', 'none')).toEqual({ connectionId: id, shares: [] });
    expect((await errorOf(verifyCredential(broker(), cleo, { credentialId: id }))).code).toBe('not_found');
  });

  it('shows the shares to the owner only, and the widest of several counts', async () => {
    const id = await connect(ann);
    await share(ann, id, 'tenant:acme', 'view');
    const { shares } = await share(ann, id, 'user:bob', 'use');
    expect(shares).toEqual([
      { with: 'tenant:acme', permission: 'view' },
      { with: 'user:bob', permission: 'use', policy: { methods: ['GET', 'HEAD', 'OPTIONS'], paths: null } },
    ]);
    expect(await getConnection(broker(), ann, { connectionId: id })).toMatchObject({ access: 'owner', shares });
    const seen = await getConnection(broker(), bob, { connectionId: id });
    expect(seen.access).toBe('use');
    expect(seen).not.toHaveProperty('shares');
  });

  it('names what a program creates after the person, by the subject alone where an issuer is in front', async () => {
    for (const user of ['dora', 'https://id.example/realm#dora']) {
      const dora = person('names', user);
      const view = await getConnection(broker(), dora, { connectionId: await connect(dora) });
      expect(view.name).toBe("Dora's Acme Credential");
    }
  });

  it('ends shares with the credential, and keeps them when it is renamed or reconnected', async () => {
    const id = await connect(ann);
    await share(ann, id, 'user:bob', 'view');
    await updateCredential(broker(), ann, { credentialId: id, name: 'Renamed' });
    await acts.find(([name]) => name === 'reconnect')?.[1](ann, id);
    expect(await getConnection(broker(), bob, { connectionId: id })).toMatchObject({
      name: '“Renamed”',
      access: 'view',
    });
    await deleteCredential(broker(), ann, { credentialId: id });
    expect((await errorOf(getConnection(broker(), bob, { connectionId: id }))).code).toBe('not_found');
    expect((await listed(bob)).map(({ credentialId }) => credentialId)).not.toContain(id);
  });

  it.each(['bob', 'user:', 'user:ann', 'group:x', 'user:a\nb', 'tenant:\u202eevil'])(
    'refuses to share with “%s”',
    async (grantee) => {
      const id = await connect(ann);
      expect((await errorOf(share(ann, id, grantee, 'view'))).code).toBe('invalid_input');
    },
  );

  it('needs the scope credentials:share, and the owner’s approval where a release needs it', async () => {
    const id = await connect(ann);
    const limited = { ...ann, scopes: new Set(['credentials:read'] as const) };
    expect((await errorOf(share(limited, id, 'user:bob', 'view'))).code).toBe('insufficient_scope');
    for (const release of ['approve', 'never'] as const) {
      const strict = { ...broker(), settings: { ...broker().settings, release } };
      const input = { connectionId: id, with: 'user:bob' };
      const widen = shareConnection(strict, ann, { ...input, permission: 'view' });
      expect((await errorOf(widen)).code).toBe('approval_required');
      expect(await shareConnection(strict, ann, { ...input, permission: 'none' })).toMatchObject({ shares: [] });
    }
  });

  it('13. an id in another form, or with a path in it, matches nothing', async () => {
    const id = await connect(ann);
    const forms = [`../${id}`, `${id}/`, id.replace('-', '%2d'), ` ${id}`, `${id}\u0000`];
    for (const form of [...forms, id.replaceAll('-', '\u2010'), id.slice(0, -1)]) {
      for (const [, act] of acts) expect((await errorOf(act(ann, form))).code).toBe('invalid_input');
    }
  });

  it('5. a userId of another person is refused and changes no owner, unless the caller may act for others', async () => {
    const before = (await listed(bob)).length;
    const input = { connectorId, authenticationType: 'api_key', apiKey: goodApiKey, userId: 'bob' };
    const refused = await errorOf(createCredential(broker(), ann, input, { obtainedBy: 'tool' }));
    expect(refused.code).toBe('forbidden');
    expect((await errorOf(listCredentials(broker(), ann, { userId: 'bob' }))).code).toBe('forbidden');
    expect(await listed(bob)).toHaveLength(before);

    const backend = person('acme', 'backend', ['credentials:act-as']);
    const created = await createCredential(broker(), backend, input, { obtainedBy: 'rest' });
    if (created.kind !== 'created') throw new Error('Nothing should be missing.');
    expect(await getConnection(broker(), bob, { connectionId: created.credentialId })).toMatchObject({
      access: 'owner',
    });
    expect((await errorOf(getConnection(broker(), otherBob, { connectionId: created.credentialId }))).code).toBe(
      'not_found',
    );
  });
});
