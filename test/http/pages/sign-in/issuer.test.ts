/** Signing in at an issuer by OpenID Connect: a real provider, real requests and a real vault. */
import { createHash } from 'node:crypto';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Broker } from '../../../../src/broker/broker.ts';
import { createCredential } from '../../../../src/broker/connect/create.ts';
import { visitorOf } from '../../../../src/broker/sign-in/visits.ts';
import { createLimits } from '../../../../src/http/middleware/rate-limits.ts';
import { createCounters } from '../../../../src/http/middleware/shared-counters.ts';
import { signIn } from '../../../../src/http/pages/sign-in/index.ts';
import { type Principal, userOfIssuer } from '../../../../src/principal.ts';
import type { AuditEntry } from '../../../../src/vault/vault.ts';
import { clickThrough } from '../../../support/clients/click-through.ts';
import { freePort } from '../../../support/clients/mcp-clients.ts';
import { raw } from '../../../support/clients/raw-http.ts';
import { type Browser, createBrowser } from '../../../support/clients/session.ts';
import { person } from '../../../support/principals.ts';
import { type Issuer, pagesClient, startIssuer } from '../../../support/servers/issuer.ts';
import { type SignInServer, startSignInServer } from '../../../support/servers/sign-in-server.ts';
import { connectorId, startWorld, type World } from '../../../support/world.ts';

let world: World;
let issuer: Issuer;
let server: SignInServer;
let broker: Broker;
let origin: string;
let ann: Principal;

/** Mallory's account has no organisation. */
const claims = (login: string): Record<string, string> => (login === 'mallory' ? {} : { org: 'acme' });

beforeAll(async () => {
  world = await startWorld();
  const port = await freePort();
  origin = `http://127.0.0.1:${port}`;
  issuer = await startIssuer({ origin, claims: (login) => (login === '' ? { org: '' } : claims(login)) });
  const allowed = [world.env.KEYWARD_EGRESS_ALLOW, new URL(issuer.issuer).host].join(',');
  const names = { issuer: issuer.issuer, tenantClaim: 'org', userClaim: 'sub' };
  server = await startSignInServer(
    { ...world.env, KEYWARD_EGRESS_ALLOW: allowed },
    { port, issuer: { names, client: pagesClient } },
  );
  ({ broker } = server);
  ann = person('acme', userOfIssuer(issuer.issuer, 'ann'));
});
afterAll(async () => {
  await server.close();
  await issuer.close();
  await world.close();
});

async function linkOf(by: Principal): Promise<string> {
  const created = await createCredential(
    broker,
    by,
    { connectorId, authenticationType: 'oauth2' },
    { obtainedBy: 'tool' },
  );
  if (created.kind !== 'attempt') throw new Error('Nothing was left to ask.');
  return created.url;
}

async function audited(): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for await (const entry of broker.vault.readAudit()) entries.push(entry);
  return entries;
}

/** Follows the button of the sign-in page to the issuer's own address. */
async function toIssuer(browser: Browser, to = '/'): Promise<URL> {
  const page = await browser.open(`${origin}/sign-in?to=${to}`);
  const [, link = ''] = /<a href="([^"]*)" class="button"/.exec(page.text) ?? [];
  const away = await browser.open(link.replaceAll('&amp;', '&'), 0);
  return new URL(away.headers.get('location') ?? '');
}

const exchanges = () => issuer.server.calls.authorization_code ?? 0;

const who = (browser: Browser) => visitorOf(broker, browser.cookies.get('keyward') ?? '');

