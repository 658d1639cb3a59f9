/** Forms of a person's pages that come from elsewhere, too late, or twice: a table of what each of them does. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredential } from '../../../../src/broker/connect/create.ts';
import { createSession } from '../../../../src/broker/sign-in/sessions.ts';
import { beginVisit } from '../../../../src/broker/sign-in/visits.ts';
import type { Owner } from '../../../../src/principal.ts';
import { credentialOf } from '../../../support/broker.ts';
import { raw } from '../../../support/clients/raw-http.ts';
import { createBrowser, type Shown } from '../../../support/clients/session.ts';
import { person } from '../../../support/principals.ts';
import { type SignInServer, startSignInServer } from '../../../support/servers/sign-in-server.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../../../support/world.ts';

let world: World;
let server: SignInServer;
let id: string;
const ann = person('acme', 'ann');
const bob = person('acme', 'bob');
const before = 'As it was';

beforeAll(async () => {
  world = await startWorld();
  server = await startSignInServer(world.env);
  const input = { connectorId, authenticationType: 'api_key', apiKey: goodApiKey, name: before };
  const made = await createCredential(server.broker, ann, input, { obtainedBy: 'rest' });
  id = made.kind === 'created' ? made.credentialId : '';
});
afterAll(async () => {
  await server.close();
  await world.close();
});

async function signedIn(who: Owner) {
  const browser = createBrowser();
  browser.cookies.set('keyward', await beginVisit(server.broker, who));
  return browser;
}

type Browser = Awaited<ReturnType<typeof signedIn>>;

const nameNow = async () => (await credentialOf(server.broker, ann, id)).name;
const path = () => `/connections/${id}/rename`;
const cookies = ({ cookies }: Browser) => [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');

/** The hidden fields of the form that leads here. */
function fieldsOf({ text }: Pick<Shown, 'text'>, to = path()): Record<string, string> {
  const form = text.split('<form ').find((one) => one.includes(`action="${to}"`)) ?? '';
  const inputs = (form.split('</form>')[0] ?? '').matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g);
  return Object.fromEntries([...inputs].map(([, name = '', value = '']) => [name, value]));
}

/** Sends the form as this browser; answers the status, the heading, and whether it renamed. */
async function post(browser: Browser, fields: Record<string, string>, headers: Record<string, string> = {}) {
  const { status, body } = await raw(server.origin, path(), {
    method: 'POST',
    headers: {
      origin: server.origin,
      'content-type': 'application/x-www-form-urlencoded',
      cookie: cookies(browser),
      ...headers,
    },
    body: new URLSearchParams(fields).toString(),
  });
  return { status, text: body, heading: /<h1>([^<]*)<\/h1>/.exec(body)?.[1] ?? '' };
}

describe('420. a person who asks for their pages without end', () => {
  it('is told to wait a minute, as are all their browsers; other people and their own programs are not', async () => {
    const limited = await startSignInServer(world.env, { rateLimit: 5 });
    try {
      const visit = {
        [ann.user]: await beginVisit(limited.broker, ann),
        [bob.user]: await beginVisit(limited.broker, bob),
      };
      const open = async ({ user }: Owner, to: string) => {
        const { status, headers } = await raw(limited.origin, to, { headers: { cookie: `keyward=${visit[user]}` } });
        return { status, wait: Number(headers['retry-after']) };
      };
      const paths = ['/', '/assistants', '/approvals', '/activity', '/connect'];
      for (const to of paths) expect((await open(ann, to)).status).toBe(200);
      const refused = await open(ann, '/');
      expect(refused.status).toBe(429);
      expect(refused.wait).toBeGreaterThan(0);
      expect((await open(bob, '/')).status).toBe(200);
      const { token } = await createSession(limited.broker, ann, {
        ...ann,
        scopes: ['credentials:read'],
        expiresAt: null,
      });
      const tools = await raw(limited.origin, '/metrics', { headers: { authorization: `Bearer ${token}` } });
      expect(tools.status).not.toBe(429);
    } finally {
      await limited.close();
    }
  });

  it('waits for their own turn, and nobody else does', async () => {
    const { pages } = server.broker.underWay;
    const mine = await signedIn(ann);
    const turns = await Promise.all([1, 2, 3, 4].map(() => pages.take(ann)));
    const waiting = Array.from({ length: 32 }, () => pages.take(ann));
    for (const to of ['/', '/?query=acme', '/activity', '/approvals', `/connections/${id}`])
      expect([to, (await mine.open(`${server.origin}${to}`)).status]).toEqual([to, 429]);
    expect((await (await signedIn(bob)).open(`${server.origin}/`)).status).toBe(200);
    for (const end of turns) end();
    for (const turn of waiting) (await turn)();
    expect((await mine.open(`${server.origin}/`)).status).toBe(200);
  });
});

