/** The owner's rules for calls with a connection and its shares: narrowing is free, widening is asked. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decide, openApprovals } from '../../../src/broker/approvals/page.ts';
import { checkCall } from '../../../src/broker/calls/policy.ts';
import { getConnection, updateCredential } from '../../../src/broker/credentials/manage.ts';
import { type ShareInput, shareConnection } from '../../../src/broker/credentials/share.ts';
import { readerOf } from '../../../src/broker/policy/access.ts';
import type { Principal } from '../../../src/principal.ts';
import type { Credential } from '../../../src/vault/vault.ts';
import { credentialOf, principal, startBroker, storeTokens, type TestBroker } from '../../support/broker.ts';

const ann = principal('ann', 'acme');
const bob = principal('bob', 'acme');
const carl = principal('carl', 'acme');
let keyward: TestBroker;
let mine: Credential;
beforeAll(async () => {
  keyward = await startBroker({ origin: 'http://127.0.0.1:9', settings: { release: 'approve' } });
});
afterAll(() => keyward.close());
beforeEach(async () => {
  for (const record of await keyward.broker.vault.list('approval', ann, {}, { limit: 500 }))
    await keyward.broker.vault.commit([{ op: 'delete', kind: 'approval', record }]);
  mine = await storeTokens(keyward.broker, ann, { expiresAt: null });
});

type Policy = Parameters<typeof updateCredential>[2]['policy'];
const set = (policy: Policy, who = ann) =>
  updateCredential(keyward.broker, who, { credentialId: mine.id, policy: policy ?? null });
const share = (input: Partial<ShareInput>, who = ann) =>
  shareConnection(keyward.broker, who, { connectionId: mine.id, with: 'user:bob', permission: 'use', ...input });
const shown = (who: Principal) => getConnection(keyward.broker, who, { connectionId: mine.id });
/** Runs what needs approval: asks, says yes once, and makes the same call again. */
async function approved<T>(work: () => Promise<T>): Promise<T> {
  await expect(work()).rejects.toMatchObject({ code: 'approval_required' });
  const [open] = await openApprovals(keyward.broker, ann);
  await decide(keyward.broker, ann, open?.approvalId ?? '', { answer: 'once' });
  return work();
}
async function may(who: Principal, method: string, path: string): Promise<boolean> {
  const row = await credentialOf(keyward.broker, ann, mine.id);
  try {
    checkCall(row, who === ann ? 'owner' : 'use', readerOf(keyward.broker, who), method, path);
    return true;
  } catch {
    return false;
  }
}

