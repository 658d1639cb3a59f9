/** Several issuers at once: one of people and one of workloads, real ones, each held to its own entry. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readIssuers } from '../../../src/config/issuers.ts';
import { createBearer } from '../../../src/http/auth/bearer.ts';
import { createLimits } from '../../../src/http/middleware/rate-limits.ts';
import { createCounters } from '../../../src/http/middleware/shared-counters.ts';
import { type InProcess, openInProcess } from '../../support/in-process.ts';
import { type Issuer, startIssuer } from '../../support/servers/issuer.ts';

const origin = 'https://keyward.example';
const audience = `${origin}/mcp`;

let people: Issuer;
let workloads: Issuer;
let keyward: InProcess;
beforeAll(async () => {
  [people, workloads] = await Promise.all([startIssuer({ origin }), startIssuer({ origin })]);
  const hosts = [people, workloads].map(({ issuer }) => new URL(issuer).host);
  keyward = await openInProcess({ KEYWARD_EGRESS_ALLOW: hosts.join(',') });
});
afterAll(async () => {
  await keyward.close();
  await Promise.all([people.close(), workloads.close()]);
});

/** A bearer check with the people's issuer, or none, and an entry for that of the workloads. */
function check(change: object = {}, withPeople = true) {
  const { broker } = keyward.usual;
  const usual = { tenant: 'ci', scopes: ['credentials:read', 'credentials:use'], require: { repository: 'acme/*' } };
  const entries = readIssuers(JSON.stringify([{ issuer: workloads.issuer, ...usual, ...change }]));
  const names = { issuer: people.issuer, audience, tenantClaim: null, userClaim: 'sub', scopeClaim: null };
  const bearer = createBearer({
    broker,
    issuer: withPeople ? names : null,
    issuers: entries.map((entry) => ({ ...entry, audience: entry.audience ?? audience })),
    limits: createLimits(1_000_000, createCounters(null, broker.log)),
    resource: audience,
  });
  return (token: string) => bearer.authenticate(`Bearer ${token}`);
}

const refused = { code: 'unauthenticated' };

/** As GitHub Actions makes them: no scope, and claims about the run. */
const ofWorkload = (change: object = {}, header: object = { typ: 'JWT' }, by = workloads) => {
  const run = { sub: 'repo:acme/app:ref:refs/heads/main', repository: 'acme/app', ref: 'refs/heads/main' };
  return by.sign({ scope: undefined, ...run, ...change }, header as Record<string, unknown>);
};

