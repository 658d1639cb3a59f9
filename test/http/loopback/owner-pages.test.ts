/** `keyward open`: the page of the person at this computer, and everybody else who would like it. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { addAuthConfig } from '../../../src/broker/grants/auth-configs.ts';
import { createSession } from '../../../src/broker/sign-in/sessions.ts';
import { localPrincipal } from '../../../src/principal.ts';
import { clickThrough } from '../../support/clients/click-through.ts';
import { statusForOthers } from '../../support/clients/other-user.ts';
import { type OwnerPage, startOwnerPage } from '../../support/clients/owner-page.ts';
import { raw } from '../../support/clients/raw-http.ts';
import { type Browser, createBrowser, linkOut } from '../../support/clients/session.ts';
import { person } from '../../support/principals.ts';
import { connectorId, startWorld, type World } from '../../support/world.ts';

let world: World;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  world = await startWorld();
});
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closing.splice(0)) await close();
});
afterAll(() => world.close());

async function start(): Promise<OwnerPage> {
  const page = await startOwnerPage(world.env);
  closing.push(page.close);
  return page;
}

/** A page, and the browser that its link signed in. */
async function signedIn(): Promise<{ page: OwnerPage; browser: Browser }> {
  const page = await start();
  const browser = createBrowser();
  expect(await browser.open(page.link)).toMatchObject({ status: 200, heading: 'Your connections' });
  return { page, browser };
}

/** Every place of the navigation. */
const places = ['/', '/assistants', '/approvals', '/activity', '/clients'];

