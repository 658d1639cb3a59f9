/** Connecting through the pages, with real requests, a real vault and a real authorization server. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getConnectionCredentials } from '../../../../src/broker/credentials/release.ts';
import { shareConnection } from '../../../../src/broker/credentials/share.ts';
import { createApp } from '../../../../src/http/middleware/app.ts';
import { callbackRoutes } from '../../../../src/http/pages/connect/callback.ts';
import { connectRoutes } from '../../../../src/http/pages/connect/routes.ts';
import { localPrincipal } from '../../../../src/principal.ts';
import { clickThrough } from '../../../support/clients/click-through.ts';
import { raw } from '../../../support/clients/raw-http.ts';
import { createBrowser, linkOut, type Session, startSession, withoutClient } from '../../../support/clients/session.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../../../support/world.ts';

let world: World;
let session: Session;

beforeAll(async () => {
  world = await startWorld();
  session = await startSession(world.env);
});
afterAll(async () => {
  await session.close();
  await world.close();
});

const oauth = { connectorId, authenticationType: 'oauth2' };
const apiKey = { connectorId, authenticationType: 'api_key' };
const exchanges = () => world.server.calls.authorization_code ?? 0;
const attempt = (id: string) => session.broker.vault.findAttempt(id);

/** Opens the page of a new attempt, consents at the service, and stops short of opening the callback. */
async function consented() {
  const started = await session.connect(oauth);
  const browser = createBrowser();
  const page = await browser.open(started.url);
  const callback = await clickThrough(linkOut(page));
  return { ...started, browser, callback };
}

describe('connecting with a secret', () => {
  it('stores what the person typed and says that it is done', async () => {
    const { attemptId, url } = await session.connect(apiKey);
    const browser = createBrowser();
    const page = await browser.open(url);
    expect([page.status, page.heading]).toEqual([200, 'Connect Acme']);
    expect(page.text).toContain('Test Client');
    const done = await browser.submit(page, 'inputs', { apiKey: ` ${goodApiKey} ` });
    expect([done.status, done.heading, done.url.href]).toEqual([200, 'Acme is connected', url]);
    const credentialId = (await attempt(attemptId))?.credentialId ?? '';
    const { credentials } = await getConnectionCredentials(session.broker, localPrincipal, {
      connectionId: credentialId,
    });
    expect(credentials).toEqual({ apiKey: goodApiKey });
  });

  it('says where the secret goes, whatever the connector file calls itself', async () => {
    const told = `<dt>Sent to</dt><dd><span class="code">${new URL(world.server.issuer).host}</span> and nowhere else`;
    for (const input of [apiKey, oauth]) {
      expect((await createBrowser().open((await session.connect(input)).url)).text).toContain(told);
    }
    const known = await session.connect({ connectorId: 'openai', authenticationType: 'api_key' });
    expect((await createBrowser().open(known.url)).text).not.toContain('Sent to');
  });
  it('calls a service that has no connector of its own by its host', async () => {
    const input = {
      connectorId: 'generic-api-key',
      authenticationType: 'api_key',
      baseUrl: 'https://api.shop.example',
    };
    const page = await createBrowser().open((await session.connect(input)).url);
    expect(page.heading).toBe('Connect api.shop.example');
  });

  it('links to the page for keys of a built-in connector, and beside OAuth to none that is about OAuth', async () => {
    const known = await session.connect({ connectorId: 'airtable', authenticationType: 'bearer' });
    const page = (await createBrowser().open(known.url)).text;
    expect(page).toContain('<a href="https://airtable.com/create/tokens" rel="noopener noreferrer">');
    expect(page).not.toContain('oauth-reference');
    expect((await createBrowser().open((await session.connect(apiKey)).url)).text).not.toContain('acme.example/');
  });

  it('says with whom a connection is shared, before it gets another secret', async () => {
    const { attemptId, url } = await session.connect(apiKey);
    const browser = createBrowser();
    const first = await browser.open(url);
    expect(first.text).not.toContain('Shared with');
    await browser.submit(first, 'inputs', { apiKey: goodApiKey });
    const credentialId = (await attempt(attemptId))?.credentialId ?? '';
    await shareConnection(session.broker, localPrincipal, {
      connectionId: credentialId,
      with: 'user:bob',
      permission: 'use',
    });
    const again = await session.connect({ ...apiKey, credentialId });
    expect((await createBrowser().open(again.url)).text).toContain(
      '<dt>Shared with</dt><dd>user:bob, to call the service. They keep that with what you enter or connect here.</dd>',
    );
  });

  it('shows problems beside their fields, keeps what is no secret, and goes on when they are mended', async () => {
    const { url } = await session.connect({ connectorId, authenticationType: 'basic', username: 'ann' });
    const browser = createBrowser();
    const problems = await browser.submit(await browser.open(url), 'inputs', { username: 'bob', password: '' });
    expect([problems.status, problems.heading]).toEqual([422, 'Connect Acme']);
    expect(problems.text).toContain('Password is missing.');
    expect(problems.text).toContain('value="bob"');
    const refused = await browser.submit(problems, 'inputs', { username: 'ann', password: 'CANARY horse' });
    expect([refused.status, refused.heading]).toEqual([422, 'Connect Acme']);
    expect(refused.text).toContain('was not taken by Acme');
    expect(refused.text).not.toContain('CANARY');
    const done = await browser.submit(refused, 'inputs', { username: 'ann', password: 'correct horse' });
    expect(done.heading).toBe('Acme is connected');
    expect(done.text).toContain('ann@example.com');
  });

  it('never sends a typed secret back, in a page or in a log', async () => {
    const { url } = await session.connect(apiKey);
    const browser = createBrowser();
    const problems = await browser.submit(await browser.open(url), 'inputs', { apiKey: 'CANARY-not-a-key' });
    expect(problems.status).toBe(422);
    expect(problems.text).not.toContain('CANARY');
    expect(session.logged()).not.toContain('CANARY');
  });

  it('ends the attempt when the person declines', async () => {
    const { attemptId, url } = await session.connect(apiKey);
    const browser = createBrowser();
    const page = await browser.submit(await browser.open(url), 'cancel');
    expect(page.heading).toBe('You chose not to connect Acme');
    expect(await attempt(attemptId)).toMatchObject({ status: 'failed', error: { code: 'cancelled' } });
    expect((await browser.submit(await browser.open(url), 'inputs', { apiKey: goodApiKey })).status).toBe(403);
  });

  it('takes a form once', async () => {
    const { url } = await session.connect(apiKey);
    const browser = createBrowser();
    const page = await browser.open(url);
    await browser.submit(page, 'inputs', { apiKey: goodApiKey });
    expect((await browser.submit(page, 'inputs', { apiKey: goodApiKey })).status).toBe(409);
  });
});

