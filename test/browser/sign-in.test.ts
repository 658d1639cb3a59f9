/** Signing in to connect pages in a real browser, and what somebody else's link shows there. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredential } from '../../src/broker/connect/create.ts';
import { createSignInCode } from '../../src/broker/sign-in/code.ts';
import { localPrincipal, type Principal } from '../../src/principal.ts';
import { launch, look, openTab, type Tab } from '../support/clients/chromium.ts';
import { person } from '../support/principals.ts';
import { type SignInServer, startSignInServer } from '../support/servers/sign-in-server.ts';
import { connectorId, startWorld, type World } from '../support/world.ts';

let browser: Browser;
let world: World;
let server: SignInServer;

const ann = person('acme', 'ann');
const mallory = person('acme', 'mallory');
const backend = person('acme', 'backend', ['credentials:act-as']);

beforeAll(async () => {
  [browser, world] = await Promise.all([launch(), startWorld()]);
  server = await startSignInServer(world.env);
});
afterAll(async () => {
  await browser.close();
  await server.close();
  await world.close();
});

async function linkOf(by: Principal, more: { userId?: string } = {}): Promise<string> {
  const input = { connectorId, authenticationType: 'oauth2', ...more };
  const created = await createCredential(server.broker, by, input, { obtainedBy: 'tool' });
  if (created.kind !== 'attempt') throw new Error('Nothing was left to ask.');
  return created.url;
}

const heading = (tab: Tab) => tab.locator('h1').innerText();

async function signInAs(tab: Tab, who: Principal): Promise<void> {
  const { code } = await createSignInCode(server.broker, localPrincipal, who);
  await tab.getByLabel('Sign-in code').fill(code);
  await tab.getByRole('button', { name: 'Sign in' }).click();
}

describe('signing in', () => {
  it('leads from the link over a mistyped code to the page, to the service and back', async () => {
    const tab = await openTab(browser);
    await tab.goto(await linkOf(ann));
    expect(await heading(tab)).toBe('Sign in to Keyward');
    await look(tab, 'sign-in-1-code');
    await tab.getByLabel('Sign-in code').fill('AAAA-AAAA-AAAA');
    await tab.getByRole('button', { name: 'Sign in' }).click();
    await look(tab, 'sign-in-2-wrong-code');
    await signInAs(tab, ann);
    expect(await heading(tab)).toBe('Connect Acme');
    await tab.getByRole('link', { name: 'Continue to Acme' }).click();
    await tab.getByRole('button', { name: 'Sign in' }).click();
    await tab.locator('button[value=allow]').click();
    await tab.getByRole('heading', { name: 'Acme is connected' }).waitFor();
  });

  it('21. phishing: the link of somebody else shows a signed-in person nothing but a refusal', async () => {
    const tab = await openTab(browser);
    await tab.goto(await linkOf(ann));
    await signInAs(tab, ann);
    await tab.goto(await linkOf(mallory));
    expect(await heading(tab)).toBe('Keyward did not accept that');
    expect(await tab.content()).not.toContain(world.server.issuer);
    await look(tab, 'sign-in-3-phishing');
    await tab.goto(`${server.origin}/sign-in`);
    await look(tab, 'sign-in-4-signed-in');
    await tab.getByRole('button', { name: 'Sign out' }).click();
    expect(await heading(tab)).toBe('Signed out');
    await look(tab, 'sign-in-5-signed-out');
  });

  it('27. a vouched link waits for a click, and then works in no other browser', async () => {
    const link = await linkOf(backend, { userId: 'ann' });
    const tab = await openTab(browser);
    await tab.goto(link);
    await look(tab, 'sign-in-6-vouched');
    await tab.getByRole('button', { name: 'Continue' }).click();
    await tab.getByRole('link', { name: 'Continue to Acme' }).waitFor();
    const other = await openTab(browser);
    await other.goto(link);
    expect(await heading(other)).toBe('Keyward did not accept that');
  });
});
