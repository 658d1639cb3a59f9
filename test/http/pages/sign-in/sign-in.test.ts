/** Who may open a connect page over HTTP: real requests, a real vault and a real authorization server. */

import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Broker } from '../../../../src/broker/broker.ts';
import { checkAttempt } from '../../../../src/broker/connect/attempts.ts';
import { createCredential } from '../../../../src/broker/connect/create.ts';
import { createSignInCode } from '../../../../src/broker/sign-in/code.ts';
import { beginVisit, visitorOf } from '../../../../src/broker/sign-in/visits.ts';
import { createLimits } from '../../../../src/http/middleware/rate-limits.ts';
import { createCounters } from '../../../../src/http/middleware/shared-counters.ts';
import { signIn } from '../../../../src/http/pages/sign-in/index.ts';
import { localPrincipal, type Owner, type Principal } from '../../../../src/principal.ts';
import type { AuditEntry } from '../../../../src/vault/vault.ts';
import { clickThrough } from '../../../support/clients/click-through.ts';
import { raw } from '../../../support/clients/raw-http.ts';
import { type Browser, createBrowser, linkOut, type Shown } from '../../../support/clients/session.ts';
import { person } from '../../../support/principals.ts';
import { type SignInServer, startSignInServer } from '../../../support/servers/sign-in-server.ts';
import { connectorId, startWorld, type World } from '../../../support/world.ts';

let world: World;
let server: SignInServer;
let broker: Broker;
let origin: string;

const ann = person('acme', 'ann');
const bob = person('acme', 'bob');
const backend = person('acme', 'backend', ['credentials:act-as']);
const oauth = { connectorId, authenticationType: 'oauth2' };
const apiKey = { connectorId, authenticationType: 'api_key' };

beforeAll(async () => {
  world = await startWorld();
  server = await startSignInServer(world.env);
  ({ broker, origin } = server);
});
afterAll(async () => {
  await server.close();
  await world.close();
});

async function start(by: Principal, input: Parameters<typeof createCredential>[2] = oauth) {
  const created = await createCredential(broker, by, input, { obtainedBy: 'tool' });
  if (created.kind !== 'attempt') throw new Error('Nothing was left to ask.');
  return created;
}

async function audited(): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for await (const entry of broker.vault.readAudit()) entries.push(entry);
  return entries;
}

const codeFor = async (who: Owner) => (await createSignInCode(broker, localPrincipal, who)).code;

/** Sends the form of a page to this path, with its hidden fields; `fields` adds to them and alters them. */
async function postForm(
  browser: Browser,
  page: Shown,
  path: string,
  fields: Record<string, string> = {},
  more: Record<string, string> = {},
) {
  const hidden = (name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page.text)?.[1] ?? '';
  const body = new URLSearchParams({ csrf: hidden('csrf'), to: hidden('to'), ...fields });
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  return raw(origin, path, {
    method: 'POST',
    headers: { origin, cookie, 'content-type': 'application/x-www-form-urlencoded', ...more },
    body: body.toString(),
  });
}

/** Sends the sign-in form of a page with this code; `change` alters what is sent. */
const typeCode = (
  browser: Browser,
  page: Shown,
  code: string,
  change: Record<string, string> = {},
  more: Record<string, string> = {},
) => postForm(browser, page, '/sign-in', { code, ...change }, more);

/** A browser in which this person is signed in. */
async function signedIn(who: Owner): Promise<Browser> {
  const browser = createBrowser();
  browser.cookies.set('keyward', await beginVisit(broker, who));
  return browser;
}

const exchanges = () => world.server.calls.authorization_code ?? 0;

