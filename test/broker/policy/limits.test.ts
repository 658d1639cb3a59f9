/** Limits of tokens: as values, in both stores, and where a token comes back with the id of something. */
import { hash, randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { isRequest, takeLink, waitForAnswer } from '../../../src/broker/approvals/link.ts';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import { endEverything } from '../../../src/broker/ending/end-everything.ts';
import { isWithin, limitsFrom, limitsInWords, narrower, storedFrom } from '../../../src/broker/policy/limits.ts';
import { createSession, listSessions, principalOfSession } from '../../../src/broker/sign-in/sessions.ts';
import type { Limits } from '../../../src/principal.ts';
import { acme, principal, startBroker, storeTokens, type TestBroker } from '../../support/broker.ts';
import { makeDatabase } from '../../support/servers/postgres.ts';

const ids = fc.constantFrom('a', 'b', 'c', 'd');
const services = fc.constantFrom('github', 'slack', 'acme');
const anyLimits: fc.Arbitrary<Limits | undefined> = fc.option(
  fc.record(
    {
      connections: fc.array(ids).map((list) => new Set(list)),
      connectors: fc.array(services).map((list) => new Set(list)),
      readOnly: fc.constant(true),
    },
    { requiredKeys: [] },
  ),
  { nil: undefined },
);

test('277. a token with limits makes a narrower one, which reaches what both say and nothing else', async () => {
  await fc.assert(
    fc.property(anyLimits, anyLimits, ids, services, (held, asked, id, connectorId) => {
      const made = narrower(held, asked);
      const row = { id, connectorId };
      expect(isWithin(made, row)).toBe(isWithin(held, row) && isWithin(asked, row));
      expect(made?.readOnly ?? false).toBe(Boolean(held?.readOnly || asked?.readOnly));
    }),
  );
});

test('limits are the same after they were stored', async () => {
  await fc.assert(
    fc.property(anyLimits, (limits) => {
      const again = limitsFrom(JSON.parse(JSON.stringify(storedFrom(limits) ?? null)));
      expect(storedFrom(again)).toEqual(storedFrom(limits));
      expect(again === undefined).toBe(limits === undefined || Object.keys(limits).length === 0);
    }),
  );
});

test.each([
  ['a part that is not known', { connections: ['a'], paths: ['/x'] }],
  ['a list that is none', { connections: 'a' }],
  ['ids that are none', { connectors: [1] }],
  ['a flag that is none', { readOnly: 'yes' }],
  ['a list in its place', []],
  ['a text in its place', 'none'],
])('278. stored limits with %s are refused with their token', (_, stored) => {
  expect(() => limitsFrom(stored)).toThrow('can not read the limits');
});

test('limits say in words what they leave', () => {
  const nameOf = (id: string) => (id === 'a' ? 'Work' : null);
  expect(limitsInWords(undefined)).toBe('all connections');
  expect(limitsInWords({ readOnly: true })).toBe('all connections, for reading only');
  expect(limitsInWords({ connectors: new Set(['slack', 'github']) })).toBe('the connections of github, slack');
  expect(limitsInWords({ connections: new Set(['b', 'a']) }, nameOf)).toBe('the connections b, “Work”');
  expect(limitsInWords({ connections: new Set() })).toBe('no connection');
  expect(limitsInWords({ connections: new Set(['a']), connectors: new Set(['github']) })).toBe(
    'the connections a, and of these only the connections of github',
  );
});

const nowhere = 'http://127.0.0.1:9';
const ann = principal('ann');

describe.each(['json', 'postgres'] as const)('285. the limits of a session in the %s store', (kind) => {
  let keyward: TestBroker;
  let database: Awaited<ReturnType<typeof makeDatabase>> | undefined;
  beforeAll(async () => {
    database = kind === 'postgres' ? await makeDatabase() : undefined;
    keyward = await startBroker({ origin: nowhere, database: database?.url });
  });
  afterAll(async () => {
    await keyward.close();
    await database?.drop();
  });
  const usual = { tenant: 'local', user: 'ann', scopes: ['credentials:read'], expiresAt: null };
  const limits = { connections: new Set([randomUUID(), randomUUID()]), connectors: new Set([acme]), readOnly: true };
  const make = (more: object = {}) => createSession(keyward.broker, ann, { ...usual, ...more });
  const who = (token: string) => principalOfSession(keyward.broker, token);
  /** The row with other fields, written past the rules as whoever has the keys could. */
  const rewrite = async (id: string, fields: object) => {
    const { vault } = keyward.broker;
    const row = (await listSessions(keyward.broker)).find((one) => one.id === id);
    if (row === undefined) throw new Error('There is no such session.');
    await vault.commit([{ op: 'update', kind: 'session', record: { ...row, ...fields } }]);
  };

  it('come back with its token, and a session without them has none', async () => {
    const [limited, free] = [await make({ limits, name: 'Report bot' }), await make()];
    expect(await who(limited.token)).toMatchObject({ user: 'ann', client: 'Report bot', limits });
    expect(await who(free.token)).not.toHaveProperty('limits');
  });

  it('can’t be taken off, or be changed, or be something that this version does not know', async () => {
    for (const changed of [undefined, { readOnly: true }, { ...storedFrom(limits), connectors: ['github'] }]) {
      const { token, sessionId } = await make({ limits });
      await rewrite(sessionId, { limits: changed });
      expect(await who(token), JSON.stringify(changed)).toBeNull();
    }
    const { token, sessionId } = await make();
    const later = { countries: ['NL'] };
    await rewrite(sessionId, { limits: later });
    expect(await who(token)).toBeNull();
    // As a later version would write it.
    const proof = hash('sha256', `${token.slice(35)} ${JSON.stringify(later)}`, 'hex');
    await rewrite(sessionId, { limits: later, hash: proof });
    await expect(who(token)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('are never wider than those of whoever makes it', async () => {
    const { token } = await createSession(keyward.broker, { ...ann, limits }, usual);
    expect(storedFrom((await who(token))?.limits)).toEqual(storedFrom(limits));
    const other = { ...usual, limits: { connections: new Set([randomUUID()]) } };
    await expect(createSession(keyward.broker, { ...ann, limits }, other)).rejects.toThrow('connections must be 1 to');
  });
});

describe('286. a token with limits', () => {
  let keyward: TestBroker;
  beforeAll(async () => {
    keyward = await startBroker({ origin: nowhere, settings: { release: 'approve' } });
  });
  afterAll(() => keyward.close());

  it('is told nothing of a request for approval that is about another connection, and opens no page of it', async () => {
    const { broker } = keyward;
    const [mine, other] = [await storeTokens(broker, ann, {}), await storeTokens(broker, ann, {})];
    const asked = await getConnectionCredentials(broker, ann, { connectionId: other.id }).catch((error) => error);
    const { approvalId } = asked.details;
    const limited = { ...ann, limits: { connections: new Set([mine.id]) } };
    expect(await isRequest(broker, limited, approvalId)).toBe(false);
    expect(await takeLink(broker, limited, approvalId)).toBeNull();
    expect(await waitForAnswer(broker, limited, approvalId, 0, {})).toBe(true);
    expect(await isRequest(broker, ann, approvalId)).toBe(true);
  });

  it('or for reading only ends nothing', async () => {
    for (const limits of [{ connections: new Set<string>() }, { connectors: new Set([acme]) }, { readOnly: true }]) {
      const ending = endEverything(keyward.broker, { ...ann, limits }, { forget: true, onStep: () => {} });
      await expect(ending).rejects.toMatchObject({ code: 'forbidden' });
    }
  });
});