describe('connecting with OAuth', () => {
  it('sends the person to the service by a link and shows the result after the callback', async () => {
    const { attemptId, url, browser, callback } = await consented();
    const done = await browser.open(callback);
    expect([done.status, done.heading]).toEqual([200, 'Acme is connected']);
    expect(done.url.href).toBe(url);
    expect(await attempt(attemptId)).toMatchObject({ status: 'completed' });
  });

  it('asks for the OAuth client first when there is none, and lets a wrong one be replaced', async () => {
    const bare = await startSession(withoutClient(world.env));
    const { url } = await bare.connect(oauth);
    const browser = createBrowser();
    const form = await browser.open(url);
    expect(form.heading).toBe('Set up Acme for Keyward');
    expect(form.text).toContain(`>http://127.0.0.1:${bare.port}/oauth/callback</textarea>`);
    const empty = await browser.submit(form, 'auth-config', { clientId: 'mistyped', clientSecret: '' });
    expect([empty.status, /value="mistyped"/.test(empty.text)]).toEqual([422, true]);
    const mistyped = await browser.submit(empty, 'auth-config', { clientId: 'mistyped', clientSecret: 'CANARY' });
    expect(mistyped.heading).toBe('Connect Acme');
    const again = await browser.submit(mistyped, 'forget-auth-config');
    expect(again.heading).toBe('Set up Acme for Keyward');
    const page = await browser.submit(again, 'auth-config', { clientId: 'keyward', clientSecret: 'keyward-secret' });
    const done = await browser.open(await clickThrough(linkOut(page)));
    expect(done.heading).toBe('Acme is connected');
    await bare.close();
  });

  it('tells a person what else the app needs at the service, a built-in connector as its own words and no other', async () => {
    const bare = await startSession(withoutClient(world.env));
    const open = async (input: typeof oauth) => (await createBrowser().open((await bare.connect(input)).url)).text;
    expect(await open({ connectorId: 'gmail', authenticationType: 'oauth2' })).toMatch(
      /<\/li>\s*<li>[^<]*enable the Gmail API;[^<]*<\/li><li>/,
    );
    for (const authenticationType of ['oauth2', 'oauth2_client_credentials']) {
      const own = await open({ connectorId, authenticationType });
      expect(own.includes('<blockquote><ul><li>Under Products, add “Things”')).toBe(authenticationType === 'oauth2');
      expect(own.includes('Keyward has not checked')).toBe(authenticationType === 'oauth2');
    }
    await bare.close();
  });

  it('says so when the person denies at the service', async () => {
    const { attemptId, url } = await session.connect(oauth);
    const browser = createBrowser();
    const denied = await clickThrough(linkOut(await browser.open(url)), { decision: 'deny' });
    const page = await browser.open(denied);
    expect(page.heading).toBe('Acme is not connected');
    expect(await attempt(attemptId)).toMatchObject({ status: 'failed' });
  });

  it('sends the person back to the program that asked, without anything secret', async () => {
    const returnTo = 'http://127.0.0.1:1/done?keep=1';
    const { url } = await session.connect({ ...oauth, redirectUri: returnTo });
    const browser = createBrowser();
    const callback = await clickThrough(linkOut(await browser.open(url)));
    const answer = await browser.open(callback, 0);
    expect(answer.status).toBe(303);
    const location = new URL(answer.headers.get('location') ?? '');
    expect(location.origin).toBe('http://127.0.0.1:1');
    expect([...location.searchParams.keys()].filter((name) => ['code', 'state', 'iss'].includes(name))).toEqual([]);
  });

  it('15. a missing, altered or foreign state is refused, and the token endpoint is not called', async () => {
    const { attemptId, browser, callback } = await consented();
    const before = exchanges();
    const state = callback.searchParams.get('state') ?? '';
    const altered = `${state.slice(0, -1)}${state.endsWith('A') ? 'B' : 'A'}`;
    for (const wrong of [null, '', 'x', altered, state.slice(0, 36), `${state}x`, `${attemptId}.`]) {
      const url = new URL(callback);
      if (wrong === null) url.searchParams.delete('state');
      else url.searchParams.set('state', wrong);
      expect((await browser.open(url)).status).toBe(403);
    }
    const twice = new URL(callback);
    twice.searchParams.append('state', state);
    expect((await browser.open(twice)).status).toBe(403);
    expect(exchanges()).toBe(before);
    expect((await browser.open(callback)).heading).toBe('Acme is connected');
  });

  it('16. a callback that is opened again is refused and leaves the first result alone', async () => {
    const { attemptId, browser, callback } = await consented();
    await browser.open(callback);
    const first = await attempt(attemptId);
    const before = exchanges();
    expect((await browser.open(callback)).status).toBe(409);
    expect(exchanges()).toBe(before);
    expect(await attempt(attemptId)).toEqual(first);
  });

  it('16. of many callbacks at once exactly one counts', async () => {
    const { attemptId, browser, callback } = await consented();
    const before = exchanges();
    const answers = await Promise.all(Array.from({ length: 10 }, () => browser.open(callback, 0)));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, ...Array(9).fill(409)]);
    expect(exchanges()).toBe(before + 1);
    expect(await attempt(attemptId)).toMatchObject({ status: 'completed' });
  });

  it("17. an attacker's answer in the victim's browser is refused, and so is the victim's in the attacker's", async () => {
    const attacker = await consented();
    const victim = await consented();
    const before = exchanges();
    expect((await victim.browser.open(attacker.callback)).status).toBe(403);
    expect((await attacker.browser.open(victim.callback)).status).toBe(403);
    expect((await createBrowser().open(victim.callback)).status).toBe(403);
    // The attacker's code with the victim's state: the service refuses it, since the verifier is another one.
    const mixed = new URL(victim.callback);
    mixed.searchParams.set('code', attacker.callback.searchParams.get('code') ?? '');
    expect((await victim.browser.open(mixed)).heading).toBe('Acme is not connected');
    expect(exchanges()).toBe(before + 1);
    expect((await attacker.browser.open(attacker.callback)).heading).toBe('Acme is connected');
  });

  it('23. what a service says in an error is escaped, under a strict policy', async () => {
    const { url } = await session.connect(oauth);
    const browser = createBrowser();
    const state = new URL(linkOut(await browser.open(url))).searchParams.get('state') ?? '';
    const query = new URLSearchParams({
      state,
      iss: world.server.issuer,
      error: 'access_denied',
      error_description: '<script>alert(1)</script>',
    });
    const page = await browser.open(`http://127.0.0.1:${session.port}/oauth/callback?${query}`);
    expect(page.heading).toBe('Acme is not connected');
    expect(page.text).not.toContain('<script>alert');
    expect(page.url.search).toBe('');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.headers.get('referrer-policy')).toBe('same-origin');
    expect(page.headers.get('x-frame-options')).toBe('DENY');
  });

  it('25. another site that posts or fetches with a guessed state gets 403, and the flow lives', async () => {
    const { browser, callback, attemptId } = await consented();
    const origin = `http://127.0.0.1:${session.port}`;
    const path = `/oauth/callback?code=guess&state=${attemptId}.${'A'.repeat(43)}`;
    const evil = { origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' };
    expect((await raw(origin, path, { method: 'POST', headers: evil })).status).toBe(403);
    expect((await raw(origin, path, { headers: { ...evil, 'sec-fetch-mode': 'cors' } })).status).toBe(403);
    expect((await raw(origin, path)).status).toBe(403);
    expect((await browser.open(callback)).heading).toBe('Acme is connected');
  });

  it('27. opening the page any number of times, by prefetchers and other browsers, consumes nothing', async () => {
    const { attemptId, url } = await session.connect(oauth);
    const before = await attempt(attemptId);
    const person = createBrowser();
    const page = await person.open(url);
    for (let times = 0; times < 5; times += 1) expect((await createBrowser().open(url)).status).toBe(200);
    expect((await raw(new URL(url).origin, new URL(url).pathname, { method: 'HEAD' })).status).toBe(200);
    expect(await attempt(attemptId)).toEqual(before);
    expect(linkOut(await person.open(url))).toBe(linkOut(page));
    const callback = await clickThrough(linkOut(page));
    const prefetch = { cookie: [...person.cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
    const early = await raw(callback.origin, `${callback.pathname}${callback.search}`, {
      headers: { ...prefetch, 'sec-purpose': 'prefetch' },
    });
    expect(early.status).toBe(503);
    expect((await person.open(callback)).heading).toBe('Acme is connected');
  });
});

describe('the forms', () => {
  const post = (url: string, headers: Record<string, string>, body: string | Buffer) =>
    raw(new URL(url).origin, new URL(url).pathname, { method: 'POST', headers, body });
  const type = 'application/x-www-form-urlencoded';

  it('are taken from their own page in their own browser only', async () => {
    const { attemptId, url } = await session.connect(apiKey);
    const [person, other] = [createBrowser(), createBrowser()];
    const page = await person.open(url);
    await other.open(url);
    expect((await other.submit(page, 'inputs', { apiKey: goodApiKey })).status).toBe(403);
    expect((await createBrowser().submit(page, 'inputs', { apiKey: goodApiKey })).status).toBe(403);
    const cookie = [...person.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const csrf = /name="csrf" value="([^"]*)"/.exec(page.text)?.[1] ?? '';
    const body = `csrf=${csrf}&action=cancel`;
    for (const origin of ['https://evil.test', 'null', `http://127.0.0.1:${session.port}`]) {
      expect((await post(url, { cookie, origin, 'content-type': type }, body)).status).toBe(403);
    }
    expect((await post(url, { cookie, 'content-type': type }, 'action=cancel')).status).toBe(403);
    expect((await post(url, { cookie, 'content-type': type }, `csrf=${csrf}&action=else`)).status).toBe(422);
    expect(await attempt(attemptId)).toMatchObject({ status: 'pending' });
  });

  it('45. are refused when too long, with or without a length, compressed, or of another type', async () => {
    const { url } = await session.connect(apiKey);
    const long = `action=inputs&field.apiKey=${'a'.repeat(70_000)}`;
    expect((await post(url, { 'content-type': type, 'content-length': `${long.length}` }, long)).status).toBe(413);
    expect((await post(url, { 'content-type': type, 'transfer-encoding': 'chunked' }, long)).status).toBe(413);
    const packed = gzipSync('action=inputs');
    expect((await post(url, { 'content-type': type, 'content-encoding': 'gzip' }, packed)).status).toBe(415);
    for (const other of ['application/json', 'text/plain', 'multipart/form-data; boundary=x']) {
      expect((await post(url, { 'content-type': other }, '{}')).status).toBe(415);
    }
  });

  it('49. line breaks in any part of an address never reach a header', async () => {
    const { url, attemptId } = await session.connect(oauth);
    const pages = new URL(url).origin;
    const callback = `http://127.0.0.1:${session.port}`;
    const breaks = '%0d%0aset-cookie:%20evil=1';
    const answers = await Promise.all([
      raw(pages, `/connect/${attemptId}${breaks}`),
      raw(pages, `/connect/${breaks}`),
      raw(callback, `/oauth/callback/${breaks}?state=${attemptId}.x${breaks}`),
      raw(callback, `/oauth/callback?state=${breaks}&code=${breaks}`),
      raw(callback, `/.well-known/keyward-challenge?nonce=${breaks}`),
    ]);
    for (const { status, headers } of answers) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(JSON.stringify(headers)).not.toContain('evil');
    }
  });

  it('48. names such as __proto__ are nothing special', async () => {
    const { url } = await session.connect(apiKey);
    const browser = createBrowser();
    const fields = { ['__proto__']: '1', constructor: '1', apiKey: goodApiKey };
    const answer = await browser.submit(await browser.open(url), 'inputs', fields);
    expect(answer.status).toBe(422);
    expect(Object.prototype).not.toHaveProperty('apiKey');
    const mended = await browser.submit(answer, 'inputs', { apiKey: goodApiKey });
    expect(mended.heading).toBe('Acme is connected');
  });

  it('13. an id of any other form leads nowhere, and says what to do', async () => {
    const { url, attemptId } = await session.connect(apiKey);
    const pages = new URL(url).origin;
    const near = [`${attemptId}%20`, `%2e%2e/${attemptId}`, attemptId.slice(1)];
    for (const id of [...near, '550e8400-e29b-41d4-a716-446655440000']) {
      const answer = await raw(pages, `/connect/${id}`);
      expect(answer.status).toBe(404);
      expect(answer.body).toMatch(/assistant/);
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
  });

  it('give the browser a cookie of the attempt that scripts and other sites never see', async () => {
    const { url, attemptId } = await session.connect(apiKey);
    const { headers } = await raw(new URL(url).origin, new URL(url).pathname);
    const [cookie = ''] = [headers['set-cookie'] ?? []].flat();
    expect(cookie).toMatch(new RegExp(`^keyward-${attemptId}=[A-Za-z0-9_-]{43};`));
    expect(cookie).toContain('HttpOnly');
    expect(cookie).toContain('SameSite=Lax');
    expect(cookie).toContain('Path=/');
  });

  it('bind the browser with a __Host- cookie where they are reached over https', async () => {
    const { attemptId } = await session.connect(oauth);
    const { broker } = session;
    const host = 'keyward.example';
    const app = createApp({ hosts: [host], origins: [`https://${host}`], log: broker.log });
    app.route(
      '/',
      connectRoutes({
        broker,
        secure: true,
        place: 'encrypted at keyward.example',
        visitor: async () => 'local',
      }),
    );
    app.route('/', callbackRoutes({ broker, secure: true, pages: `https://${host}`, visitor: async () => 'local' }));
    const open = (path: string, headers: Record<string, string> = {}) =>
      app.request(`https://${host}${path}`, { headers: { host, ...headers } });

    const page = await open(`/connect/${attemptId}`);
    const [cookie = ''] = page.headers.getSetCookie();
    expect(cookie).toMatch(new RegExp(`^__Host-keyward-${attemptId}=[A-Za-z0-9_-]{43};`));
    expect(cookie).toMatch(/; Path=\/;.*HttpOnly; Secure; SameSite=Lax/);
    expect(cookie).not.toContain('Domain');

    const [, value = ''] = /=([^;]*)/.exec(cookie) ?? [];
    const [, state = ''] = /[?&]state=([^&"]*)/.exec((await page.text()).replaceAll('&amp;', '&')) ?? [];
    const query = `/oauth/callback?error=access_denied&state=${state}&iss=${encodeURIComponent(world.server.issuer)}`;
    expect((await open(query, { cookie: `keyward-${attemptId}=${value}` })).status).toBe(403);
    const done = await open(query, { cookie: `__Host-keyward-${attemptId}=${value}` });
    expect([done.status, done.headers.get('location')]).toEqual([303, `https://${host}/connect/${attemptId}`]);
  });
});
