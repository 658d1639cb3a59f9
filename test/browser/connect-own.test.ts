/** Connecting from a person's own page in a real browser, with and without scripts. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSignInCode } from '../../src/broker/sign-in/code.ts';
import { localPrincipal } from '../../src/principal.ts';
import { launch, look, openTab, type Tab } from '../support/clients/chromium.ts';
import { withoutClient } from '../support/clients/session.ts';
import { person } from '../support/principals.ts';
import { type SignInServer, startSignInServer } from '../support/servers/sign-in-server.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../support/world.ts';

let browser: Browser;
let world: World;
let server: SignInServer;

const ann = person('acme', 'ann');

beforeAll(async () => {
  [browser, world] = await Promise.all([launch(), startWorld()]);
  server = await startSignInServer(withoutClient(world.env));
});
afterAll(async () => {
  await browser.close();
  await server.close();
  await world.close();
});

const heading = (tab: Tab) => tab.locator('h1').innerText();

/** A tab in which this person has signed in, at the list of services. */
async function atServices(options = {}): Promise<Tab> {
  const tab = await openTab(browser, options);
  const { code } = await createSignInCode(server.broker, localPrincipal, ann);
  await tab.goto(`${server.origin}/connect`);
  await tab.getByLabel('Sign-in code').fill(code);
  await tab.getByRole('button', { name: 'Sign in' }).click();
  expect(await heading(tab)).toBe('Connect a service');
  return tab;
}

describe('a person connects a service from their own page', () => {
  it('from the list of all services, by the way and with the name that they choose', async () => {
    const tab = await atServices();
    await look(tab, 'connect-own-1-services');
    await tab.getByLabel('Search by name').fill('Acme');
    await tab.getByRole('button', { name: 'Search' }).click();
    await tab.getByRole('link', { name: 'Acme', exact: true }).click();
    await look(tab, 'connect-own-2-ways');
    await tab.getByRole('link', { name: 'An app of your own' }).click();
    await look(tab, 'connect-own-3-way');
    await tab.getByLabel('Name').fill('Acme of mine');
    await tab.getByRole('button', { name: 'Continue' }).click();
    expect(await heading(tab)).toBe('Set up Acme for Keyward');
  });

  it('by a key instead of an app; a wrong key comes back at its field; the end is the connection', async () => {
    const tab = await atServices();
    await tab.goto(`${server.origin}/connect?service=${connectorId}&type=oauth2`);
    await tab.getByLabel('Name').fill('Acme of mine');
    await tab.getByRole('button', { name: 'Continue' }).click();
    for (const field of ['name', 'homepage URL', 'redirect URI', 'permissions'])
      expect(await tab.getByRole('button', { name: `Copy ${field}` }).count(), field).toBe(1);
    await look(tab, 'connect-own-4-set-up');
    await tab.getByRole('button', { name: 'Use this instead: API key' }).click();
    expect(await heading(tab)).toBe('Connect Acme');
    await tab.getByLabel('API key', { exact: true }).fill('acme_9182736450abcdef');
    await tab.getByRole('button', { name: 'Save and continue' }).click();
    expect(await tab.locator('.problems').innerText()).toContain('was not taken by Acme');
    expect(await tab.getByLabel('API key', { exact: true }).inputValue()).toBe('');
    await look(tab, 'connect-own-5-wrong-key');
    await tab.getByLabel('API key', { exact: true }).fill(goodApiKey);
    await tab.getByRole('button', { name: 'Save and continue' }).click();
    expect(await heading(tab)).toBe('Acme is connected');
    const [made] = await server.broker.vault.list('credential', ann, {}, { limit: 1 });
    const link = tab.getByRole('link', { name: 'Go to the connection' });
    expect([made?.name, await link.getAttribute('href')]).toEqual(['Acme of mine', `/connections/${made?.id}`]);
  });

  it('with the keyboard alone and without scripts, and starts again after having declined', async () => {
    const tab = await atServices({ javaScriptEnabled: false });
    await tab.goto(`${server.origin}/connect?service=${connectorId}&type=api_key`);
    await tab.getByLabel('Name').focus();
    await tab.keyboard.type('By keyboard');
    await tab.keyboard.press('Enter');
    // A key that is pressed waits for no page.
    await tab.waitForURL(/\/connect\/[0-9a-f-]{36}$/);
    expect(await heading(tab)).toBe('Connect Acme');
    await tab.getByRole('button', { name: 'Don’t connect' }).press('Enter');
    await tab.getByRole('heading', { name: 'You chose not to connect Acme' }).waitFor();
    await tab.getByRole('button', { name: 'Start again' }).press('Enter');
    await tab.getByLabel('API key', { exact: true }).focus();
    await tab.keyboard.type(goodApiKey);
    await tab.keyboard.press('Enter');
    await tab.getByRole('heading', { name: 'Acme is connected' }).waitFor();
  });

  it('with the file of a service account, which scripts let them choose', async () => {
    const tab = await atServices();
    await tab.goto(`${server.origin}/connect?service=google-sheets&type=oauth2_jwt_bearer`);
    await tab.getByRole('button', { name: 'Continue' }).click();
    const content = JSON.stringify({ type: 'service_account', client_email: 'robot@example.com' }, null, 2);
    const chooser = tab.getByLabel(/^Choose the file/);
    await look(tab, 'connect-own-7-file');
    await chooser.setInputFiles({ name: 'key.json', mimeType: 'application/json', buffer: Buffer.from(content) });
    const field = tab.locator('[data-file]');
    await expect.poll(async () => (await field.inputValue()).replace(/\s/g, '')).toBe(content.replace(/\s/g, ''));
  });
});
