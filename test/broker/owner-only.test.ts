/** Case 14 as a property: whatever two people do in whatever order, neither ever meets the other's canary. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Broker } from '../../src/broker/broker.ts';
import { cancelAttempt, checkAttempt } from '../../src/broker/connect/attempts.ts';
import { createCredential } from '../../src/broker/connect/create.ts';
import { deleteCredential } from '../../src/broker/credentials/delete.ts';
import {
  getConnection,
  listCredentials,
  ownedCredentials,
  updateCredential,
} from '../../src/broker/credentials/manage.ts';
import { readAudit } from '../../src/broker/credentials/read-audit.ts';
import { getConnectionCredentials } from '../../src/broker/credentials/release.ts';
import { shareConnection } from '../../src/broker/credentials/share.ts';
import { verifyCredential } from '../../src/broker/credentials/verify.ts';
import {
  addAuthConfig,
  listAuthConfigs,
  removeAuthConfig,
  updateAuthConfig,
} from '../../src/broker/grants/auth-configs.ts';
import { toPublic } from '../../src/errors.ts';
import type { Principal } from '../../src/principal.ts';
import { type InProcess, openInProcess } from '../support/in-process.ts';
import { person } from '../support/principals.ts';
import { connectorId, startWorld, type World } from '../support/world.ts';

/** A key that the service takes, of one of two people in a round. */
const canaryOf = (index: number, round: number) => `acme_C4nary${index}x${String(round).padStart(16, '0')}`;

let world: World;
let keyward: InProcess;

beforeAll(async () => {
  const rounds = Array.from({ length: 2_000 }, (_, round) => round);
  world = await startWorld({ apiKeys: rounds.flatMap((round) => [canaryOf(0, round), canaryOf(1, round)]) });
  keyward = await openInProcess(world.env);
});

afterAll(async () => {
  await keyward?.close();
  await world?.close();
});

/** Ids that came out of earlier steps, whoever made them. */
type Ids = { readonly credentials: string[]; readonly attempts: string[]; readonly authConfigs: string[] };
type Step = { readonly who: 0 | 1; readonly act: number; readonly pick: number; readonly flag: boolean };
type Act = (
  broker: Broker,
  who: Principal,
  context: { readonly canary: string; readonly ids: Ids; readonly step: Step; readonly other: Principal },
) => Promise<unknown>;

const pickOf = (ids: readonly string[], { pick }: Step) => ids[pick % Math.max(ids.length, 1)] ?? randomUUID();
const apiKey = { connectorId, authenticationType: 'api_key' };

const release: Act = (broker, who, { ids, step }) =>
  getConnectionCredentials(broker, who, { connectionId: pickOf(ids.credentials, step) });

const acts: readonly Act[] = [
  async (broker, who, { canary, ids, step }) => {
    const input = { ...apiKey, apiKey: canary, ...(step.flag ? { credentialId: pickOf(ids.credentials, step) } : {}) };
    const created = await createCredential(broker, who, input, { obtainedBy: 'rest' });
    if (created.kind === 'created') ids.credentials.push(created.credentialId);
    return created;
  },
  async (broker, who, { ids }) => {
    const created = await createCredential(broker, who, { ...apiKey }, { obtainedBy: 'tool' });
    if (created.kind === 'attempt') ids.attempts.push(created.attemptId);
    return created;
  },
  async (broker, who, { canary, ids }) => {
    const input = { connectorId: 'github', clientId: 'app', clientSecret: canary };
    const made = await addAuthConfig(broker, who, input);
    ids.authConfigs.push(made.authConfigId);
    return made;
  },
  (broker, who, { step }) => listCredentials(broker, who, { limit: 1 + (step.pick % 3) }),
  (broker, who) => ownedCredentials(broker, who, {}),
  (broker, who) => listAuthConfigs(broker, who),
  (broker, who) => readAudit(broker, who, { limit: 100 }),
  (broker, who, { ids, step }) => getConnection(broker, who, { connectionId: pickOf(ids.credentials, step) }),
  release,
  (broker, who, { ids, step }) => verifyCredential(broker, who, { credentialId: pickOf(ids.credentials, step) }),
  (broker, who, { ids, step }) =>
    updateCredential(broker, who, { credentialId: pickOf(ids.credentials, step), name: `Name ${step.pick}` }),
  (broker, who, { ids, step }) => deleteCredential(broker, who, { credentialId: pickOf(ids.credentials, step) }),
  (broker, who, { ids, step, other }) =>
    shareConnection(broker, who, {
      connectionId: pickOf(ids.credentials, step),
      with: step.flag ? `user:${other.user}` : `tenant:${other.tenant}`,
      permission: (['view', 'use', 'none'] as const)[step.pick % 3] ?? 'none',
    }),
  (broker, who, { ids, step }) => checkAttempt(broker, who, { attemptId: pickOf(ids.attempts, step) }),
  (broker, who, { ids, step }) => cancelAttempt(broker, who, pickOf(ids.attempts, step)),
  (broker, who, { ids, step }) =>
    updateAuthConfig(broker, who, { authConfigId: pickOf(ids.authConfigs, step), name: 'Renamed' }),
  (broker, who, { ids, step }) => removeAuthConfig(broker, who, pickOf(ids.authConfigs, step)),
  (broker, who, { other }) => listCredentials(broker, who, { userId: other.user }),
];

/** Ann makes a credential and reads it: without that, a run might release nothing and prove nothing. */
const opening: readonly Step[] = [0, acts.indexOf(release)].map((act) => ({ who: 0, act, pick: 0, flag: false }));

const steps = fc.array(
  fc.record<Step>({
    who: fc.constantFrom(0, 1),
    act: fc.nat({ max: acts.length - 1 }),
    pick: fc.nat({ max: 20 }),
    flag: fc.boolean(),
  }),
  { minLength: 5, maxLength: 40 },
);

it('14. no sequence of operations of two people ever shows one the other’s canary', async () => {
  const { broker } = keyward.usual;
  let round = 0;
  let released = 0;
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (sequence, sameTenant) => {
      round += 1;
      const two = [person(`t${round}`, 'ann'), person(sameTenant ? `t${round}` : `u${round}`, 'bob')] as const;
      const canaries = two.map((_, index) => canaryOf(index, round));
      const ids: Ids = { credentials: [], attempts: [], authConfigs: [] };
      for (const step of [...opening, ...sequence]) {
        const who = two[step.who];
        const other = two[step.who === 0 ? 1 : 0];
        const context = { canary: canaries[step.who] ?? '', ids, step, other };
        const outcome = await acts[step.act]?.(broker, who, context).catch((error: unknown) => {
          const shown = toPublic(error);
          expect(shown.code).not.toBe('internal');
          return shown;
        });
        const text = JSON.stringify(outcome) ?? '';
        if (text.includes(canaries[step.who] ?? '')) released += 1;
        expect(text).not.toContain(canaries[step.who === 0 ? 1 : 0]);
      }
      const logged = keyward.lines.join('\n');
      for (const canary of canaries) expect(logged).not.toContain(canary);
    }),
    { numRuns: 40 },
  );
  // The property would hold of a Keyward that releases nothing; this one does, in each run.
  expect(released).toBeGreaterThanOrEqual(round);
});
