/** The list and the page of a connection in a real browser: with and without scripts, with the keyboard alone, at each size and colour. */
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callApi } from '../../src/broker/calls/call-api.ts';
import { createCredential } from '../../src/broker/connect/create.ts';
import { beginVisit } from '../../src/broker/sign-in/visits.ts';
import { allViews, launch, look, openTab, type Tab, twoViews } from '../support/clients/chromium.ts';
import { person } from '../support/principals.ts';
import { type SignInServer, startSignInServer } from '../support/servers/sign-in-server.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../support/world.ts';

let browser: Browser;
let world: World;
let server: SignInServer;
let id: string;
const ann = person('acme', 'ann');

beforeAll(async () => {
  [browser, world] = await Promise.all([launch(), startWorld()]);
  server = await startSignInServer({ ...world.env, KEYWARD_RELEASE: 'approve' });
  id = await connect('Work Acme');
  const broken = await connect('A second one with quite a long name, as people give them');
  const row = await server.broker.vault.get('credential', ann, broken);
  if (row === undefined) throw new Error('There is no connection.');
  const statusReason = 'Acme answered 401: the key was revoked.';
  const record = { ...row, status: 'reconnect_required', statusReason, statusSince: Date.UTC(2026, 10, 21) } as const;
  await server.broker.vault.commit([{ op: 'update', kind: 'credential', record }]);
  const call = { connectionId: id, method: 'GET', path: '/me' } as const;
  await callApi(server.broker, { ...ann, client: 'Research agent' }, call);
});
afterAll(async () => {
  await browser.close();
  await server.close();
  await world.close();
});

async function connect(name: string): Promise<string> {
  const input = { connectorId, authenticationType: 'api_key', apiKey: goodApiKey, name };
  const made = await createCredential(server.broker, ann, input, { obtainedBy: 'page' });
  if (made.kind !== 'created') throw new Error('Nothing should be missing.');
  return made.credentialId;
}

async function signedIn(options: BrowserContextOptions = {}): Promise<Tab> {
  const tab = await openTab(browser, options);
  const value = await beginVisit(server.broker, ann);
  await tab.context().addCookies([{ name: 'keyward', value, url: server.origin, httpOnly: true }]);
  return tab;
}

const heading = (tab: Tab) => tab.locator('h1').innerText();

/** Goes on with the keyboard until this has the focus, and presses it. */
async function press(tab: Tab, name: string): Promise<void> {
  for (let steps = 0; steps < 60; steps += 1) {
    await tab.keyboard.press('Tab');
    const focused = await tab.evaluate<string>('document.activeElement.textContent.trim()');
    if (focused === name) return tab.keyboard.press('Enter');
  }
  throw new Error(`The keyboard alone does not reach “${name}”.`);
}

describe('the list of connections', () => {
  it('says the state of each in words, finds one by what is typed, and leaves out what works', async () => {
    const tab = await signedIn();
    await tab.goto(server.origin);
    const main = tab.getByRole('main');
    expect(await main.innerText()).toContain(
      'Has to be connected again, since 2026-11-21: Acme answered 401: the key was revoked.',
    );
    await look(tab, 'connection-1-list', allViews);
    await tab.getByLabel('Name, service, account or host').fill('second long');
    await tab.keyboard.press('Enter');
    await tab.waitForURL(/q=second/);
    expect(await main.getByRole('listitem').count()).toBe(1);
    await tab.getByLabel('Name, service, account or host').fill('');
    await tab.getByLabel('Only what needs attention').check();
    await tab.getByRole('button', { name: 'Search' }).click();
    expect(await main.getByRole('listitem').allInnerTexts()).toEqual([expect.stringContaining('A second one')]);
    await tab.getByLabel('Name, service, account or host').fill('nothing like it');
    await tab.keyboard.press('Enter');
    await tab.getByText('Nothing here is like that.').waitFor();
  });
});