describe('a token of one of several issuers', () => {
  it('350. is of that issuer’s user, with the scopes that its entry grants, and never of another issuer’s', async () => {
    const authenticate = check({ userClaim: 'repository' });
    const workload = await authenticate(await ofWorkload());
    expect(workload).toMatchObject({ tenant: 'ci', user: `${workloads.issuer}#acme/app` });
    expect([...workload.scopes]).toEqual(['credentials:read', 'credentials:use']);
    const [ann, samePlace] = [await authenticate(await people.sign()), await ofWorkload({ repository: 'acme/ann' })];
    expect(ann.user).toBe(`${people.issuer}#ann`);
    expect((await authenticate(samePlace)).user).not.toBe(ann.user);
    // Without an issuer of people, workloads come in all the same.
    expect((await check({}, false)(await ofWorkload())).user).toContain(workloads.issuer);
    await expect(check({}, false)(await people.sign())).rejects.toMatchObject(refused);
  });

  it('351. is not believed of another issuer than signed it, whatever it says of itself', async () => {
    const authenticate = check();
    await expect(authenticate(await ofWorkload({ iss: people.issuer }))).rejects.toMatchObject(refused);
    await expect(
      authenticate(await ofWorkload({ iss: workloads.issuer }, { typ: 'JWT' }, people)),
    ).rejects.toMatchObject(refused);
    await expect(
      authenticate(await people.sign({ iss: workloads.issuer, repository: 'acme/app' })),
    ).rejects.toMatchObject(refused);
    for (const iss of ['https://elsewhere.example', `${workloads.issuer}/`, undefined, 1]) {
      await expect(authenticate(await ofWorkload({ iss })), String(iss)).rejects.toMatchObject(refused);
    }
  });

  it('352. is refused unless every claim that its entry requires is there and fits', async () => {
    const require = { repository: ['acme/*', 'globex/tool'], ref: 'refs/heads/main' };
    const authenticate = check({ require });
    for (const good of [{}, { repository: 'globex/tool' }, { repository: ['other/x', 'acme/app'] }]) {
      expect((await authenticate(await ofWorkload(good))).user).toContain(workloads.issuer);
    }
    const bad = [
      { repository: 'evil/app' },
      { repository: 'acme' },
      { repository: 'evil/acme/app' },
      { repository: 'acme/app/more' },
      { repository: 'acme/app:environment:x' },
      { repository: 'ACME/app' },
      { repository: 'globex/toolbox' },
      { repository: undefined },
      { repository: [] },
      { repository: { 'acme/app': true } },
      { repository: 'acme/app\nevil', ref: 'refs/heads/other' },
      { ref: 'refs/heads/main2' },
      { ref: 'refs/tags/main' },
      { ref: undefined },
    ];
    for (const claims of bad) {
      await expect(authenticate(await ofWorkload(claims)), JSON.stringify(claims)).rejects.toMatchObject(refused);
    }
    // A dot, a bracket and the like stand for themselves.
    const literal = check({ require: { repository: 'a.c[me]/(x|y)+' } });
    expect((await literal(await ofWorkload({ repository: 'a.c[me]/(x|y)+' }))).user).toContain(workloads.issuer);
    for (const repository of ['abcm/x', 'a.cm/y']) {
      await expect(literal(await ofWorkload({ repository })), repository).rejects.toMatchObject(refused);
    }
  });

  it('353. has no scope beyond its entry, and is refused for another audience or as an ID token of somebody else', async () => {
    const asked = { scope: 'credentials:read credentials:release credentials:act-as', repository: 'acme/app' };
    const scoped = await check({ scopeClaim: 'scope' })(await workloads.sign(asked));
    expect([...scoped.scopes]).toEqual(['credentials:read']);
    const said = await check()(await workloads.sign({ ...asked, scope: 'credentials:release' }));
    expect([...said.scopes]).toEqual(['credentials:read', 'credentials:use']);
    await expect(check({ scopeClaim: 'scope' })(await ofWorkload())).rejects.toMatchObject(refused);
    for (const change of [
      { aud: 'https://github.example/acme' },
      { nonce: 'n' },
      { at_hash: 'h' },
      { token_use: 'id' },
      { exp: 1 },
    ]) {
      await expect(check()(await ofWorkload(change)), JSON.stringify(change)).rejects.toMatchObject(refused);
    }
    await expect(check()(await ofWorkload({}, { typ: 'logout+jwt' }))).rejects.toMatchObject(refused);
    expect((await check({ audience: 'agents' })(await ofWorkload({ aud: 'agents' }))).user).toContain(workloads.issuer);
    await expect(check({ audience: 'agents' })(await ofWorkload())).rejects.toMatchObject(refused);
    const [org, none] = [await ofWorkload({ org: 'acme' }), await ofWorkload()];
    const claimed = check({ tenant: undefined, tenantClaim: 'org' });
    expect(await claimed(org)).toMatchObject({ tenant: 'acme' });
    await expect(claimed(none)).rejects.toMatchObject(refused);
  });

  it('398. is of the people’s tenant only where its entry says so', async () => {
    const ann = await check()(await people.sign());
    expect(ann.tenant).toBe('default');
    const said = await ofWorkload({ tenant: 'default', org: 'default' });
    const inTenant = (change: object) => check(change)(said);
    expect((await inTenant({})).tenant).toBe('ci');
    expect((await inTenant({ tenant: 'default' })).tenant).toBe(ann.tenant);
    expect(() => check({ tenant: undefined })).toThrow(/either tenant, the name of one, or tenantClaim/);
    expect(() => check({ tenantClaim: 'org' })).toThrow(/either tenant, the name of one, or tenantClaim/);
  });
});