describe('signing in at the issuer', () => {
  it('leads from the link over the issuer to the page that was asked for, and is written down', async () => {
    const link = await linkOf(ann);
    const browser = createBrowser();
    const page = await browser.open(link);
    expect(page.heading).toBe('Sign in to Keyward');
    expect(page.text).toContain(`Sign in at ${new URL(issuer.issuer).host}`);
    const away = await toIssuer(browser, new URL(link).pathname);
    expect(away.origin).toBe(issuer.issuer);
    const asked = Object.fromEntries(away.searchParams);
    expect(asked).toMatchObject({
      response_type: 'code',
      scope: 'openid',
      code_challenge_method: 'S256',
      redirect_uri: `${origin}/sign-in/callback`,
      nonce: expect.stringMatching(/^.{43,}$/),
      state: expect.stringMatching(/^.{43,}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    });
    const shown = await browser.open(await clickThrough(away));
    expect([shown.url.href, shown.heading]).toEqual([link, 'Connect Acme']);
    expect(await who(browser)).toEqual({ tenant: 'acme', user: ann.user });
    expect((await audited()).at(-1)).toMatchObject({ action: 'sign_in', outcome: 'allowed', user: ann.user });
  });

  it('21. as another person shows nothing of the link, and offers to sign in as the right one', async () => {
    const link = await linkOf(ann);
    const browser = createBrowser();
    const path = new URL(link).pathname;
    const refused = await browser.open(await clickThrough(await toIssuer(browser, path), { login: 'bob' }));
    expect([refused.status, refused.heading]).toEqual([403, 'Keyward did not accept that']);
    expect(refused.text).not.toContain('Acme');
    expect(refused.text).toContain(`<a href="/sign-in?to=${encodeURIComponent(path)}">`);
    // The issuer knows bob by now, and has to ask all the same.
    const away = await toIssuer(browser, path);
    expect(away.searchParams.get('prompt')).toBe('login');
    expect((await browser.open(await clickThrough(away))).heading).toBe('Connect Acme');
  });

  it('17. counts only in the browser that asked: nobody is signed in as an attacker', async () => {
    const attacker = createBrowser();
    const back = await clickThrough(await toIssuer(attacker), { login: 'bob' });
    const before = exchanges();
    const victim = createBrowser();
    await victim.open(`${origin}/sign-in`);
    for (const browser of [victim, createBrowser()]) {
      expect((await browser.open(back)).status).toBe(403);
      expect(browser.cookies.has('keyward')).toBe(false);
    }
    expect(exchanges()).toBe(before);
    expect((await attacker.open(back)).status).toBe(200);
  });

  it('15. takes no altered, doubled, missing or old state, and then asks the issuer nothing', async () => {
    const browser = createBrowser();
    const back = await clickThrough(await toIssuer(browser));
    const before = exchanges();
    const state = back.searchParams.get('state') ?? '';
    const [, proof] = state.split('.');
    const elsewhere = Buffer.from(JSON.stringify({ at: Date.now(), to: '//evil.test' })).toString('base64url');
    for (const bad of [`${state.slice(0, -1)}0`, `${elsewhere}.${proof}`, '', 'x.y.z', `${state}.`]) {
      const altered = new URL(back);
      altered.searchParams.set('state', bad);
      if (state !== bad) expect((await browser.open(altered)).status, bad).toBe(403);
    }
    const doubled = new URL(back);
    doubled.searchParams.append('state', state);
    expect((await browser.open(doubled)).status).toBe(403);
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 601_000);
    try {
      expect((await browser.open(back)).status).toBe(410);
    } finally {
      vi.restoreAllMocks();
    }
    expect(exchanges()).toBe(before);
    expect(browser.cookies.has('keyward')).toBe(false);
  });

  it('16. happens once: the same answer again is refused, even in a browser that kept its cookie', async () => {
    const browser = createBrowser();
    const back = await clickThrough(await toIssuer(browser));
    const bound = browser.cookies.get('keyward-sign-in') ?? '';
    expect((await browser.open(back)).status).toBe(200);
    browser.cookies.delete('keyward');
    expect((await browser.open(back)).status).toBe(403);
    browser.cookies.set('keyward-sign-in', bound);
    expect((await browser.open(back)).status).toBe(502);
    expect(browser.cookies.has('keyward')).toBe(false);
  });

  it('27. is not used up by a browser that only looks ahead', async () => {
    const browser = createBrowser();
    const back = await clickThrough(await toIssuer(browser));
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const path = `${back.pathname}${back.search}`;
    expect((await raw(origin, path, { headers: { cookie, 'sec-purpose': 'prefetch' } })).status).toBe(503);
    expect((await browser.open(back)).status).toBe(200);
  });

  it('that the person declines, or the issuer refuses, says so and is written down', async () => {
    const browser = createBrowser();
    const away = await toIssuer(browser);
    const denied = new URL(`${origin}/sign-in/callback`);
    denied.search = new URLSearchParams({
      error: 'access_denied',
      error_description: '<script>alert(1)</script>',
      state: away.searchParams.get('state') ?? '',
      iss: issuer.issuer,
    }).toString();
    const page = await browser.open(denied);
    expect(page.text).toContain('You were not signed in at the issuer.');
    expect(page.text).not.toContain('alert(1)');
    await broker.refusals.flush();
    const codes = (await audited()).filter(({ action, outcome }) => action === 'sign_in' && outcome === 'refused');
    expect(codes.map(({ code }) => code)).toContain('provider_refused');
  });

  it('as somebody without the tenant’s claim is refused: nobody ends up in a tenant by default', async () => {
    const browser = createBrowser();
    const page = await browser.open(await clickThrough(await toIssuer(browser), { login: 'mallory' }));
    expect(page.status).toBe(403);
    expect(page.text).toContain('its ID tokens have to hold sub and org');
    expect(browser.cookies.has('keyward')).toBe(false);
  });

  it('never sends the person on to another site', async () => {
    for (const to of ['https://evil.test', '//evil.test', '/connect/../evil', 'javascript:alert(1)']) {
      const browser = createBrowser();
      const shown = await browser.open(await clickThrough(await toIssuer(browser, encodeURIComponent(to))));
      expect(shown.url.href).toBe(`${origin}/`);
    }
  });

  it('shows neither the client’s secret nor a code verifier to anybody', async () => {
    const browser = createBrowser();
    const away = await toIssuer(browser);
    const bound = browser.cookies.get('keyward-sign-in') ?? '';
    const challenge = away.searchParams.get('code_challenge');
    for (const shown of [away.href, bound, away.searchParams.get('state') ?? '']) {
      expect(shown).not.toContain(pagesClient.clientSecret);
      expect(createHash('sha256').update(shown).digest('base64url')).not.toBe(challenge);
    }
  });

  it('binds the way there by a __Host- cookie over https', async () => {
    const away = new URL('https://issuer.example/auth');
    const signInAt = { host: 'issuer.example', begin: async () => away, finish: () => Promise.reject(new Error()) };
    const issuerOptions = { signIn: signInAt, publicUrl: 'https://keyward.example' };
    const { routes } = signIn({
      broker,
      secure: true,
      issuer: issuerOptions,
      passkeys: null,
      limits: createLimits(1, createCounters(null, broker.log)),
    });
    const answer = await new Hono().route('/', routes).request('https://keyward.example/sign-in/issuer');
    expect([answer.status, answer.headers.get('location')]).toEqual([303, away.href]);
    expect(answer.headers.get('set-cookie')).toMatch(
      /^__Host-keyward-sign-in=[\w-]{43}; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
  });
});