describe('the page of a connection', () => {
  it('does without scripts what its owner wants: checks, renames, limits, asks before it allows more, deletes', async () => {
    const tab = await signedIn({ javaScriptEnabled: false });
    await tab.goto(`${server.origin}/connections/${id}`);
    await tab.getByRole('button', { name: 'Check it now' }).click();
    expect(await tab.getByRole('status').innerText()).toContain('Checked just now: Acme takes it.');
    await tab.getByLabel('Name', { exact: true }).fill('Home Acme');
    await tab.getByRole('button', { name: 'Rename it' }).click();
    expect(await heading(tab)).toBe('Home Acme');
    await tab.getByRole('link', { name: 'Change the rules' }).click();
    await tab.getByLabel('Reading only').check();
    await tab.getByRole('button', { name: 'Look at these rules' }).click();
    await tab.getByRole('button', { name: 'Set these rules' }).click();
    expect(await tab.getByRole('main').innerText()).toContain('Allowed: GET, HEAD on every path.');
    await tab.getByText('Share it with somebody').click();
    await tab.getByLabel('Who').fill('bob');
    await tab.getByLabel('use it, as the rules below say').check();
    await tab.getByRole('button', { name: 'Share it' }).click();
    expect(await heading(tab)).toMatch(/^Share Acme/);
    await tab.getByRole('button', { name: 'Share with “bob”' }).click();
    await tab.getByRole('button', { name: 'Take it back from bob' }).click();
    expect(await tab.getByRole('main').innerText()).toContain('Nobody. It is yours alone.');
    await tab.getByRole('link', { name: 'Delete this connection' }).click();
    await tab.getByRole('button', { name: 'Delete this connection' }).click();
    expect(await heading(tab)).toBe('Deleted');
    id = await connect('Work Acme');
  });

  it('looks right at each size and in each colour, copies what is made for it, and needs no mouse', async () => {
    await callApi(
      server.broker,
      { ...ann, client: 'Research agent' },
      { connectionId: id, method: 'GET', path: '/me' },
    );
    const tab = await signedIn({ permissions: ['clipboard-read', 'clipboard-write'] });
    await tab.goto(server.origin);
    await press(tab, 'Work Acme');
    await tab.getByRole('heading', { name: 'Work Acme' }).waitFor();
    await look(tab, 'connection-2-page', allViews);
    await tab.getByRole('button', { name: 'Copy curl' }).click();
    expect(await tab.evaluate('navigator.clipboard.readText()')).toBe(
      `curl -H "Authorization: Bearer $KEYWARD_TOKEN" '${server.origin}/proxy/${id}/me'`,
    );
    await press(tab, 'Share it with somebody');
    await look(tab, 'connection-3-sharing', twoViews);
    await tab.goto(`${server.origin}/connections/${id}/rules`);
    await look(tab, 'connection-4-rules', twoViews);
    await press(tab, 'Look at these rules');
    await tab.getByRole('heading', { name: 'Set these rules?' }).waitFor();
    await look(tab, 'connection-5-before-and-after', twoViews);
    await tab.goto(`${server.origin}/connections/${id}/delete`);
    await look(tab, 'connection-6-delete', twoViews);
  });

  it('keeps what was typed while somebody signs in again in another tab', async () => {
    const tab = await signedIn();
    await tab.goto(`${server.origin}/connections/${id}`);
    await tab.getByLabel('Name', { exact: true }).fill('Typed before');
    await tab.context().clearCookies();
    await tab.getByRole('button', { name: 'Rename it' }).click();
    expect(await heading(tab)).toBe('Sign in to go on');
    await look(tab, 'connection-7-sign-in-again', twoViews);
    const value = await beginVisit(server.broker, ann);
    await tab.context().addCookies([{ name: 'keyward', value, url: server.origin, httpOnly: true }]);
    await press(tab, 'Go on, I am signed in');
    await tab.getByRole('heading', { name: 'Look once more' }).waitFor();
    await look(tab, 'connection-8-look-once-more', twoViews);
    await tab.getByRole('button', { name: 'Rename it' }).click();
    expect(await heading(tab)).toBe('Typed before');
  });
});
