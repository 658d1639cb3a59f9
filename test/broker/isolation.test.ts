/** Whatever anybody does in whatever order, nobody sees a secret of somebody else. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkAttempt, resumeAttempt } from '../../src/broker/connect/attempts.ts';
import { createCredential } from '../../src/broker/connect/create.ts';
import { viewAttempt } from '../../src/broker/connect/page.ts';
import { submitInputs } from '../../src/broker/connect/page-forms.ts';
import { deleteCredential } from '../../src/broker/credentials/delete.ts';
import { getConnection, listCredentials, updateCredential } from '../../src/broker/credentials/manage.ts';
import { getConnectionCredentials } from '../../src/broker/credentials/release.ts';
import type { Principal } from '../../src/principal.ts';
import { acme, principal, startBroker, type TestBroker } from '../support/broker.ts';

let keyward: TestBroker;
beforeAll(async () => {
  keyward = await startBroker({ origin: 'http://127.0.0.1:9' });
});
afterAll(() => keyward.close());

const basic = { connectorId: acme, authenticationType: 'basic' };

/** What everybody knows: ids leak. Secrets carry their owner's canary. */
type State = { readonly ids: string[]; readonly attempts: string[]; next: number };
type Act = (state: State, who: Principal, canary: string, pick: number) => Promise<unknown>;

const one = (list: readonly string[], pick: number) => list[pick % Math.max(1, list.length)] ?? crypto.randomUUID();

const acts: Readonly<Record<string, Act>> = {
  async create(state, who, canary) {
    const input = { ...basic, username: 'u', password: `${canary}-${state.next++}`, name: `${canary} name` };
    const outcome = await createCredential(keyward.broker, who, input, { obtainedBy: 'tool' });
    if (outcome.kind === 'created') state.ids.push(outcome.credentialId);
    return outcome;
  },
  async start(state, who, canary) {
    const input = { ...basic, username: `${canary}-user` };
    const outcome = await createCredential(keyward.broker, who, input, { obtainedBy: 'tool' });
    if (outcome.kind === 'attempt') state.attempts.push(outcome.attemptId);
    return outcome;
  },
  async finish(state, who, canary, pick) {
    const id = one(state.attempts, pick);
    const attempt = await keyward.broker.vault.get('attempt', who, id);
    // Only the starter's browser is let to the page: over HTTP by sign-in, over stdio by being local.
    if (!attempt) return null;
    const { csrf } = await viewAttempt(keyward.broker, id, canary, 'local');
    return submitInputs(
      keyward.broker,
      id,
      { browser: canary, csrf: csrf, visitor: 'local' },
      { username: 'u', password: `${canary}-page` },
    );
  },
  reconnect: (state, who, canary, pick) =>
    createCredential(
      keyward.broker,
      who,
      { ...basic, username: 'u', password: `${canary}-again`, credentialId: one(state.ids, pick) },
      { obtainedBy: 'tool' },
    ),
  impersonate: (_, who, canary) =>
    createCredential(
      keyward.broker,
      who,
      { ...basic, username: 'u', password: canary, userId: who.user === 'ann' ? 'bob' : 'ann' },
      { obtainedBy: 'tool' },
    ),
  list: (_, who) => listCredentials(keyward.broker, who, { limit: 100 }),
  get: (state, who, _, pick) => getConnection(keyward.broker, who, { connectionId: one(state.ids, pick) }),
  release: (state, who, _, pick) =>
    getConnectionCredentials(keyward.broker, who, { connectionId: one(state.ids, pick) }),
  rename: (state, who, canary, pick) =>
    updateCredential(keyward.broker, who, { credentialId: one(state.ids, pick), name: `${canary} renamed` }),
  check: (state, who, _, pick) => checkAttempt(keyward.broker, who, { attemptId: one(state.attempts, pick) }),
  resume: (state, who, canary, pick) =>
    resumeAttempt(keyward.broker, who, one(state.attempts, pick), { ...basic, username: `${canary}-user` }),
  delete: (state, who, _, pick) => deleteCredential(keyward.broker, who, { credentialId: one(state.ids, pick) }),
};

it('14. no sequence of operations by two principals shows one of them a canary of the other', async () => {
  const step = fc.record({
    act: fc.constantFrom(...Object.keys(acts)),
    actor: fc.constantFrom(0, 1),
    pick: fc.nat(50),
  });
  const pair = fc.constantFrom<[Principal, Principal]>(
    [principal('ann'), principal('bob')],
    [principal('ann', 'acme'), principal('ann', 'globex')],
    [principal('a', 'b\u0000c'), principal('c\u0000a', 'b')],
  );
  let done = 0;
  let shown = 0;
  await fc.assert(
    fc.asyncProperty(pair, fc.array(step, { minLength: 5, maxLength: 25 }), async (principals, steps) => {
      const state: State = { ids: [], attempts: [], next: 0 };
      const canaries = ['canary-zero', 'canary-one'] as const;
      for (const { act, actor, pick } of steps) {
        const mine = canaries[actor] ?? '';
        const theirs = canaries[1 - actor] ?? '';
        const who = principals[actor] ?? principals[0];
        const outcome = await acts[act]?.(state, who, mine, pick).catch((error: Error) => [error, error.message]);
        const text = JSON.stringify(outcome) ?? '';
        expect(text).not.toContain(theirs);
        done += 1;
        if (text.includes(mine)) shown += 1;
      }
    }),
    { numRuns: 60 },
  );
  // The search finds what is there: without hits of their own it would prove nothing.
  expect(shown / done).toBeGreaterThan(0.05);
});
