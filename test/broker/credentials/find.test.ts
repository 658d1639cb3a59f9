/** Finding connections: by what is typed, by what needs attention, page by page, and none of anybody else. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attentionOf } from '../../../src/broker/credentials/attention.ts';
import { findConnections } from '../../../src/broker/credentials/find.ts';
import type { Principal } from '../../../src/principal.ts';
import type { Credential, New } from '../../../src/vault/vault.ts';
import { acme, startBroker, type TestBroker } from '../../support/broker.ts';
import { person } from '../../support/principals.ts';

let test: TestBroker;
const ann = person('acme', 'ann');

beforeAll(async () => {
  test = await startBroker({ origin: 'http://127.0.0.1:1' });
});
afterAll(() => test.close());

function record(owner: Principal, fields: Partial<Credential> = {}): New<Credential> {
  return {
    id: crypto.randomUUID(),
    tenant: owner.tenant,
    owner: owner.user,
    connectorId: acme,
    authenticationType: 'api_key',
    name: 'Acme',
    status: 'active',
    statusReason: null,
    account: null,
    scopes: null,
    inputs: {},
    hosts: ['api.acme.example'],
    authConfigId: null,
    obtainedBy: 'page',
    expiresAt: null,
    refreshedAt: null,
    refreshStartedAt: null,
    lastUsedAt: null,
    ...fields,
  };
}

async function store(records: readonly New<Credential>[]): Promise<void> {
  const secret = { kind: 'inputs', inputs: {} } as const;
  await test.broker.vault.commit(records.map((one) => ({ op: 'create', kind: 'credential', record: one, secret })));
}

/** Every page of a search, as names. */
async function allNames(who: Principal, query: string, attention = false): Promise<string[]> {
  const names: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const { found, nextCursor } = await findConnections(test.broker, who, { query, attention, cursor });
    names.push(...found.map(({ view }) => view.name));
    if (nextCursor === undefined) return names;
    cursor = nextCursor;
  }
}

describe('finding connections', () => {
  it('answers each that fits once, in every page together, whatever is looked for', async () => {
    const names = Array.from({ length: 130 }, (_, at) => `${at % 3 === 0 ? 'Zürich' : 'Genève'} ${at}`);
    await store(names.map((name, at) => record(ann, { name, account: at % 2 === 0 ? 'ann@acme.example' : null })));
    await store([record(person('acme', 'bob'), { name: 'Zürich of bob' })]);
    const fits = (name: string, at: number, word: string) =>
      [name.normalize('NFKD').replace(/\p{M}/gu, ''), 'acme', at % 2 === 0 ? 'ann@acme.example' : '']
        .join('\n')
        .toLowerCase()
        .includes(word);
    const words = fc.constantFrom('', 'zurich', 'geneve', 'ann@', '12', 'nothing');
    await fc.assert(
      fc.asyncProperty(words, words, async (one, other) => {
        const expected = names.filter((name, at) => fits(name, at, one) && fits(name, at, other));
        expect((await allNames(ann, `${one} ${other.toUpperCase()}`)).sort()).toEqual(expected.sort());
      }),
      { numRuns: 20 },
    );
  });

  it('leaves out what works: what has to be connected again, was not confirmed, changed, or ends within a week stays', async () => {
    const day = 86_400_000;
    const now = Date.now();
    const eve = person('acme', 'eve');
    const due = [
      record(eve, { name: 'refused', status: 'reconnect_required', statusReason: 'Refused.' }),
      record(eve, { name: 'unconfirmed', statusReason: 'It could not be asked.' }),
      record(eve, { name: 'changed', seenTools: { row: 1, added: 0, changed: 1 } }),
      record(eve, { name: 'ends soon', reconnectBy: now + 6 * day }),
    ];
    await store([
      ...due,
      record(eve, { name: 'works' }),
      record(eve, { name: 'ends later', reconnectBy: now + 8 * day }),
    ]);
    expect((await allNames(eve, '', true)).sort()).toEqual(due.map(({ name }) => name).sort());
    // Nobody else can look at tools.
    const [, , changed] = due;
    expect(
      attentionOf({ ...changed, version: 1, secretVersion: 1, createdAt: 0, updatedAt: 0 } as Credential, false),
    ).toBeNull();
  });
});
