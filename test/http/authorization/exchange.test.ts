/** Token exchange at Keyward's own token endpoint: programs that make narrower tokens, and those that want wider ones. */
import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { approvalIdFor } from '../../../src/broker/approvals/state.ts';
import { endAssistant, letIn } from '../../../src/broker/authorization/assistants.ts';
import {
  accessTokenFor,
  codeFor,
  exchangeCode,
  principalOfAssistant,
} from '../../../src/broker/authorization/tokens.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { endEverything } from '../../../src/broker/ending/end-everything.ts';
import { isWithin } from '../../../src/broker/policy/limits.ts';
import { exchangeToken } from '../../../src/broker/sign-in/exchange.ts';
import { createSession, listSessions, readSessionToken, revokeSession } from '../../../src/broker/sign-in/sessions.ts';
import { hasCode } from '../../../src/errors.ts';
import { withClient } from '../../../src/mcp/server.ts';
import { type Limits, localPrincipal, type Owner, scopes, usualScopes } from '../../../src/principal.ts';
import { person } from '../../support/principals.ts';
import { startIssuer } from '../../support/servers/issuer.ts';
import { type SignInServer, startSignInServer } from '../../support/servers/sign-in-server.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../../support/world.ts';

let world: World;
let server: SignInServer;
let origin: string;