describe('signing in with a code', () => {
  it('leads from the link to the sign-in page, and back to the page that was asked for', async () => {
    const { url, attemptId } = await start(ann);
    const browser = createBrowser();
    const page = await browser.open(url);
    expect([page.url.pathname, page.heading]).toEqual(['/sign-in', 'Sign in to Keyward']);
    const answer = await typeCode(browser, page, (await codeFor(ann)).toLowerCase().replaceAll('-', ' '));
    expect([answer.status, answer.headers.location]).toEqual([303, `/connect/${attemptId}`]);
    const cookie = String(answer.headers['set-cookie']);
    expect(cookie).toMatch(/^keyward=[^;]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Lax/);
    browser.cookies.set('keyward', /keyward=([^;]+)/.exec(cookie)?.[1] ?? '');
    expect((await browser.open(url)).heading).toBe('Connect Acme');
  });

  it('takes a code once, and no wrong or expired one', async () => {
    const browser = createBrowser();
    const page = await browser.open(`${origin}/sign-in`);
    const code = await codeFor(ann);
    expect((await typeCode(browser, page, 'AAAA-AAAA-AAAA')).status).toBe(422);
    const before = (await audited()).length;
    const both = await Promise.all([typeCode(browser, page, code), typeCode(browser, page, code)]);
    expect(both.map(({ status }) => status).sort()).toEqual([303, 422]);
    expect((await typeCode(browser, page, code)).status).toBe(422);
    const signIns = (await audited()).slice(before).filter(({ outcome }) => outcome === 'allowed');
    expect(signIns).toMatchObject([{ action: 'sign_in', tenant: 'acme', user: 'ann' }]);
    const late = await codeFor(ann);
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 601_000);
    try {
      expect((await typeCode(browser, page, late)).status).toBe(422);
    } finally {
      vi.restoreAllMocks();
    }
  });

  it('writes down that wrong codes were tried, and how many, but never a code or a name', async () => {
    const browser = createBrowser();
    const page = await browser.open(`${origin}/sign-in`);
    const before = (await audited()).length;
    for (let attempt = 0; attempt < 5; attempt += 1) await typeCode(browser, page, `WRNG-WRNG-WRN${attempt}`);
    await broker.refusals.flush();
    const entries = (await audited()).slice(before);
    expect(entries.reduce((sum, { count = 1 }) => sum + count, 0)).toBeGreaterThanOrEqual(5);
    for (const entry of entries) {
      expect(entry).toMatchObject({
        action: 'sign_in',
        outcome: 'refused',
        code: 'unauthenticated',
        tenant: '',
        user: '',
      });
    }
    expect(JSON.stringify(entries)).not.toContain('WRNG');
  });

  it('looks at twenty wrong codes a minute from one address, and never turns a good one away for them', async () => {
    const browser = createBrowser();
    const page = await browser.open(`${origin}/sign-in`);
    const attacker = { 'x-forwarded-for': '203.0.113.7' };
    const answers = await Promise.all(
      Array.from({ length: 25 }, () => typeCode(browser, page, 'WRNG-WRNG-WRNG', {}, attacker)),
    );
    expect(answers.filter(({ status }) => status === 422)).toHaveLength(20);
    const limited = answers.find(({ status }) => status === 429);
    expect(Number(limited?.headers['retry-after'])).toBeGreaterThan(0);
    expect((await typeCode(browser, page, 'WRNG-WRNG-WRNG', {}, { 'x-forwarded-for': '203.0.113.8' })).status).toBe(
      422,
    );
    expect((await typeCode(browser, page, await codeFor(ann), {}, attacker)).status).toBe(303);
  });

  it('refuses a form of another site or browser, so that nobody is signed in as the attacker', async () => {
    const attacker = createBrowser();
    const page = await attacker.open(`${origin}/sign-in`);
    const victim = createBrowser();
    await victim.open(`${origin}/sign-in`);
    expect((await typeCode(victim, page, await codeFor(bob))).status).toBe(403);
    expect((await typeCode(createBrowser(), page, await codeFor(bob))).status).toBe(403);
  });

  it.each(['https://evil.test', '//evil.test', '/\\evil.test', '/connect/../evil', 'javascript:alert(1)'])(
    'never sends the person on to %s',
    async (to) => {
      const browser = createBrowser();
      const page = await browser.open(`${origin}/sign-in?to=${encodeURIComponent(to)}`);
      const answer = await typeCode(browser, page, await codeFor(ann), { to });
      expect([answer.status, answer.headers.location]).toEqual([303, '/']);
    },
  );

  it('gives __Host- cookies over https, out of reach of scripts and other hosts', async () => {
    const { routes } = signIn({
      broker,
      secure: true,
      issuer: null,
      passkeys: null,
      limits: createLimits(1, createCounters(null, broker.log)),
    });
    const page = await new Hono().route('/', routes).request('https://keyward.example/sign-in');
    expect(page.headers.get('set-cookie')).toMatch(
      /^__Host-keyward-sign-in=[\w-]{43}; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
  });

  it('believes no altered or old cookie', async () => {
    const value = await beginVisit(broker, ann);
    const [payload = '', proof] = value.split('.');
    const { id } = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const other = Buffer.from(JSON.stringify({ tenant: 'acme', user: 'bob', id }));
    expect(await visitorOf(broker, value)).toEqual({ tenant: 'acme', user: 'ann' });
    expect(await visitorOf(broker, `${other.toString('base64url')}.${proof}`)).toBeNull();
    expect(await visitorOf(broker, `${value}x`)).toBeNull();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 12 * 3_600_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect(await visitorOf(broker, value)).toBeNull();
  });

  it('127. signs a browser out for good: a copy of its cookie is nobody’s from then on, and other browsers stay', async () => {
    const [browser, elsewhere] = [await signedIn(ann), await signedIn(ann)];
    const page = await browser.open(`${origin}/sign-in`);
    expect(page.text).toContain('You are signed in as');
    const kept = browser.cookies.get('keyward') ?? '';
    expect((await postForm(browser, page, '/sign-out')).status).toBe(200);
    browser.cookies.set('keyward', kept);
    expect((await browser.open(`${origin}/sign-in`)).text).not.toContain('You are signed in as');
    expect((await elsewhere.open(`${origin}/sign-in`)).text).toContain('You are signed in as');
  });

  it('ends with one press on the page of one’s own', async () => {
    const browser = await signedIn(ann);
    const page = await browser.open(`${origin}/`);
    expect(page.heading).toBe('Your connections');
    expect((await postForm(browser, page, '/sign-out', {})).status).toBe(200);
    expect((await browser.open(`${origin}/`)).heading).toBe('Keyward keeps credentials for AI assistants');
  });

  it('holds for a callback that a service sends to localhost: the browser goes on under the public name', async () => {
    const path = '/oauth/callback/custom.acme?code=a%20b&state=c';
    const headers = { host: new URL(origin).host.replace('127.0.0.1', 'localhost') };
    expect(await raw(origin, path, { headers })).toMatchObject({
      status: 303,
      headers: { location: `${origin}${path}` },
    });
    expect(await raw(origin, '/oauth/callback//evil.test', { headers })).toMatchObject({ status: 404 });
  });

  it('127. keeps no more than twenty browsers of one person signed in: one more ends the oldest', async () => {
    const dan = person('acme', 'dan');
    const values: string[] = [];
    for (let count = 0; count < 22; count += 1) {
      values.push(await beginVisit(broker, dan));
      // Visits are in the order of their milliseconds.
      await vi.waitUntil(
        (
          (start) => () =>
            Date.now() > start
        )(Date.now()),
        { interval: 1 },
      );
    }
    const known = await Promise.all(values.map((value) => visitorOf(broker, value)));
    expect(known.map((one) => one !== null)).toEqual([false, false, ...Array(20).fill(true)]);
  });
});