describe('a form of a person’s page', () => {
  it('386. does nothing without its proof: missing, made up, foreign, of another person, browser, type or method', async () => {
    const browser = await signedIn(ann);
    const { csrf = '' } = fieldsOf(await browser.open(`${server.origin}/connections/${id}`));
    const name = 'Changed by somebody';
    const evil = { origin: 'https://evil.example' };
    // As whatever sends no header that browsers send.
    const bare = async (fields: Record<string, string>) =>
      (
        await raw(server.origin, path(), {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded', cookie: cookies(browser) },
          body: new URLSearchParams(fields).toString(),
        })
      ).status;
    const table: [string, number][] = [
      ['no proof', (await post(browser, { name })).status],
      ['a proof that is made up', (await post(browser, { name, csrf: 'x'.repeat(64) })).status],
      ['another site, with the proof', (await post(browser, { name, csrf }, evil)).status],
      ['another site, without', (await post(browser, { name }, evil)).status],
      ['no word of where it is from', await bare({ name })],
      ['another person’s browser', (await post(await signedIn(bob), { name, csrf })).status],
      ['the same person in another browser', (await post(await signedIn(ann), { name, csrf })).status],
      ['nobody’s browser', (await post(createBrowser(), { name, csrf })).status],
      ['JSON', (await post(browser, { name, csrf }, { 'content-type': 'application/json' })).status],
      ['GET', (await browser.open(`${server.origin}${path()}?${new URLSearchParams({ name, csrf })}`)).status],
    ];
    expect(Object.fromEntries(table)).toEqual({
      'no proof': 403,
      'a proof that is made up': 403,
      'another site, with the proof': 403,
      'another site, without': 403,
      'no word of where it is from': 403,
      'another person’s browser': 403,
      'the same person in another browser': 403,
      'nobody’s browser': 401,
      JSON: 415,
      GET: 405,
    });
    expect(await nameNow()).toBe(before);
    // Only a page of Keyward's own is answered with a new proof.
    expect((await post(browser, { name }, evil)).text).not.toContain('name="csrf"');
  });

  it('387. is not lost when the sign-in ends: what was typed stays, no secret with it, and one click sends it', async () => {
    const browser = await signedIn(ann);
    const page = await browser.open(`${server.origin}/connections/${id}`);
    const typed = { ...fieldsOf(page), name: 'Typed “before” <b>', apiKey: 'acme_secret0123456789', other: 'unasked' };
    browser.cookies.delete('keyward');
    const asked = await post(browser, typed);
    expect([asked.status, asked.heading]).toEqual([401, 'Sign in to go on']);
    expect(asked.text).toContain('Typed “before” &lt;b&gt;');
    expect(asked.text).toContain('target="_blank"');
    expect(asked.text).not.toMatch(/acme_secret|unasked|name="csrf"/);
    // Still not signed in: the same once more.
    const kept = { name: typed.name };
    expect((await post(browser, kept)).status).toBe(401);

    // As signing in does it, in another tab: another cookie, and the one that forms are bound to is gone.
    browser.cookies.set('keyward', await beginVisit(server.broker, ann));
    browser.cookies.delete('keyward-sign-in');
    const look = await browser.send(`${server.origin}${path()}`, kept);
    expect([look.status, look.heading]).toEqual([403, 'Look once more']);
    expect(look.text).toContain('You are signed in as <strong>ann</strong>. Nothing was done yet.');
    expect(look.text).toContain('>Rename it</button>');
    expect(await nameNow()).toBe(before);
    const { csrf = '' } = fieldsOf(look);
    const done = await browser.send(`${server.origin}${path()}`, { ...kept, csrf });
    expect(done.url.pathname).toBe(`/connections/${id}`);
    expect(await nameNow()).toBe(typed.name);
    // The back button, and the form of another tab that was open before.
    await browser.send(`${server.origin}${path()}`, { csrf, name: before });
    expect(await nameNow()).toBe(before);
    const old = await browser.send(`${server.origin}${path()}`, { ...fieldsOf(page), name: 'From a tab of before' });
    expect([old.status, old.heading, await nameNow()]).toEqual([403, 'Look once more', before]);
  });

  it('387. shows who is signed in now, and does for somebody else only what they may', async () => {
    const browser = await signedIn(bob);
    const look = await browser.send(`${server.origin}${path()}`, { name: 'Bob’s now' });
    expect(look.text).toContain('You are signed in as <strong>bob</strong>.');
    const { csrf = '' } = fieldsOf(look);
    expect((await browser.send(`${server.origin}${path()}`, { name: 'Bob’s now', csrf })).status).toBe(404);
    expect(await nameNow()).toBe(before);
  });
});
