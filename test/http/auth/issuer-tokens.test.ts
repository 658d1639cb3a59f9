/** The issuer's keys and claims over time: a real provider, asked through real egress. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createBearer } from '../../../src/http/auth/bearer.ts';
import type { IssuerSettings } from '../../../src/http/auth/issuer-tokens.ts';
import { createLimits } from '../../../src/http/middleware/rate-limits.ts';
import { createCounters } from '../../../src/http/middleware/shared-counters.ts';
import { type InProcess, openInProcess } from '../../support/in-process.ts';
import { startHttpServer } from '../../support/servers/http-server.ts';
import { type Issuer, startIssuer } from '../../support/servers/issuer.ts';

const origin = 'https://keyward.example';

let issuer: Issuer;
let keyward: InProcess;
beforeAll(async () => {
  issuer = await startIssuer({ origin });
  keyward = await openInProcess({ KEYWARD_EGRESS_ALLOW: new URL(issuer.issuer).host });
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(async () => {
  await keyward.close();
  await issuer.close();
});

/** A bearer check that knows nothing yet. */
function fresh(change: Partial<IssuerSettings> = {}, { usual: { broker } } = keyward) {
  const usual = {
    issuer: issuer.issuer,
    audience: `${origin}/mcp`,
    tenantClaim: null,
    userClaim: 'sub',
    scopeClaim: null,
  };
  const bearer = createBearer({
    broker,
    issuer: { ...usual, ...change },
    limits: createLimits(1_000_000, createCounters(null, broker.log)),
    resource: `${origin}/mcp`,
  });
  return (token: string) => bearer.authenticate(`Bearer ${token}`);
}

const refused = { code: 'unauthenticated' };

/** The clock of everybody in this test, the issuer included, goes on by so many seconds. */
function pass(seconds: number): void {
  const [at, ticks] = [Date.now(), performance.now()];
  vi.restoreAllMocks();
  vi.spyOn(Date, 'now').mockReturnValue(at + seconds * 1_000);
  vi.spyOn(performance, 'now').mockReturnValue(ticks + seconds * 1_000);
}

describe('keys of the issuer', () => {
  it('may change at any time: a token under a new key is good, one under a key that is gone is not', async () => {
    const check = fresh();
    const old = await issuer.sign();
    const unseen = await issuer.sign({ sub: 'bob' });
    await check(old);
    issuer.server.rotateKeys();
    // Within half a minute nobody can make Keyward ask for the keys again and again.
    await expect(check(await issuer.sign())).rejects.toMatchObject(refused);
    pass(31);
    expect(await check(await issuer.sign())).toMatchObject({ user: `${issuer.issuer}#ann` });
    await expect(check(unseen)).rejects.toMatchObject(refused);
    // What was verified before ends with its key too, the moment that Keyward learns of it.
    await expect(check(old)).rejects.toMatchObject(refused);
  });

  it('91. a token under a key that was withdrawn ends within five minutes, seen before or not', async () => {
    const check = fresh();
    const exp = Math.floor(Date.now() / 1_000) + 86_400;
    const seen = await issuer.sign({ exp });
    const unseen = await issuer.sign({ sub: 'bob', exp });
    await check(seen);
    issuer.server.rotateKeys();
    pass(299);
    expect(await check(seen)).toMatchObject({ user: `${issuer.issuer}#ann` });
    pass(2);
    await expect(check(seen)).rejects.toMatchObject(refused);
    await expect(check(unseen)).rejects.toMatchObject(refused);
  });

  it('91. a token is good again and again while its key stays', async () => {
    const check = fresh();
    const token = await issuer.sign({ exp: Math.floor(Date.now() / 1_000) + 1_000 });
    for (const seconds of [0, 200, 200, 200, 200]) {
      pass(seconds);
      expect(await check(token)).toMatchObject({ user: `${issuer.issuer}#ann` });
    }
  });

  it('91. a token of the future is none, but for what clocks differ', async () => {
    const now = Math.floor(Date.now() / 1_000);
    const check = fresh();
    expect(await check(await issuer.sign({ iat: now + 50 }))).toMatchObject({ tenant: 'default' });
    for (const ahead of [70, 3_600, 86_400 * 365]) {
      await expect(check(await issuer.sign({ iat: now + ahead, exp: now + ahead + 600 }))).rejects.toMatchObject(
        refused,
      );
    }
  });

  it('that can not be had are no verdict on a token: 503, and what is known stays good', async () => {
    const other = await startIssuer({ origin });
    const host = new URL(other.issuer).host;
    const away = await openInProcess({ KEYWARD_EGRESS_ALLOW: host });
    const check = fresh({ issuer: other.issuer }, away);
    const known = await other.sign();
    await check(known);
    await other.close();
    expect(await check(known)).toMatchObject({ tenant: 'default' });
    expect(await check(await other.sign({ sub: 'new' }))).toMatchObject({ user: `${other.issuer}#new` });
    await expect(fresh({ issuer: other.issuer }, away)(known)).rejects.toMatchObject({
      code: 'provider_unavailable',
      details: { retryAfterSeconds: 5 },
    });
    await away.close();
  });
});

