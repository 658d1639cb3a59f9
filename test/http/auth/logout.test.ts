/** Signing out at the issuer: a real one, real sign-ins in browsers, and tokens that are nearly right. */
import { randomUUID } from 'node:crypto';
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { endVisitsOfIssuer } from '../../../src/broker/sign-in/logout.ts';
import { beginVisit, visitorOf } from '../../../src/broker/sign-in/visits.ts';
import { type Owner, userOfIssuer } from '../../../src/principal.ts';
import { clickThrough } from '../../support/clients/click-through.ts';
import { freePort } from '../../support/clients/mcp-clients.ts';
import { createBrowser } from '../../support/clients/session.ts';
import { type Issuer, pagesClient, startIssuer } from '../../support/servers/issuer.ts';
import { type SignInServer, startSignInServer } from '../../support/servers/sign-in-server.ts';
import { startWorld, type World } from '../../support/world.ts';

let world: World;
let issuer: Issuer;
let server: SignInServer;
let origin: string;

beforeAll(async () => {
  world = await startWorld();
  const port = await freePort();
  origin = `http://127.0.0.1:${port}`;
  issuer = await startIssuer({ origin });
  const allowed = [world.env.KEYWARD_EGRESS_ALLOW, new URL(issuer.issuer).host].join(',');
  const names = { issuer: issuer.issuer, tenantClaim: null, userClaim: 'sub' };
  server = await startSignInServer(
    { ...world.env, KEYWARD_EGRESS_ALLOW: allowed },
    { port, issuer: { names, client: pagesClient } },
  );
});
afterAll(async () => {
  await server.close();
  await issuer.close();
  await world.close();
});

const event = 'http://schemas.openid.net/event/backchannel-logout';
const now = () => Math.floor(Date.now() / 1_000);

/** What a logout token says; undefined leaves a claim out. */
const claims = (change: object) => ({
  aud: pagesClient.clientId,
  scope: undefined,
  exp: now() + 120,
  jti: randomUUID(),
  events: { [event]: {} },
  ...change,
});
const token = (change: object = {}, header: object = { typ: 'logout+jwt' }) =>
  issuer.sign(claims(change), header as Record<string, unknown>);

async function tell(logoutToken: string, form: Record<string, string> = { logout_token: logoutToken }) {
  const response = await fetch(`${origin}/oauth/backchannel-logout`, {
    method: 'POST',
    body: new URLSearchParams(form),
  });
  return { status: response.status, text: await response.text(), caching: response.headers.get('cache-control') };
}

const ofIssuer = (subject: string): Owner => ({ tenant: 'default', user: userOfIssuer(issuer.issuer, subject) });

/** A browser that the issuer signed in. */
const visit = (subject: string, session?: string) =>
  beginVisit(server.broker, ofIssuer(subject), {
    issued: { issuer: issuer.issuer, subject, ...(session !== undefined && { session }) },
  });
const isIn = async (value: string) => (await visitorOf(server.broker, value)) !== null;