describe('the page of the person at this computer', () => {
  it('400. shows itself to one browser: who comes later with its link, or with none, gets nothing', async () => {
    const { page, browser } = await signedIn();
    for (const place of places) {
      const shown = await createBrowser().open(`${page.origin}${place}`);
      expect([shown.status, shown.heading], place).toEqual([401, 'This page does not open here']);
    }
    expect((await browser.open(page.link)).heading).toBe('Your connections');

    const second = createBrowser();
    expect(await second.open(page.link)).toMatchObject({ status: 401, heading: 'This page does not open here' });
    // One of the two is a thief, and nobody knows which.
    expect((await browser.open(`${page.origin}/`)).status).toBe(401);
    expect((await second.open(`${page.origin}/`)).status).toBe(401);
    expect(await page.over).toBe('twice');
    const noted: unknown[] = [];
    for await (const { action, outcome } of page.broker.vault.readAudit())
      if (action === 'sign_in') noted.push(outcome);
    expect(noted).toEqual(['allowed', 'refused']);
  });

  it('400. opens by no link that is old, or guessed', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] });
    const page = await start();
    const guessed = `${page.origin}/open/${'A'.repeat(43)}`;
    expect((await createBrowser().open(guessed)).status).toBe(401);
    await vi.advanceTimersByTimeAsync(59_000);
    const late = await start();
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await createBrowser().open(page.link)).status).toBe(401);
    expect(await page.over).toBe('unopened');
    expect((await createBrowser().open(late.link)).status).toBe(200);
  });

  it('401. is not there for another user of this computer, whose look does not use the link up', async () => {
    const page = await start();
    expect(await statusForOthers(page.link)).toBe(403);
    expect((await createBrowser().open(page.link)).heading).toBe('Your connections');
    expect(await statusForOthers(`${page.origin}/`)).toBe(403);
  });

  it('402. answers to its own names alone, whatever cookie comes along', async () => {
    const { page, browser } = await signedIn();
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    for (const host of ['evil.example', `evil.example:${new URL(page.origin).port}`, '127.0.0.1']) {
      expect((await raw(page.origin, '/', { headers: { host, cookie } })).status, host).toBe(403);
    }
  });

  it('403. does nothing for a page of the web that found its port, even in the browser that is signed in', async () => {
    const { page, browser } = await signedIn();
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const { host } = new URL(page.origin);
    const site = { host, cookie, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    for (const path of ['/revert', '/assistants', '/approvals', '/clients']) {
      const sent = await raw(page.origin, path, { method: 'POST', headers: { ...site, ...form }, body: 'csrf=x' });
      expect(sent.status, path).toBe(403);
    }
    expect((await raw(page.origin, '/', { headers: { ...site, 'sec-fetch-mode': 'cors' } })).status).toBe(403);
    // Another server of this computer counts as the same site to a browser.
    const near = { host, cookie, origin: 'http://127.0.0.1:3000', 'sec-fetch-site': 'same-site' };
    const sent = await raw(page.origin, '/revert', { method: 'POST', headers: { ...near, ...form }, body: 'csrf=x' });
    expect(sent.status).toBe(403);
    const shown = await browser.open(`${page.origin}/`);
    expect(shown.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(shown.text).not.toContain('access-control');
  });

  it('404. gives its browser what is good for this one process: another Keyward of the same vault knows nobody by it', async () => {
    const { browser } = await signedIn();
    const other = await start();
    const [name, value] = [...browser.cookies].find(([one]) => one.startsWith('keyward-open-')) ?? [];
    const thief = createBrowser();
    thief.cookies.set(`keyward-open-${new URL(other.origin).port}`, value ?? '');
    thief.cookies.set('keyward', value ?? '');
    thief.cookies.set(name ?? '', value ?? '');
    expect((await thief.open(`${other.origin}/`)).status).toBe(401);
    // Nor does the one take the other's browser away.
    expect((await browser.open(other.link)).heading).toBe('Your connections');
    expect([...browser.cookies.keys()].filter((one) => one.startsWith('keyward-open-'))).toHaveLength(2);
  });

  it('405. is gone when it has ended, with its link and with what the browser keeps', async () => {
    const { page, browser } = await signedIn();
    await page.close();
    closing.pop();
    await expect(browser.open(`${page.origin}/`)).rejects.toThrow('fetch failed');
    await expect(createBrowser().open(page.link)).rejects.toThrow('fetch failed');
  });

  it('406. is not used up by a browser that looks ahead, or at the head alone', async () => {
    const page = await start();
    const { pathname } = new URL(page.link);
    const { host } = new URL(page.origin);
    const ahead = { host, 'sec-purpose': 'prefetch;prerender' };
    expect((await raw(page.origin, pathname, { headers: ahead })).status).toBe(503);
    expect((await raw(page.origin, pathname, { method: 'HEAD', headers: { host } })).status).toBe(404);
    expect((await createBrowser().open(page.link)).heading).toBe('Your connections');
  });

  /** Lets so many minutes go by; answers how the page has ended, if it has. */
  function ticking(page: OwnerPage) {
    let ended: string | null = null;
    void page.over.then((why) => {
      ended = why;
    });
    return async (minutes: number) => {
      for (let left = minutes; left > 0; left -= 1) {
        await vi.advanceTimersByTimeAsync(60_000);
        await new Promise(setImmediate);
      }
      return ended;
    };
  }

  it('ends after a quarter of an hour without use, but not while an attempt is under way', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] });
    const { page, browser } = await signedIn();
    const pass = ticking(page);
    expect(await pass(14)).toBeNull();
    await browser.open(`${page.origin}/`);
    expect(await pass(14)).toBeNull();
    // It lives for ten minutes, and nobody opens it.
    await createCredential(
      page.broker,
      localPrincipal,
      { connectorId, authenticationType: 'api_key' },
      { obtainedBy: 'page' },
    );
    expect(await pass(9)).toBeNull();
    expect(await pass(10)).toBeNull();
    expect(await pass(8)).toBe('unused');
  });

  it('ends after four hours, however much it is used', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] });
    const { page, browser } = await signedIn();
    const pass = ticking(page);
    for (let opened = 0; opened < 23; opened += 1) {
      expect(await pass(10)).toBeNull();
      await browser.open(`${page.origin}/`);
    }
    expect(await pass(11)).toBe('old');
  });

  it('409. ends nothing of somebody else, whose ids are as those that there are not', async () => {
    const { page, browser } = await signedIn();
    const { broker } = page;
    const bob = person('acme', 'bob');
    const mine = { ...localPrincipal, scopes: ['credentials:read'], expiresAt: null };
    await createSession(broker, localPrincipal, mine);
    const { sessionId } = await createSession(broker, bob, { ...mine, ...bob, scopes: ['credentials:read'] });
    const client = { connectorId: 'github', clientId: 'Iv1.8a61', clientSecret: '' };
    const { authConfigId } = await addAuthConfig(broker, bob, client);
    const { text } = await browser.open(`${page.origin}/assistants`);
    const [, csrf = ''] = /name="csrf" value="([^"]+)"/.exec(text) ?? [];
    const said = async (place: string, field: string, id: string) => {
      const shown = await browser.send(`${page.origin}${place}`, { csrf, [field]: id });
      return [shown.status, shown.text.replaceAll(id, 'ID')];
    };
    for (const [place, field, id] of [
      ['/assistants', 'sessionId', sessionId],
      ['/clients', 'clientId', authConfigId],
      ['/approvals', 'approvalId', sessionId],
    ] as const) {
      const told = await said(place, field, id);
      expect(told[0], place).toBe(404);
      expect(told, place).toEqual(await said(place, field, crypto.randomUUID()));
    }
    expect(await broker.vault.findSession(sessionId)).toBeDefined();
    expect(await broker.vault.get('authConfig', bob, authConfigId)).toBeDefined();
  });

  it('finds its browser again when a service sends it to another name of loopback', async () => {
    const { page, browser } = await signedIn();
    const input = { connectorId, authenticationType: 'oauth2' };
    const created = await createCredential(page.broker, localPrincipal, input, { obtainedBy: 'page' });
    if (created.kind !== 'attempt') throw new Error('Nothing was left to ask.');
    const back = await clickThrough(linkOut(await browser.open(created.url)));
    back.hostname = 'localhost';
    // Its cookies are those of 127.0.0.1.
    const elsewhere = await createBrowser().open(back, 0);
    expect(elsewhere.status).toBe(303);
    back.hostname = '127.0.0.1';
    expect(elsewhere.headers.get('location')).toBe(back.href);
    expect((await browser.open(back)).heading).toBe('Acme is connected');
  });

  it('takes a person through connecting a service that sends them back to the fixed port', async () => {
    const { page, browser } = await signedIn();
    const input = { connectorId, authenticationType: 'oauth2' };
    const created = await createCredential(page.broker, localPrincipal, input, { obtainedBy: 'page' });
    if (created.kind !== 'attempt') throw new Error('Nothing was left to ask.');
    expect(new URL(created.url).origin).toBe(page.origin);
    expect((await createBrowser().open(created.url)).status).toBe(401);
    const back = await clickThrough(linkOut(await browser.open(created.url)));
    expect(Number(back.port)).toBe(page.session.port);
    const ended = await browser.open(back);
    expect([ended.url.origin, ended.heading]).toEqual([page.origin, 'Acme is connected']);
  });
});