describe('the policy of a connection', () => {
  it('is narrowed at once, holds for its owner too, and is shown', async () => {
    expect(await shown(ann)).not.toHaveProperty('policy');
    const policy = { methods: ['GET'], paths: ['/repos/**'] };
    expect(await set({ methods: ['get'], paths: ['/repos/**'] })).toMatchObject({ policy });
    expect(await shown(ann)).toMatchObject({ policy });
    expect(await may(ann, 'GET', '/repos/a')).toBe(true);
    expect(await may(ann, 'POST', '/repos/a')).toBe(false);
    expect(await may(ann, 'GET', '/user')).toBe(false);
    await set({ methods: ['GET'], paths: ['/repos/a'] });
    expect(await openApprovals(keyward.broker, ann)).toEqual([]);
  });

  it.each<[string, Policy]>([
    ['another method', { methods: ['GET', 'POST'], paths: ['/repos/**'] }],
    ['another path', { methods: ['GET'], paths: ['/repos/**', '/user'] }],
    ['every path', { methods: ['GET'] }],
    ['everything', null],
  ])('is widened to %s with its owner’s approval only, for exactly what was asked', async (_, wider) => {
    await set({ methods: ['GET'], paths: ['/repos/**'] });
    await expect(set(wider)).rejects.toMatchObject({ code: 'approval_required' });
    expect(await shown(ann)).toMatchObject({ policy: { methods: ['GET'], paths: ['/repos/**'] } });
    const [open] = await openApprovals(keyward.broker, ann);
    expect(open).toMatchObject({ act: 'policy', facts: { connection: { policy: { methods: ['GET'] } } } });
    await decide(keyward.broker, ann, open?.approvalId ?? '', { answer: 'once' });
    await expect(set({ methods: ['DELETE'] })).rejects.toMatchObject({ code: 'approval_required' });
    expect(await may(ann, 'DELETE', '/repos/a')).toBe(false);
  });

  it('is widened by the very call that was approved', async () => {
    await set({ methods: ['GET'] });
    await approved(() => set({ methods: ['GET', 'POST'] }));
    expect(await may(ann, 'POST', '/x')).toBe(true);
    expect(await approved(() => set(null))).not.toHaveProperty('policy');
    expect(await may(ann, 'DELETE', '/x')).toBe(true);
  });

  it('is changed together with the name, or not at all', async () => {
    await set({ methods: ['GET'] });
    const both = { credentialId: mine.id, name: 'Other', policy: null };
    await expect(updateCredential(keyward.broker, ann, both)).rejects.toMatchObject({ code: 'approval_required' });
    expect((await shown(ann)).name).not.toBe('Other');
  });

  it.each<[string, NonNullable<Policy>]>([
    ['methods', { methods: [] }],
    ['methods', { methods: ['GET POST'] }],
    ['methods', { methods: Array.from({ length: 51 }, () => 'GET') }],
    ['paths', { paths: [] }],
    ['paths', { paths: ['repos'] }],
    ['paths', { paths: ['/repos/../admin'] }],
    ['paths', { paths: ['/re*'] }],
    ['paths', { paths: ['/a\u202eb'] }],
  ])('with wrong %s is refused and says so: %j', async (field, policy) => {
    await expect(set(policy)).rejects.toMatchObject({
      code: 'invalid_input',
      details: { fields: { [`policy.${field}`]: expect.any(String) } },
    });
  });

  it('7. can be set by nobody else', async () => {
    await approved(() => share({}));
    await expect(set({ methods: ['GET'] }, bob)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(set({ methods: ['GET'] }, principal('eve', 'other'))).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('the policy of a share', () => {
  it('12. lets read only, unless its owner says otherwise, and shows each viewer what holds for it', async () => {
    const { shares } = await approved(() => share({}));
    const reading = { methods: ['GET', 'HEAD', 'OPTIONS'], paths: null };
    expect(shares).toEqual([{ with: 'user:bob', permission: 'use', policy: reading }]);
    expect(await shown(bob)).toMatchObject({ access: 'use', sharedPolicies: [reading] });
    expect(await shown(bob)).not.toHaveProperty('shares');
    expect([await may(bob, 'GET', '/x'), await may(bob, 'POST', '/x')]).toEqual([true, false]);

    await approved(() => share({ policy: { methods: ['GET', 'POST'], paths: ['/issues/**'] } }));
    expect([await may(bob, 'POST', '/issues/1'), await may(bob, 'POST', '/x')]).toEqual([true, false]);
    // Back to reading, everywhere: more paths than now, so it is asked.
    await approved(() => share({}));
  });

  it('stays within the policy of the connection', async () => {
    await set({ methods: ['GET'], paths: ['/a'] });
    await approved(() => share({ policy: {} }));
    expect([await may(bob, 'GET', '/a'), await may(bob, 'POST', '/a'), await may(bob, 'GET', '/b')]).toEqual([
      true,
      false,
      false,
    ]);
    expect(await shown(bob)).toMatchObject({ policy: { methods: ['GET'], paths: ['/a'] } });
  });

  it('is narrowed and taken back without asking anybody', async () => {
    await approved(() => share({ policy: {} }));
    await share({ policy: { methods: ['GET'] } });
    await share({ permission: 'view' });
    expect(await shown(bob)).toMatchObject({ access: 'view' });
    expect(await shown(bob)).not.toHaveProperty('sharedPolicies');
    await share({ permission: 'none' });
    await expect(shown(bob)).rejects.toMatchObject({ code: 'not_found' });
    expect(await openApprovals(keyward.broker, ann)).toEqual([]);
  });

  it('of one person is nothing that another one can use or see', async () => {
    await approved(() => share({ policy: {} }));
    await approved(() => share({ with: 'user:carl' }));
    expect([await may(bob, 'DELETE', '/x'), await may(carl, 'DELETE', '/x')]).toEqual([true, false]);
    expect((await shown(carl)).sharedPolicies).toHaveLength(1);
  });

  it('is part of what is approved: a yes to reading issues is none to anything else', async () => {
    const asked = { policy: { methods: ['GET'], paths: ['/issues/**'] } };
    await expect(share(asked)).rejects.toMatchObject({ code: 'approval_required' });
    const [open] = await openApprovals(keyward.broker, ann);
    expect(open?.details).toEqual({ with: 'user:bob', permission: 'use', ...asked });
    await decide(keyward.broker, ann, open?.approvalId ?? '', { answer: 'once' });
    await expect(share({ policy: {} })).rejects.toMatchObject({ code: 'approval_required' });
    await expect(shown(bob)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('goes with use only', async () => {
    const asked = share({ permission: 'view', policy: { methods: ['GET'] } });
    await expect(asked).rejects.toMatchObject({ code: 'invalid_input' });
  });
});