it('3. takes the algorithms of its list and no other, even when the issuer publishes a key for it', async () => {
  const algorithms = ['ES256', 'RS256', 'PS256', 'EdDSA', 'ES384', 'RS384', 'RS512', 'PS512'];
  const pairs = await Promise.all(algorithms.map((alg) => generateKeyPair(alg, { extractable: true })));
  const server = await startHttpServer(async ({ url }, response) => {
    const keys = pairs.map(async ({ publicKey }, at) => ({ ...(await exportJWK(publicKey)), kid: `${at}` }));
    const metadata = { issuer: server.origin, jwks_uri: `${server.origin}/jwks` };
    response.end(JSON.stringify(url === '/jwks' ? { keys: await Promise.all(keys) } : metadata));
  });
  const other = await openInProcess({ KEYWARD_EGRESS_ALLOW: server.host });
  try {
    const check = fresh({ issuer: server.origin }, other);
    const taken: string[] = [];
    for (const [at, alg] of algorithms.entries()) {
      const key = pairs[at]?.privateKey;
      if (key === undefined) throw new Error('unreachable');
      const claims = { iss: server.origin, aud: `${origin}/mcp`, sub: 'ann', scope: 'credentials:read' };
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg, kid: `${at}`, typ: 'at+jwt' })
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(key);
      await check(token).then(
        () => taken.push(alg),
        (error: unknown) => void expect(error).toMatchObject(refused),
      );
    }
    expect(taken).toEqual(['ES256', 'RS256', 'PS256', 'EdDSA']);
  } finally {
    await other.close();
    await server.close();
  }
});

describe('claims', () => {
  it('name the tenant and the user as they are, or the token is refused', async () => {
    const check = fresh({ tenantClaim: 'org', userClaim: 'email' });
    const person = await check(await issuer.sign({ org: 'acme', email: 'Ann@Example.com' }));
    expect(person).toMatchObject({ tenant: 'acme', user: `${issuer.issuer}#Ann@Example.com` });
    for (const bad of [undefined, '', ' acme', 'ac\nme', 'ac\u202eme', 7, ['acme'], null, 'x'.repeat(256)]) {
      await expect(check(await issuer.sign({ org: bad, email: 'a' })), String(bad)).rejects.toMatchObject(refused);
      await expect(check(await issuer.sign({ org: 'a', email: bad })), String(bad)).rejects.toMatchObject(refused);
    }
  });

  it.each([
    ['scope', { scope: 'openid credentials:read  credentials:use x' }, null],
    ['scp', { scope: undefined, scp: ['credentials:read', 'credentials:use', 7] }, null],
    ['a claim of another name', { scope: undefined, perms: ['credentials:use', 'credentials:read'] }, 'perms'],
  ])('hold the scopes in %s, of which unknown ones mean nothing', async (_, claims, scopeClaim) => {
    const check = fresh({ scopeClaim });
    for (const typ of ['at+jwt', 'JWT']) {
      const { scopes } = await check(await issuer.sign(claims, { typ }));
      expect([...scopes]).toEqual(['credentials:read', 'credentials:use']);
    }
  });

  it('without any scope make a principal that may do nothing', async () => {
    const { scopes } = await fresh()(await issuer.sign({ scope: '' }));
    expect(scopes.size).toBe(0);
  });
});
