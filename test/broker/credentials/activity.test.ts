/** What a person sees of the audit log: their own acts, and others' about their connections, and no more. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { activityPage, readActivity } from '../../../src/broker/credentials/activity.ts';
import type { AuditEvent } from '../../../src/vault/vault.ts';
import { type Session, startSession } from '../../support/clients/session.ts';
import { person } from '../../support/principals.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../../support/world.ts';

let world: World;
let session: Session;
let anns: string;
let bobs: string;

const ann = person('acme', 'ann');
const bob = person('acme', 'bob');

beforeAll(async () => {
  world = await startWorld();
  session = await startSession(world.env);
  const connect = async (owner: typeof ann) => {
    const input = { connectorId, authenticationType: 'api_key', apiKey: goodApiKey };
    const created = await createCredential(session.broker, owner, input, { obtainedBy: 'tool' });
    if (created.kind !== 'created') throw new Error('It waits for somebody.');
    return created.credentialId;
  };
  [anns, bobs] = [await connect(ann), await connect(bob)];
});
afterAll(async () => {
  await session.close();
  await world.close();
});

type Page = Awaited<ReturnType<typeof readActivity>>;

/** Every page of it, and how many those were. */
async function all(input: Parameters<typeof readActivity>[2] = {}, who = ann) {
  const events: Page['events'][number][] = [];
  let cursor: string | undefined;
  for (let pages = 1; ; pages += 1) {
    const page: Page = await readActivity(session.broker, who, { ...input, cursor });
    events.push(...page.events);
    expect(page.events.length).toBeLessThanOrEqual(activityPage);
    cursor = page.nextCursor;
    if (cursor === undefined) return { events, pages };
  }
}

describe('activity', () => {
  it('408. is a person’s own: of other people and tenants there is only what they did with this person’s connections', async () => {
    const [users, tenants] = [fc.constantFrom('ann', 'bob', 'eve'), fc.constantFrom('acme', 'acme', 'other')];
    const event: fc.Arbitrary<AuditEvent> = fc.record(
      {
        tenant: tenants,
        user: users,
        onBehalfOf: users,
        client: fc.constantFrom('Agent', 'keyward call'),
        action: fc.constantFrom('credential.call', 'credential.release'),
        subject: fc.constantFrom(anns, bobs, crypto.randomUUID()),
        outcome: fc.constantFrom('allowed', 'refused', 'failed'),
      },
      { requiredKeys: ['tenant', 'user', 'action', 'outcome'] },
    );
    const events = fc.sample(event, 300);
    for (const one of events) await session.broker.vault.audit(one);
    const log: AuditEvent[] = [];
    for await (const entry of session.broker.vault.readAudit()) log.push(entry);
    const mine = log.filter(
      ({ tenant, user, onBehalfOf, subject, outcome }) =>
        (subject === anns && outcome !== 'refused') ||
        (tenant === 'acme' && (user === 'ann' || onBehalfOf === 'ann' || subject === anns)),
    );
    const seen = await all();
    expect(seen.events).toEqual(mine.toReversed());
    expect(seen.pages).toBe(Math.ceil(mine.length / activityPage));

    const filters = { action: 'credential.release', outcome: 'refused', program: 'AGENT' };
    const wanted = mine.filter(
      ({ action, outcome, client }) => action === filters.action && outcome === 'refused' && client === 'Agent',
    );
    expect((await all(filters)).events).toEqual(wanted.toReversed());
    const ofOne = (await all({ connection: anns })).events;
    expect(ofOne).toEqual(mine.filter(({ subject }) => subject === anns).toReversed());
    const today = new Date().toISOString().slice(0, 10);
    expect((await all({ day: today })).events).toEqual(seen.events);
    expect((await all({ day: '2020-01-01' })).events).toEqual([]);
  });

  it('408. says of somebody else’s connection what it says of one that there is not, and nothing without its scope', async () => {
    const told = (connection: string) =>
      readActivity(session.broker, ann, { connection }).catch((error: Error) => `${error.name} ${error.message}`);
    expect(await told(bobs)).toBe(await told(crypto.randomUUID()));
    const without = { ...ann, scopes: new Set(['credentials:read'] as const) };
    await expect(readActivity(session.broker, without, {})).rejects.toMatchObject({ code: 'insufficient_scope' });
    const limited = { ...ann, limits: { connections: new Set([anns]) } };
    await expect(readActivity(session.broker, limited, {})).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('looks through so many entries a page, says how far it came, and goes on from there', async () => {
    const { vault } = session.broker;
    const noise = { tenant: 'acme', user: 'eve', action: 'credential.call', outcome: 'allowed' } as const;
    for (let at = 0; at < 105; at += 1) await Promise.all(Array.from({ length: 100 }, () => vault.audit(noise)));
    const first = await readActivity(session.broker, ann, {});
    expect(first).toMatchObject({ events: [], nextCursor: expect.any(String), lookedTo: expect.any(String) });
    const second = await readActivity(session.broker, ann, { cursor: first.nextCursor });
    expect(second.events).toHaveLength(activityPage);
  });

  it('refuses a day and a cursor that are none', async () => {
    for (const wrong of [{ day: '2026-13-01' }, { day: 'today' }, { cursor: 'x' }]) {
      await expect(readActivity(session.broker, ann, wrong)).rejects.toMatchObject({ code: 'invalid_input' });
    }
  });
});
