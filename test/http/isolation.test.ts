/** Whatever people do in whatever order, over MCP and REST, nobody sees a secret of somebody else. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestClient } from '../support/clients/mcp-clients.ts';
import { raw } from '../support/clients/raw-http.ts';
import { type Deployment, startDeployment } from '../support/servers/deployment.ts';
import { connectorId } from '../support/world.ts';

type Person = {
  readonly login: string;
  /** In each of this person's secrets, and in nothing else. */
  readonly canary: string;
  readonly token: string;
  readonly client: TestClient;
};

let team: Deployment;
let people: Person[];

/** Two of one tenant, and a namesake's namesake of another. */
const organisation = (login: string): Record<string, string> => ({ org: login === 'dora' ? 'globex' : 'acme' });
const scopes = ['read', 'write', 'use', 'release', 'share'].map((name) => `credentials:${name}`);

beforeAll(async () => {
  const passwords = ['ann', 'bob', 'dora'].flatMap((login) => [`u:canary-of-${login}`, `u:canary-of-${login}-again`]);
  team = await startDeployment({
    world: { passwords },
    issuer: { claims: organisation },
    env: { KEYWARD_TENANT_CLAIM: 'org', KEYWARD_SHARE_TENANTS: 'acme>globex' },
  });
  people = await Promise.all(
    ['ann', 'bob', 'dora'].map(async (login) => {
      const token = await team.issuer.tokenFor(login, scopes);
      const client = await team.keyward.client('modern', token);
      return { login, canary: `canary-of-${login}`, token, client };
    }),
  );
});
afterAll(async () => {
  for (const { client } of people) await client.close();
  await team.close();
});

/** What everybody knows: ids leak. */
type State = { readonly ids: string[]; readonly attempts: string[] };
/** Answers everything that came back. */
type Act = (state: State, who: Person, pick: number, other: Person) => Promise<unknown>;

const one = (list: readonly string[], pick: number) => list[pick % Math.max(1, list.length)] ?? crypto.randomUUID();
const basic = { connectorId, authenticationType: 'basic', username: 'u' };

const tool =
  (name: string, args: (state: State, who: Person, pick: number, other: Person) => Record<string, unknown>): Act =>
  async (state, who, pick, other) => {
    const outcome = await who.client.call(name, args(state, who, pick, other));
    const { credentialId, attemptId } = outcome.data ?? {};
    if (name === 'create_credential' && typeof credentialId === 'string') state.ids.push(credentialId);
    if (typeof attemptId === 'string') state.attempts.push(attemptId);
    return outcome;
  };

const rest =
  (method: string, path: (state: State, pick: number) => string, body?: (who: Person, other: Person) => unknown): Act =>
  (state, { token, ...who }, pick, other) =>
    raw(team.keyward.origin, path(state, pick), {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body({ token, ...who }, other)) }),
    });

const connection = (state: State, pick: number) => `/connection/${one(state.ids, pick)}`;
const credentials = () => `/connectors/${connectorId}/credentials`;

const acts: Readonly<Record<string, Act>> = {
  create: tool('create_credential', (_, { canary }) => ({ ...basic, password: canary })),
  impersonate: tool('create_credential', (_, { canary }, __, { login }) => ({
    ...basic,
    password: canary,
    userId: login,
  })),
  reconnect: tool('create_credential', ({ ids }, { canary }, pick) => ({
    ...basic,
    password: `${canary}-again`,
    credentialId: one(ids, pick),
  })),
  start: tool('create_credential', () => ({ connectorId, authenticationType: 'oauth2' })),
  check: tool('check_attempt', ({ attempts }, _, pick) => ({ attemptId: one(attempts, pick) })),
  list: tool('list_credentials', () => ({ limit: 100 })),
  listOther: tool('list_credentials', (_, __, ___, { login }) => ({ userId: login })),
  get: tool('get_connection', ({ ids }, _, pick) => ({ connectionId: one(ids, pick) })),
  release: tool('get_connection_credentials', ({ ids }, _, pick) => ({ connectionId: one(ids, pick) })),
  call: tool('call_api', ({ ids }, _, pick) => ({
    connectionId: one(ids, pick),
    method: pick % 2 === 0 ? 'GET' : 'POST',
    path: '/me',
  })),
  verify: tool('verify_credential', ({ ids }, _, pick) => ({ credentialId: one(ids, pick) })),
  share: tool('share_connection', ({ ids }, _, pick, { login }) => ({
    connectionId: one(ids, pick),
    with: pick % 3 === 0 ? 'tenant:globex' : `user:${login}`,
    permission: (['view', 'use', 'none'] as const)[pick % 3],
  })),
  delete: tool('delete_credential', ({ ids }, _, pick) => ({ credentialId: one(ids, pick) })),
  restCreate: rest('POST', credentials, ({ login, canary }) => {
    return { userId: login, authenticationType: 'basic', username: 'u', password: canary };
  }),
  restList: rest('GET', credentials),
  restArray: rest('GET', () => '/api/credentials'),
  restGet: rest('GET', connection),
  restRelease: rest('GET', (state, pick) => `${connection(state, pick)}/credentials`),
  restShare: rest(
    'PUT',
    (state, pick) => `${connection(state, pick)}/shares`,
    (_, { login }) => {
      return { with: `user:${login}`, permission: 'use' };
    },
  ),
  restRename: rest('PATCH', connection, ({ login }) => ({ name: `Of ${login}` })),
  restDelete: rest('DELETE', connection),
};

it('14. no sequence of operations of three people over MCP and REST shows one of them a canary of another', async () => {
  const step = fc.record({
    // Half of the steps go for a secret: a share that reaches too far would show at the next of them.
    act: fc.oneof(fc.constantFrom(...Object.keys(acts)), fc.constantFrom('release', 'restRelease')),
    actor: fc.nat(2),
    other: fc.nat(2),
    pick: fc.nat(50),
  });
  let done = 0;
  let shown = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      const state: State = { ids: [], attempts: [] };
      for (const who of people) await acts.create?.(state, who, 0, who);
      for (const { act, actor, other, pick } of steps) {
        const [who, with_] = [people[actor], people[other]];
        if (!who || !with_) throw new Error('unreachable');
        const text = JSON.stringify(await acts[act]?.(state, who, pick, with_));
        for (const { canary } of people) if (canary !== who.canary) expect(text, act).not.toContain(canary);
        done += 1;
        if (text.includes(who.canary)) shown += 1;
      }
    }),
    { numRuns: 40 },
  );
  // The search finds what is there: without hits of their own it would prove nothing.
  expect(shown / done).toBeGreaterThan(0.05);
  const said = team.keyward.said() + (await team.keyward.cli('audit', 'tail', '--lines', '100000'));
  for (const { canary } of people) expect(said).not.toContain(canary);
});