beforeAll(async () => {
  world = await startWorld();
  server = await startSignInServer(world.env);
  ({ origin } = server);
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(async () => {
  await server.close();
  await world.close();
});

let people = 0;
/** Somebody who has nothing yet. */
function somebody(): Owner {
  people += 1;
  return { tenant: 'default', user: `person-${people}` };
}

async function connect({ tenant, user }: Owner): Promise<string> {
  const input = { connectorId, authenticationType: 'api_key', apiKey: goodApiKey };
  const made = await createCredential(server.broker, person(tenant, user), input, { obtainedBy: 'tool' });
  if ('credentialId' in made) return made.credentialId;
  throw new Error('It was not connected.');
}

function sessionOf(owner: Owner, more: { scopes?: readonly string[]; limits?: Limits; expiresAt?: number } = {}) {
  return createSession(server.broker, localPrincipal, { ...owner, scopes: usualScopes, expiresAt: null, ...more });
}

/** An assistant that this person let in, and an access token of it. */
async function assistantOf(owner: Owner, more: object = {}) {
  const { broker } = server;
  const agreed = { clientId: randomUUID(), name: 'Agent', vouchedBy: null, resource: `${origin}/mcp` };
  const usual = { scopes: usualScopes, endsAt: Date.now() + 86_400_000 };
  const id = await letIn(broker, owner, { ...agreed, ...usual, ...more });
  await exchangeCode(broker, (await codeFor(broker, id, {})) ?? '');
  return { id, token: accessTokenFor(broker, id, usualScopes) };
}

const grant = 'urn:ietf:params:oauth:grant-type:token-exchange';
const accessToken = 'urn:ietf:params:oauth:token-type:access_token';

type Form = Readonly<Record<string, string>>;

async function send(form: URLSearchParams, at = origin) {
  const response = await fetch(`${at}/oauth/token`, { method: 'POST', body: form });
  const body = (await response.json().catch(() => ({}))) as Record<string, string>;
  return { status: response.status, headers: response.headers, body };
}

/** Asks for a token in the place of this one; an empty parameter is left out. */
function exchange(subject: string, more: Form = {}) {
  const usual = { grant_type: grant, subject_token: subject, subject_token_type: accessToken };
  const given = Object.entries({ ...usual, ...more }).filter(([, value]) => value !== '');
  return send(new URLSearchParams(given));
}

const admitAll = async () => {};
const limited = (limits: object) => JSON.stringify([{ type: 'keyward_limits', ...limits }]);

async function made(subject: string, more: Form = {}): Promise<string> {
  const { body, status } = await exchange(subject, more);
  expect(status, JSON.stringify(body)).toBe(200);
  return body.access_token ?? '';
}

/** The statuses with which each door answers this token: list, one connection, the gateway, MCP. */
async function doors(token: string, id: string = randomUUID()): Promise<number[]> {
  const headers = { authorization: `Bearer ${token}` };
  const gets = [`${origin}/api/credentials`, `${origin}/connection/${id}`, `${origin}/proxy/${id}/me`];
  const statuses = gets.map(async (url) => (await fetch(url, { headers })).status);
  const mcp = fetch(`${origin}/mcp`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  });
  return Promise.all([...statuses, mcp.then(({ status }) => status)]);
}

const shut = [401, 401, 401, 401];

const rowsOf = async ({ user }: Owner) => (await listSessions(server.broker)).filter(({ owner }) => owner === user);

describe('a token that was made from another one', () => {
  it('342. reaches what was asked for and nothing else, and has a name of its own in the audit log', async () => {
    const ann = somebody();
    const [one, other] = [await connect(ann), await connect(ann)];
    for (const subject of [(await sessionOf(ann)).token, (await assistantOf(ann)).token]) {
      const { body, headers, status } = await exchange(subject, {
        scope: 'credentials:read credentials:use',
        resource: `${origin}/mcp`,
        authorization_details: limited({ connections: [one], readOnly: true }),
        keyward_name: 'Summary agent',
      });
      expect({ status, caching: headers.get('cache-control') }).toEqual({ status: 200, caching: 'no-store' });
      expect(body).toMatchObject({ issued_token_type: accessToken, token_type: 'Bearer' });
      expect(body.scope).toBe('credentials:read credentials:use');
      const token = body.access_token ?? '';
      expect(await doors(token, one)).toEqual([200, 200, 200, 200]);
      expect((await doors(token, other)).slice(1, 3)).toEqual([404, 404]);
    }
    const row = (await rowsOf(ann)).find(({ parent }) => parent?.kind === 'assistant');
    expect(row).toMatchObject({ name: 'Summary agent', limits: { connections: [one], readOnly: true } });
    const calls: (string | undefined)[] = [];
    for await (const entry of server.broker.vault.readAudit()) {
      if (entry.user === ann.user && entry.action === 'credential.call') calls.push(entry.client);
    }
    expect(calls).toContain(`Summary agent (token ${row?.id.slice(0, 8)})`);
  });

  it('342. keeps its name whatever its program calls itself, and what a person is asked counts for the first program', async () => {
    const ann = somebody();
    const { token } = await assistantOf(ann);
    const made = async () => {
      const { body } = await exchange(token);
      return (await readSessionToken(server.broker, body.access_token ?? '', `${origin}/mcp`))?.principal;
    };
    const parent = await principalOfAssistant(server.broker, token, `${origin}/mcp`);
    const [one, two] = [await made(), await made()];
    if (!parent || !one || !two) throw new Error('One of the tokens is not good.');
    const named = withClient(one, { info: { name: 'page', version: '1' }, capabilities: undefined });
    expect(named.client).toMatch(/ \(token [0-9a-f]{8}\)$/);
    const matter = { id: null, connectorId, hosts: ['a.example'] };
    const ids = [parent, one, two].map((principal) => approvalIdFor(server.broker, principal, matter));
    expect(new Set(ids).size).toBe(1);
    expect([one.root?.client, two.root?.client]).toEqual([parent.client, parent.client]);
  });

  it('342. lasts an hour, and no longer than the one before it; what hands out secrets is not in it unless asked for', async () => {
    const ann = somebody();
    const soon = await sessionOf(ann, { expiresAt: Date.now() + 90_000, scopes });
    const { body } = await exchange(soon.token);
    expect(Number(body.expires_in)).toBeLessThanOrEqual(90);
    expect(body.scope).toBe(usualScopes.join(' '));
    expect(Number((await exchange((await sessionOf(ann)).token)).body.expires_in)).toBeGreaterThan(3_500);
    // An access token of an assistant lasts ten minutes.
    expect(Number((await exchange((await assistantOf(ann)).token)).body.expires_in)).toBeLessThanOrEqual(600);
    expect((await exchange(soon.token, { scope: 'credentials:release' })).body.scope).toBe('credentials:release');
  });

  it('343. is not made wider: a scope, a connection, a service or a place that is not within is refused, and nothing is made', async () => {
    const [ann, bob] = [somebody(), somebody()];
    const [one, other, bobs] = [await connect(ann), await connect(ann), await connect(bob)];
    const { token } = await sessionOf(ann, { limits: { connections: new Set([one]) } });
    const services = await sessionOf(ann, { limits: { connectors: new Set(['github']) } });
    const before = await rowsOf(ann);
    const details = (limits: object) => ({ authorization_details: limited(limits) });
    const beyond: [string, Form, string][] = [
      [token, { scope: 'credentials:release' }, 'invalid_scope'],
      [token, { scope: 'credentials:read audit:read' }, 'invalid_scope'],
      [token, { scope: 'all' }, 'invalid_scope'],
      [token, details({ connections: [other] }), 'invalid_authorization_details'],
      [token, details({ connections: [one, other] }), 'invalid_authorization_details'],
      [token, details({ connections: [bobs] }), 'invalid_authorization_details'],
      [token, details({ connections: [randomUUID()] }), 'invalid_authorization_details'],
      [token, details({ connections: [] }), 'invalid_authorization_details'],
      [token, details({ connectors: ['nowhere'] }), 'invalid_authorization_details'],
      [token, details({ connectors: [1] }), 'invalid_authorization_details'],
      [token, details({ readOnly: 'yes' }), 'invalid_authorization_details'],
      [token, details({ paths: ['/x'] }), 'invalid_authorization_details'],
      [token, details({ type: 'other' }), 'invalid_authorization_details'],
      [token, { authorization_details: '{}' }, 'invalid_authorization_details'],
      [token, { authorization_details: '[' }, 'invalid_authorization_details'],
      [services.token, details({ connectors: ['slack'] }), 'invalid_authorization_details'],
      [services.token, details({ connections: [one] }), 'invalid_authorization_details'],
      [token, { resource: `${origin}/mcp/` }, 'invalid_target'],
      [token, { audience: 'https://other.example' }, 'invalid_target'],
      [token, { subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' }, 'invalid_request'],
      [token, { subject_token_type: '' }, 'invalid_request'],
      [token, { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }, 'invalid_request'],
      [token, { actor_token: token }, 'invalid_request'],
      [token, { keyward_name: 'two\nlines' }, 'invalid_request'],
      ['', {}, 'invalid_request'],
      [`${token.slice(0, -4)}AAAA`, {}, 'invalid_request'],
      [`kw_${'0'.repeat(75)}`, {}, 'invalid_request'],
      ['kwa_e30.00', {}, 'invalid_request'],
    ];
    for (const [subject, form, error] of beyond) {
      const { status, body } = await exchange(subject, form);
      expect({ status, error: body.error }, JSON.stringify(form)).toEqual({ status: 400, error });
      expect(JSON.stringify(body)).not.toContain(subject.slice(3) || 'nothing');
    }
    const twice = new URLSearchParams({ grant_type: grant, subject_token: token, subject_token_type: accessToken });
    twice.append('scope', 'credentials:read');
    twice.append('scope', 'credentials:release');
    expect((await send(twice)).body.error).toBe('invalid_request');
    // A stranger's connection is answered as one that does not exist.
    const [strangers, missing] = await Promise.all(
      [bobs, randomUUID()].map((id) => exchange(token, details({ connections: [id] }))),
    );
    expect(strangers?.body).toEqual(missing?.body);
    expect((await rowsOf(ann)).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
  });

  it('344. ends at once with what it was made from, at every door, however many are in a row', async () => {
    const { broker } = server;
    const chain = async (first: string) => {
      const second = await made(first);
      return [second, await made(second, { scope: 'credentials:read' })];
    };
    const ends: [string, (owner: Owner) => Promise<{ token: string; end: () => Promise<unknown> }>][] = [
      [
        'revoked',
        async (ann) => {
          const { token, sessionId } = await sessionOf(ann);
          return { token, end: () => revokeSession(broker, localPrincipal, sessionId) };
        },
      ],
      [
        'ended on the page',
        async (ann) => {
          const { token, id } = await assistantOf(ann);
          return { token, end: () => endAssistant(broker, person(ann.tenant, ann.user), id) };
        },
      ],
      [
        'everything ended',
        async (ann) => {
          const { token } = await sessionOf(ann);
          const owner = person(ann.tenant, ann.user);
          return { token, end: () => endEverything(broker, owner, { forget: false, onStep: () => {} }) };
        },
      ],
    ];
    for (const [why, begin] of ends) {
      const { token, end } = await begin(somebody());
      const later = await chain(token);
      for (const one of later) expect((await doors(one))[0], why).toBe(200);
      await end();
      for (const one of [token, ...later]) expect(await doors(one), why).toEqual(shut);
      expect((await exchange(later[0] ?? '')).body.error, why).toBe('invalid_request');
    }
  });

  it('344. ends with the days that its assistant got, and no row of it that lost its parent or its limits is good', async () => {
    const ann = somebody();
    const one = await connect(ann);
    const { token } = await sessionOf(ann);
    const narrow = await made(token, { authorization_details: limited({ connections: [one] }) });
    const { vault } = server.broker;
    const row = (await rowsOf(ann)).find(({ parent }) => parent !== undefined);
    if (row === undefined) throw new Error('There is no such row.');
    const { parent, limits, ...bare } = row;
    for (const change of [
      bare,
      { ...bare, limits },
      { ...bare, parent },
      { ...bare, limits, parent: { kind: 'assistant', id: parent?.id } },
    ]) {
      const current = await vault.findSession(row.id);
      const record = { ...change, version: current?.version } as typeof row;
      await vault.commit([{ op: 'update', kind: 'session', record }]);
      expect(await doors(narrow), JSON.stringify(change)).toEqual(shut);
    }
  });

  it('345. never reaches more than any token before it, whatever is asked for along a row of them', async () => {
    const ann = somebody();
    const ids = [await connect(ann), await connect(ann), await connect(ann)];
    const { broker } = server;
    const resource = `${origin}/mcp`;
    const some = <T>(all: readonly T[]) => fc.subarray([...all], { minLength: 1 });
    const asked = fc.record({
      // Else nearly everything is refused, and rows stay short.
      fits: fc.boolean(),
      scopes: fc.option(some(scopes)),
      limits: fc.record(
        {
          connections: some(ids).map((list) => new Set(list)),
          connectors: some([connectorId, 'github', 'slack']).map((list) => new Set(list)),
          readOnly: fc.constant(true),
        },
        { requiredKeys: [] },
      ),
    });
    let granted = 0;
    await fc.assert(
      fc.asyncProperty(asked, fc.array(asked, { minLength: 1, maxLength: 4 }), async (first, more) => {
        const { sessionId, token } = await sessionOf(ann, { scopes: first.scopes ?? scopes, limits: first.limits });
        let [subject, above] = [token, await readSessionToken(broker, token, resource)];
        for (const { fits, scopes: named, limits } of more) {
          const held = above?.principal;
          const fitting = fits ? { scopes: [...(held?.scopes ?? [])].slice(1), limits: { readOnly: true } } : {};
          const wanted = { subject, name: null, scopes: named, limits, ...fitting };
          const got = await exchangeToken(broker, resource, wanted, admitAll).catch((error: unknown) => {
            if (hasCode(error, 'insufficient_scope', 'forbidden')) return null;
            throw error;
          });
          if (got === null) continue;
          granted += 1;
          const below = await readSessionToken(broker, got.token, resource);
          if (below === null || above === null) throw new Error('It is not good.');
          for (const scope of below.principal.scopes) expect([...above.principal.scopes]).toContain(scope);
          expect([...below.principal.scopes].sort()).toEqual([...got.scopes].sort());
          for (const id of [...ids, null]) {
            for (const connector of [connectorId, 'github', 'slack']) {
              const row = { id, connectorId: connector };
              if (isWithin(below.principal.limits, row)) expect(isWithin(above.principal.limits, row)).toBe(true);
            }
          }
          if (above.principal.limits?.readOnly) expect(below.principal.limits?.readOnly).toBe(true);
          expect(below.endsAt ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(
            above.endsAt ?? Number.POSITIVE_INFINITY,
          );
          [subject, above] = [got.token, below];
        }
        await revokeSession(broker, localPrincipal, sessionId);
        expect(await readSessionToken(broker, subject, resource)).toBeNull();
      }),
      { numRuns: 40 },
    );
    expect(granted).toBeGreaterThan(20);
  });

  it('346. is neither made nor good where an issuer is configured, unless a session token is what it began with', async () => {
    const issuer = await startIssuer({ origin });
    const names = { issuer: issuer.issuer, tenantClaim: null, userClaim: 'sub' };
    const ann = somebody();
    const fromAssistant = await made((await assistantOf(ann)).token);
    const fromSession = await made((await sessionOf(ann)).token);
    const resource = `${origin}/mcp`;
    expect(await readSessionToken(server.broker, fromAssistant, resource)).not.toBeNull();
    expect(await readSessionToken(server.broker, fromAssistant, `${origin}/other`)).toBeNull();
    expect(await readSessionToken(server.broker, fromAssistant, null)).toBeNull();
    expect(await readSessionToken(server.broker, fromSession, null)).not.toBeNull();
    const other = await startSignInServer(
      { ...world.env, KEYWARD_EGRESS_ALLOW: new URL(issuer.issuer).host },
      { issuer: { names, client: null } },
    );
    const form = new URLSearchParams({
      grant_type: grant,
      subject_token: fromSession,
      subject_token_type: accessToken,
    });
    expect((await send(form, other.origin)).status).toBe(404);
    await other.close();
    await issuer.close();
  });

  it('347. is one of fifty at most, which take no room from other tokens; those that ended make room', async () => {
    const ann = somebody();
    const { token, sessionId } = await sessionOf(ann);
    const { broker } = server;
    const resource = `${origin}/mcp`;
    const asked = { subject: token, scopes: null, limits: {}, name: null };
    const one = () => exchangeToken(broker, resource, asked, admitAll);
    // However many come at once.
    const answers = await Promise.allSettled(Array.from({ length: 60 }, one));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(50);
    expect((await exchange(token)).status).toBe(503);
    const other = await sessionOf(ann);
    expect((await exchange(other.token)).body.error).toBe('temporarily_unavailable');
    expect((await exchange((await sessionOf(somebody())).token)).status).toBe(200);
    await revokeSession(broker, localPrincipal, sessionId);
    await made(other.token);
    expect((await rowsOf(ann)).filter(({ parent }) => parent !== undefined)).toHaveLength(1);
  });

  it('382. is swept away for room only once it ended for certain, and one that can’t be read keeps nobody waiting', async () => {
    const ann = somebody();
    const { broker } = server;
    const { vault } = broker;
    const { token } = await sessionOf(ann);
    const assistant = await assistantOf(ann);
    await made(await made(assistant.token));
    await made(token);
    const derived = async () => (await rowsOf(ann)).filter(({ parent }) => parent !== undefined);
    const unread = (await derived()).at(-1);
    if (unread === undefined) throw new Error('There is no such row.');
    // As a later Keyward may write them.
    const record = { ...unread, limits: { paths: ['/x'] } } as typeof unread;
    await vault.commit([{ op: 'update', kind: 'session', record }]);
    // A Keyward with another address does not let the assistant in, and ends nothing of it.
    const asked = { subject: token, scopes: null, limits: {}, name: null };
    await exchangeToken(broker, 'https://elsewhere.example/mcp', asked, admitAll);
    await made(token);
    expect(await derived()).toHaveLength(5);
    await endAssistant(broker, person(ann.tenant, ann.user), assistant.id);
    // With the row of it goes what was made from that.
    await made(token);
    expect(await derived()).toHaveLength(4);
    expect((await derived()).map(({ id }) => id)).toContain(unread.id);
  });

  it('423. is counted as a request of its user, before anything of theirs is looked up', async () => {
    const own = await startSignInServer(world.env, { rateLimit: 3 });
    const ann = somebody();
    const { token } = await createSession(own.broker, localPrincipal, { ...ann, scopes: usualScopes, expiresAt: null });
    const form = { grant_type: grant, subject_token: token, subject_token_type: accessToken };
    const ask = (more: Form = {}) => send(new URLSearchParams({ ...form, ...more }), own.origin);
    const answers = [await ask(), await ask(), await ask(), await ask(), await ask()];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
    expect(answers[3]?.body.error).toBe('temporarily_unavailable');
    expect(Number(answers[3]?.headers.get('retry-after'))).toBeGreaterThan(0);
    // As all that this user asks: the same count stands before every door.
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${own.origin}/api/credentials`, { headers })).status).toBe(429);
    const found = vi.spyOn(own.broker.vault, 'findVisible');
    const details = limited({ connections: [randomUUID()] });
    expect((await ask({ authorization_details: details })).status).toBe(429);
    expect(found).not.toHaveBeenCalled();
    await own.close();
  });

  it('423. is refused for more connections than a token is limited to, none of which is looked up, and at the end of its time', async () => {
    const ann = somebody();
    const { token } = await sessionOf(ann);
    const found = vi.spyOn(server.broker.vault, 'findVisible');
    const details = {
      authorization_details: limited({ connections: Array.from({ length: 101 }, () => randomUUID()) }),
    };
    const { status, body } = await exchange(token, details);
    expect({ status, error: body.error }).toEqual({ status: 400, error: 'invalid_request' });
    expect(body.error_description).toContain('at most 100');
    expect(found).not.toHaveBeenCalled();
    const ending = await sessionOf(ann, { expiresAt: Date.now() + 50_000 });
    expect((await exchange(ending.token)).body.error_description).toContain('ends within a minute');
    await made((await sessionOf(ann, { expiresAt: Date.now() + 90_000 })).token);
    expect((await rowsOf(ann)).filter(({ parent }) => parent !== undefined)).toHaveLength(1);
  });

  it('347. is made from one that was made from another, four times at most', async () => {
    let { token } = await sessionOf(somebody());
    for (let row = 0; row < 4; row += 1) token = await made(token);
    expect((await exchange(token)).body.error).toBe('invalid_request');
  });
});

it('349. the last use of a token is noted for its owner, and written once in five minutes, however often it is used', async () => {
  const ann = somebody();
  const { token, sessionId } = await sessionOf(ann);
  const assistant = await assistantOf(ann);
  const { vault } = server.broker;
  const seen = async () => [await vault.findSession(sessionId), await vault.findAssistant(assistant.id)];
  const begin = Date.now();
  expect((await seen()).map((row) => row?.lastUsedAt)).toEqual([undefined, undefined]);
  const use = async () => {
    for (const one of [token, assistant.token]) expect((await doors(one))[0]).toBe(200);
  };
  await use();
  await vi.waitUntil(async () => (await seen()).every((row) => (row?.lastUsedAt ?? 0) >= begin), { timeout: 10_000 });
  const first = await seen();
  // A note of a use is no change: nobody who renews a token at this moment has to begin anew.
  expect(first.map((row) => row?.version)).toEqual([1, 3]);
  const notes = vi.spyOn(vault, 'touchToken');
  await use();
  expect(notes).toHaveBeenCalled();
  expect((await seen()).map((row) => row?.lastUsedAt)).toEqual(first.map((row) => row?.lastUsedAt));
});
