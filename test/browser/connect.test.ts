/** Connecting in a real browser, against a real Keyward and a real authorization server. */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { launch, look, openTab, type Tab } from '../support/clients/chromium.ts';
import { approveDevice } from '../support/clients/click-through.ts';
import { type Session, startSession, withoutClient } from '../support/clients/session.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../support/world.ts';

let browser: Browser;
let world: World;
/** One that has an OAuth client for the service, and one that has none. */
let session: Session;
let bare: Session;

beforeAll(async () => {
  [browser, world] = await Promise.all([launch(), startWorld({ passwords: ['bob:correct horse'] })]);
  session = await startSession(world.env);
  bare = await startSession({ ...withoutClient(world.env), KEYWARD_RELEASE: 'approve' });
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(async () => {
  await browser.close();
  await session.close();
  await bare.close();
  await world.close();
});

const oauth = { connectorId, authenticationType: 'oauth2' };
const apiKey = { connectorId, authenticationType: 'api_key' };

const heading = (tab: Tab) => tab.locator('h1').innerText();

/** Signs in at the service and decides there. */
async function decide(tab: Tab, decision: 'allow' | 'deny'): Promise<void> {
  await tab.getByRole('button', { name: 'Sign in' }).click();
  await tab.locator(`button[value=${decision}]`).click();
}

describe('the connect pages', () => {
  it('take an OAuth client, lead to the service and back, and show the result', async () => {
    const tab = await openTab(browser);
    const { url } = await bare.connect(oauth);
    await tab.goto(url);
    expect(await heading(tab)).toBe('Set up Acme for Keyward');
    expect(await tab.locator('blockquote').innerText()).toContain('add “Things”');
    await look(tab, '1-oauth-client');
    expect(await tab.getByLabel('Redirect URI').first().inputValue()).toBe(
      `http://127.0.0.1:${bare.port}/oauth/callback`,
    );

    await tab.getByLabel('Client ID').fill('key ward');
    await tab.getByRole('button', { name: 'Save and continue' }).click();
    await look(tab, '2-oauth-client-problems');
    expect(await tab.title()).toMatch(/^To correct/);
    expect(await tab.locator(':focus').getAttribute('role')).toBe('alert');
    expect(await tab.getByLabel('Client ID').inputValue()).toBe('key ward');
    expect(await tab.locator('[aria-invalid=true]').count()).toBe(2);

    await tab.getByLabel('Client ID').fill('keyward');
    await tab.getByLabel('Client secret', { exact: true }).fill('keyward-secret');
    await tab.getByRole('button', { name: 'Save and continue' }).click();
    expect(await heading(tab)).toBe('Connect Acme');
    await look(tab, '3-consent');

    await tab.getByRole('link', { name: 'Continue to Acme' }).click();
    expect(new URL(tab.url()).origin).toBe(world.server.issuer);
    await decide(tab, 'allow');
    await tab.waitForURL(url);
    expect(await heading(tab)).toBe('Acme is connected');
    await look(tab, '4-connected');
    await tab.goBack();
    expect(tab.url()).not.toContain('code=');
  });

  it('say what else an app needs at a service that Keyward knows', async () => {
    const tab = await openTab(browser);
    await tab.goto((await bare.connect({ connectorId: 'gmail', authenticationType: 'oauth2' })).url);
    await tab.getByText('enable the Gmail API').waitFor();
    await look(tab, '1-oauth-client-known');
  });

  it('let a person enter another OAuth client', async () => {
    const tab = await openTab(browser);
    await tab.goto((await bare.connect(oauth)).url);
    await tab.getByRole('button', { name: 'use another one' }).click();
    expect(await heading(tab)).toBe('Set up Acme for Keyward');
  });

  it('take a secret, show what is wrong with it, and store it', async () => {
    const tab = await openTab(browser);
    const { url } = await session.connect(apiKey);
    await tab.goto(url);
    await look(tab, '5-secret');
    await tab.getByLabel('API key', { exact: true }).fill('CANARY-wrong');
    await tab.getByRole('button', { name: 'Save and continue' }).click();
    await look(tab, '6-secret-problem');
    expect(await tab.content()).not.toContain('CANARY');

    const field = tab.getByLabel('API key', { exact: true });
    await field.fill(goodApiKey);
    await tab.getByRole('button', { name: 'Show API key' }).click();
    expect(await field.getAttribute('type')).toBe('text');
    await tab.getByRole('button', { name: 'Hide API key' }).click();
    expect(await field.getAttribute('type')).toBe('password');
    await tab.getByRole('button', { name: 'Save and continue' }).click();
    expect(await heading(tab)).toBe('Acme is connected');
    await tab.reload();
    expect(await heading(tab)).toBe('Acme is connected');
  });

  it('copy the redirect URI with a button', async () => {
    const tab = await openTab(browser, { permissions: ['clipboard-read', 'clipboard-write'] });
    const fresh = await startSession(withoutClient(world.env));
    await tab.goto((await fresh.connect(oauth)).url);
    await tab.getByRole('button', { name: 'Copy redirect URI' }).click();
    await tab.getByRole('button', { name: 'Copied redirect URI' }).waitFor();
    expect(await tab.evaluate('navigator.clipboard.readText()')).toBe(`http://127.0.0.1:${fresh.port}/oauth/callback`);
    await fresh.close();
  });

  it('say so when the service says no', async () => {
    const tab = await openTab(browser);
    const { url } = await session.connect(oauth);
    await tab.goto(url);
    await tab.getByRole('link', { name: 'Continue to Acme' }).click();
    await decide(tab, 'deny');
    await tab.waitForURL(url);
    expect(await heading(tab)).toBe('Acme is not connected');
    await look(tab, '7-service-said-no');
  });

  it('say so when the person declines, when it is too late, and when there is nothing', async () => {
    const tab = await openTab(browser);
    const { url } = await session.connect(apiKey);
    await tab.goto(url);
    await tab.getByRole('button', { name: 'Don’t connect' }).click();
    expect(await heading(tab)).toBe('You chose not to connect Acme');
    await look(tab, '8-declined');

    const late = await session.connect(apiKey);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 601_000 });
    await tab.goto(late.url);
    expect(await heading(tab)).toBe('This link has expired');
    await look(tab, '9-expired');

    await tab.goto(`${new URL(url).origin}/connect/550e8400-e29b-41d4-a716-446655440000`);
    await look(tab, '10-unknown');
    expect(await tab.locator('main').innerText()).toContain('assistant');
  });

  it('refuse an answer that comes a second time, and say that the first one counts', async () => {
    const tab = await openTab(browser);
    await tab.goto((await session.connect(oauth)).url);
    let callback = '';
    tab.on('request', (request) => {
      if (request.url().includes('/oauth/callback?')) callback = request.url();
    });
    await tab.getByRole('link', { name: 'Continue to Acme' }).click();
    await decide(tab, 'allow');
    await tab.waitForURL(/\/connect\//);
    await tab.goto(callback);
    await look(tab, '11-answered-twice');
    expect(await tab.locator('main').innerText()).toContain('already');
  });

  it('show a code for another device and go on by themselves once it was entered', async () => {
    const tab = await openTab(browser);
    const { attemptId, url } = await session.connect({ ...oauth, flow: 'device' });
    expect(new URL(url).pathname).toBe('/device');
    await tab.goto(`${await session.broker.pages.open(attemptId, false)}/connect/${attemptId}`);
    expect(await heading(tab)).toBe('Enter this code at Acme');
    await look(tab, '12-device');
    await approveDevice((await tab.getByRole('link', { name: 'code filled in' }).getAttribute('href')) ?? '');
    await tab.getByRole('heading', { name: 'Acme is connected' }).waitFor({ timeout: 60_000 });
  });

  it.each([true, false])('wait while Keyward fetches the access, then go on; with scripts: %s', async (scripts) => {
    const tab = await openTab(browser, { javaScriptEnabled: scripts });
    const { attemptId, url } = await session.connect(oauth);
    const { vault } = session.broker;
    const set = async (change: { status: 'exchanging' } | { status: 'completed' }) => {
      const record = await vault.findAttempt(attemptId);
      if (record) await vault.commit([{ op: 'update', kind: 'attempt', record: { ...record, ...change } }]);
    };
    await set({ status: 'exchanging' });
    await tab.goto(url);
    expect(await heading(tab)).toBe('Connecting Acme…');
    if (scripts) await look(tab, '13-working');
    await set({ status: 'completed' });
    await tab.getByRole('heading', { name: 'Acme is connected' }).waitFor({ timeout: 20_000 });
  });
});

describe('without a mouse', () => {
  it('a form is read, filled in, corrected and sent with the keyboard alone', async () => {
    const tab = await openTab(browser);
    await tab.goto((await session.connect({ connectorId, authenticationType: 'basic', username: 'ann' })).url);
    const press = async (...keys: string[]) => {
      for (const key of keys) await tab.keyboard.press(key);
    };
    const focused = () =>
      tab.evaluate<{ id: string; text: string; ring: string }>(`
        const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
        const { id, textContent: text } = document.activeElement;
        ({ id, text, ring: outlineStyle + ' ' + outlineWidth })`);
    /** Walks on with Tab until this is focused, and sees a focus ring at every stop. */
    const walkTo = async (wanted: (stop: { id: string; text: string }) => boolean) => {
      for (let stops = 0; stops < 20; stops += 1) {
        await press('Tab');
        const stop = await focused();
        expect(stop.ring).toBe('solid 3px');
        if (wanted(stop)) return;
      }
      throw new Error('It can’t be reached.');
    };
    await walkTo(({ id }) => id === 'f-username');
    await tab.keyboard.type('bob');
    await press('Enter');
    await tab.getByRole('alert').waitFor();
    expect(await tab.locator(':focus').getAttribute('role')).toBe('alert');
    await walkTo(({ text }) => text.startsWith('Password'));
    await press('Enter');
    expect((await focused()).id).toBe('f-password');
    await tab.keyboard.type('correct horse');
    expect(await tab.getByLabel('Username').inputValue()).toBe('bob');
    await walkTo(({ text }) => text === 'Save and continue');
    await press('Enter');
    await tab.getByRole('heading', { name: 'Acme is connected' }).waitFor();
  });
});

describe('without JavaScript', () => {
  it('everything works: OAuth client, problems, the service, the result', async () => {
    const tab = await openTab(browser, { javaScriptEnabled: false });
    const plain = await startSession(withoutClient(world.env));
    const { url } = await plain.connect(oauth);
    await tab.goto(url);
    expect(await tab.getByRole('button', { name: 'Copy' }).count()).toBe(0);
    await tab.getByRole('button', { name: 'Save and continue' }).click();
    expect(await tab.getByRole('alert').innerText()).toContain('client ID');
    await tab.getByLabel('Client ID').fill('keyward');
    await tab.getByLabel('Client secret', { exact: true }).fill('keyward-secret');
    await tab.getByRole('button', { name: 'Save and continue' }).click();
    await tab.getByRole('link', { name: 'Continue to Acme' }).click();
    await decide(tab, 'allow');
    await tab.waitForURL(url);
    expect(await heading(tab)).toBe('Acme is connected');
    await plain.close();
  });

  it('a secret is typed, corrected and stored', async () => {
    const tab = await openTab(browser, { javaScriptEnabled: false });
    await tab.goto((await session.connect(apiKey)).url);
    await tab.getByRole('button', { name: 'Save and continue' }).click();
    expect(await tab.getByRole('alert').innerText()).toContain('API key is missing.');
    await tab.getByLabel('API key').fill(goodApiKey);
    await tab.getByRole('button', { name: 'Save and continue' }).click();
    expect(await heading(tab)).toBe('Acme is connected');
  });
});
