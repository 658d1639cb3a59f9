/** `keyward open` in a real browser: the pages of the person at this computer, over stdio's vault. */
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredential } from '../../src/broker/connect/create.ts';
import { getConnectionCredentials } from '../../src/broker/credentials/release.ts';
import { addAuthConfig } from '../../src/broker/grants/auth-configs.ts';
import { createSession } from '../../src/broker/sign-in/sessions.ts';
import { targetFor } from '../../src/http/loopback/browser.ts';
import { localPrincipal } from '../../src/principal.ts';
import { launch, look, openTab, type Tab } from '../support/clients/chromium.ts';
import { type OwnerPage, startOwnerPage } from '../support/clients/owner-page.ts';
import { connectorId, startWorld, type World } from '../support/world.ts';

let browser: Browser;
let world: World;

beforeAll(async () => {
  [browser, world] = await Promise.all([launch(), startWorld({ apiKeys: ['acme_0123456789abcdef'] })]);
});
afterAll(async () => {
  await browser.close();
  await world.close();
});

const agent = { ...localPrincipal, client: 'Research agent' };

async function go(tab: Tab, place: string, heading: string): Promise<void> {
  await tab.getByRole('navigation').getByRole('link', { name: place }).click();
  expect(await tab.locator('h1').innerText()).toBe(heading);
}

it.each([true, false])('419. a file leads a browser to the page (with JavaScript: %s)', async (javaScriptEnabled) => {
  const page = await startOwnerPage(world.env);
  const file = await targetFor(page.link, false);
  const tab = await openTab(browser, { javaScriptEnabled });
  try {
    await tab.goto(`file://${file}`);
    await tab.waitForURL(`${new URL(page.link).origin}/`);
    expect(await tab.locator('h1').innerText()).toBe('Your connections');
    expect(tab.complaints).toEqual([]);
  } finally {
    await tab.context().close();
    await page.close();
    await rm(dirname(file), { recursive: true });
  }
});

describe.each([
  ['with JavaScript', true],
  ['without JavaScript', false],
])('the page of the person at this computer, %s', (_name, javaScriptEnabled) => {
  const picture = (tab: Tab, name: string) =>
    javaScriptEnabled ? look(tab, `open-${name}`) : Promise.resolve(expect(tab.complaints).toEqual([]));
  let page: OwnerPage;
  let tab: Tab;
  beforeAll(async () => {
    page = await startOwnerPage({ ...world.env, KEYWARD_RELEASE: 'approve' });
    tab = await openTab(browser, { javaScriptEnabled });
  });
  afterAll(async () => {
    await tab.context().close();
    await page.close();
  });

  it('shows and ends what programs ask for, are allowed, and did', async () => {
    const { broker } = page;
    await tab.goto(page.link);
    expect(new URL(tab.url()).pathname).toBe('/');
    const name = 'A key with quite a long name, as people give them';
    const input = { connectorId, authenticationType: 'api_key', apiKey: 'acme_0123456789abcdef', name };
    const created = await createCredential(broker, agent, input, { obtainedBy: 'tool' });
    if (created.kind !== 'created') throw new Error('It waits for somebody.');
    const { credentialId } = created;
    const ask = () => getConnectionCredentials(broker, agent, { connectionId: credentialId });
    await expect(ask()).rejects.toMatchObject({ code: 'approval_required' });

    await tab.reload();
    await tab.getByRole('link', { name: 'A request waits for your approval' }).click();
    expect(await tab.locator('h1').innerText()).toBe('Requests for your approval');
    await tab.getByRole('main').getByRole('link').first().click();
    await picture(tab, '1-request');
    await tab.getByRole('button', { name: 'Allow for that time' }).click();
    expect(await ask()).toMatchObject({ connectionId: credentialId });

    await go(tab, 'Requests', 'Requests for your approval');
    await picture(tab, '2-running');
    await tab.getByRole('button', { name: /^End now/ }).click();
    expect(await tab.locator('main').innerText()).toMatch(/Answered in the last hour[\s\S]*you allowed it just now/);
    await expect(ask()).rejects.toMatchObject({ code: 'approval_required' });

    await go(tab, 'Activity', 'Activity');
    const events = tab.locator('.events li');
    expect(await events.first().innerText()).toMatch(
      /^Your approval asked for|^Secret read Refused: it needs your approval/,
    );
    const exact = await tab.locator('.events time').first().getAttribute('title');
    // The script says it in the person's own words; without it there is UTC.
    if (javaScriptEnabled) expect(exact).not.toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/);
    else expect(exact).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/);
    await picture(tab, '3-activity');
    await tab.getByLabel('Act', { exact: true }).selectOption({ label: 'Secret read' });
    await tab.getByRole('button', { name: 'Show these' }).click();
    for (const text of await events.allInnerTexts()) expect(text).toMatch(/^Secret read/);
    expect(await events.count()).toBeGreaterThan(0);
    await tab.getByLabel('Day (UTC)').fill('2020-01-01');
    await tab.getByRole('button', { name: 'Show these' }).click();
    expect(await tab.locator('main').innerText()).toContain('Nothing that suits.');
  });

  it('shows and ends tokens, and deletes OAuth clients with what that breaks', async () => {
    const { broker } = page;
    const { tenant, user } = localPrincipal;
    const token = { tenant, user, scopes: ['credentials:read', 'credentials:use'], expiresAt: Date.now() + 86_400_000 };
    await createSession(broker, localPrincipal, { ...token, name: 'Report bot' });
    await addAuthConfig(broker, localPrincipal, { connectorId: 'github', clientId: 'Iv1.8a61', clientSecret: '' });
    await tab.goto(`${page.origin}/`);
    await go(tab, 'Assistants', 'Your assistants');
    const main = tab.getByRole('main');
    expect(await main.innerText()).toMatch(/need no token[\s\S]*Report bot[\s\S]*all connections[\s\S]*ends in 1 day/);
    await picture(tab, '4-assistants');
    await tab.getByRole('button', { name: 'End Report bot' }).click();
    expect(await main.innerText()).not.toContain('Report bot');

    await go(tab, 'OAuth clients', 'OAuth clients');
    expect(await main.innerText()).toMatch(/GitHub app[\s\S]*No connection of yours uses it/);
    await picture(tab, '5-clients');
    await tab.getByRole('button', { name: 'Delete GitHub app' }).click();
    expect(await main.innerText()).toContain('You have none yet');
  });
});