describe('a connect link over HTTP', () => {
  it('21. opened by another person is refused before anything is shown and before the service is reached', async () => {
    const { url, attemptId } = await start(bob);
    for (const stranger of [ann, person('other', 'bob')]) {
      const page = await (await signedIn(stranger)).open(url);
      expect(page.status).toBe(403);
      expect(page.text).not.toContain(world.server.issuer);
      expect(page.text).not.toContain('Acme');
    }
    expect((await broker.vault.findAttempt(attemptId))?.status).toBe('pending');
  });

  it('11. takes no form of another person, whatever cookies they hold', async () => {
    const { url, attemptId } = await start(bob, apiKey);
    const browser = await signedIn(bob);
    const page = await browser.open(url);
    browser.cookies.set('keyward', await beginVisit(broker, ann));
    expect((await browser.submit(page, 'inputs', { apiKey: 'x' })).status).toBe(403);
    expect((await browser.submit(page, 'cancel')).status).toBe(403);
    expect((await broker.vault.findAttempt(attemptId))?.status).toBe('pending');
  });

  it('17. finishes for nobody but the person who opened it, and the token endpoint is not called', async () => {
    const { url } = await start(bob);
    const browser = await signedIn(bob);
    const callback = await clickThrough(linkOut(await browser.open(url)));
    const before = exchanges();
    const victim = await signedIn(ann);
    expect((await victim.open(callback)).status).toBe(403);
    for (const [name, value] of browser.cookies) if (name !== 'keyward') victim.cookies.set(name, value);
    expect((await victim.open(callback)).status).toBe(403);
    expect(exchanges()).toBe(before);
    expect((await browser.open(callback)).heading).toBe('Acme is connected');
  });
});

describe('a link that a backend vouches for', () => {
  const started = () => start(backend, { ...oauth, userId: 'bob' });

  it('27. is not used up by being looked at, needs no sign-in, and shows the service only after a click', async () => {
    const { url, attemptId } = await started();
    for (let look = 0; look < 3; look += 1) {
      const page = await createBrowser().open(url);
      expect(page.heading).toBe('Connect Acme');
      expect(page.text).not.toContain(world.server.issuer);
    }
    expect((await broker.vault.findAttempt(attemptId))?.browser).toBeNull();
    const browser = createBrowser();
    const page = await browser.submit(await browser.open(url), 'claim');
    expect((await browser.open(await clickThrough(linkOut(page)))).heading).toBe('Acme is connected');
    const found = await checkAttempt(broker, backend, { attemptId });
    expect(found.status).toBe('completed');
  });

  it('21. works in the first browser that goes on and in no other', async () => {
    const { url } = await started();
    const late = createBrowser();
    const seen = await late.open(url);
    const first = createBrowser();
    await first.submit(await first.open(url), 'claim');
    expect((await late.submit(seen, 'claim')).status).toBe(403);
    expect((await late.open(url)).status).toBe(403);
    expect((await (await signedIn(bob)).open(url)).status).toBe(403);
    expect((await first.open(url)).status).toBe(200);
  });

  it('11. is checked by its owner and by the backend, and by nobody else', async () => {
    const { attemptId } = await started();
    expect((await checkAttempt(broker, bob, { attemptId })).status).toBe('pending');
    expect((await checkAttempt(broker, backend, { attemptId })).status).toBe('pending');
    for (const stranger of [ann, person('other', 'backend', ['credentials:act-as']), person('acme', 'backend')]) {
      await expect(checkAttempt(broker, stranger, { attemptId })).rejects.toMatchObject({ code: 'not_found' });
    }
  });
});