describe('an issuer that says that somebody signed out', () => {
  it('354. has every browser of theirs signed out, as it was signed in by the issuer, and nobody else’s', async () => {
    const browser = createBrowser();
    const page = await browser.open(`${origin}/sign-in`);
    const [, link = ''] = /<a href="([^"]*)" class="button"/.exec(page.text) ?? [];
    const away = await browser.open(link.replaceAll('&amp;', '&'), 0);
    await browser.open(await clickThrough(new URL(away.headers.get('location') ?? ''), { login: 'ann' }));
    const cookie = browser.cookies.get('keyward') ?? '';
    const [second, bobs] = [await visit('ann'), await visit('bob')];
    // Nobody of the issuer, though the name is the same.
    const byCode = await beginVisit(server.broker, { tenant: 'default', user: 'ann' });
    expect(await Promise.all([cookie, second, bobs, byCode].map(isIn))).toEqual([true, true, true, true]);
    expect(await tell(await token({ sub: 'ann' }))).toEqual({ status: 200, text: '', caching: 'no-store' });
    expect(await Promise.all([cookie, second, bobs, byCode].map(isIn))).toEqual([false, false, true, true]);
    const noted: string[] = [];
    for await (const entry of server.broker.vault.readAudit()) {
      if (entry.action === 'sign_out') noted.push(`${entry.user} ${entry.client}`);
    }
    expect(noted).toEqual(Array.from({ length: 2 }, () => `${ofIssuer('ann').user} issuer`));
  });

  it('355. ends one session where it names one, with its subject or alone', async () => {
    const [one, two, other] = [await visit('cy', 's-1'), await visit('cy', 's-2'), await visit('dan', 's-3')];
    await tell(await token({ sub: 'cy', sid: 's-1' }));
    expect(await Promise.all([one, two, other].map(isIn))).toEqual([false, true, true]);
    // A session of somebody else is not this subject's.
    await tell(await token({ sub: 'cy', sid: 's-3' }));
    await tell(await token({ sub: undefined, sid: 's-3' }, { typ: 'JWT' }));
    expect(await Promise.all([two, other].map(isIn))).toEqual([true, false]);
  });

  it('356. is not believed with a token that is not right in every part, and nobody is signed out', async () => {
    const eve = await visit('eve', 's-e');
    const stranger = await generateKeyPair('ES256');
    const foreign = new SignJWT({ ...claims({ sub: 'eve' }), iss: issuer.issuer, iat: now() } as never)
      .setProtectedHeader({ alg: 'ES256', typ: 'logout+jwt' })
      .sign(stranger.privateKey);
    const unsigned = new UnsecuredJWT({ ...claims({ sub: 'eve' }), iss: issuer.issuer, iat: now() } as never).encode();
    const eves = (change: object, header?: object) => token({ sub: 'eve', ...change }, header);
    const wrong = [
      eves({ iss: 'https://other.example' }),
      eves({ aud: 'agent' }),
      eves({ aud: `${origin}/mcp` }),
      eves({ nonce: 'n' }),
      eves({ events: undefined }),
      eves({ events: {} }),
      eves({ events: { [event]: true } }),
      eves({ events: [event] }),
      eves({ jti: undefined }),
      eves({ exp: undefined }),
      eves({ exp: now() - 60 }),
      eves({ exp: now() + 400_000 }),
      eves({ iat: undefined }),
      eves({ iat: now() + 600, exp: now() + 700 }),
      eves({ sub: undefined }),
      eves({ sub: ['eve'] }),
      eves({ sid: 1 }),
      eves({}, { typ: 'at+jwt' }),
      eves({}, { typ: 'id+jwt' }),
      foreign,
      Promise.resolve(unsigned),
      issuer.idTokenFor('eve'),
      issuer.tokenFor('eve', ['credentials:read']),
      Promise.resolve('garbage'),
    ];
    const answers = await Promise.all(wrong.map(async (made) => tell(await made)));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]).toMatchObject({ status: 400, caching: 'no-store' });
    expect((await tell('', {})).status).toBe(400);
    expect((await fetch(`${origin}/oauth/backchannel-logout?logout_token=${await eves({})}`)).status).toBe(405);
    expect(await isIn(eve)).toBe(true);
  });

  it('357. is believed once for each token: one that comes again leaves later sign-ins alone', async () => {
    const first = await visit('flo');
    const said = await token({ sub: 'flo' });
    await Promise.all([tell(said), tell(said)]);
    expect(await isIn(first)).toBe(false);
    const later = await visit('flo');
    expect((await tell(said)).status).toBe(200);
    expect(await isIn(later)).toBe(true);
    // However often somebody signs out, the next sign-out counts.
    const meant = { issuer: issuer.issuer, subject: 'flo', session: null };
    const times = () => ({ signedInBy: Date.now() + 1, endsAt: Date.now() + 60_000 });
    for (let time = 0; time < 62; time += 1) {
      expect(await endVisitsOfIssuer(server.broker, { ...meant, ...times(), tokenId: `${time}` })).toBe(1);
      await visit('flo');
    }
  });

  it.each(['audit', 'commit'] as const)(
    '359. is told that it failed where the vault fails at %s, and the same token signs out when it comes again',
    async (part) => {
      const [one, two] = [await visit(`gil ${part}`), await visit(`gil ${part}`)];
      const said = await token({ sub: `gil ${part}` });
      const failing = vi.spyOn(server.broker.vault, part).mockRejectedValueOnce(new Error('The disk is full.'));
      expect((await tell(said)).status).toBe(500);
      failing.mockRestore();
      // One that could be ended was not kept waiting for the other.
      expect((await Promise.all([one, two].map(isIn))).filter(Boolean)).toHaveLength(part === 'audit' ? 2 : 1);
      expect((await tell(said)).status).toBe(200);
      expect(await Promise.all([one, two].map(isIn))).toEqual([false, false]);
      const later = await visit(`gil ${part}`);
      expect((await tell(said)).status).toBe(200);
      expect(await isIn(later)).toBe(true);
    },
  );

  it('424. ends no sign-in that came after the token was made, however late the token arrives', async () => {
    const meant = await visit('hal');
    const [late, fresh] = [await token({ sub: 'hal', iat: now() - 90 }), await token({ sub: 'hal', iat: now() - 5 })];
    expect((await tell(late)).status).toBe(200);
    expect(await isIn(meant)).toBe(true);
    // Clocks may differ by a few seconds.
    expect((await tell(fresh)).status).toBe(200);
    expect(await isIn(meant)).toBe(false);
  });

  it('358. is not there to be told where nobody signs in at an issuer', async () => {
    const alone = await startSignInServer(world.env);
    const form = new URLSearchParams({ logout_token: await token({ sub: 'ann' }) });
    const answer = await fetch(`${alone.origin}/oauth/backchannel-logout`, { method: 'POST', body: form });
    expect(answer.status).toBe(404);
    await alone.close();
  });
});
