/** Signing in at an issuer in a real browser, with the built program: connecting, forms, and somebody else's link. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launch, look, openTab, type Tab } from '../support/clients/chromium.ts';
import { type Deployment, startDeployment } from '../support/servers/deployment.ts';
import { connectorId, goodApiKey } from '../support/world.ts';

const oauth = { connectorId, authenticationType: 'oauth2' };
const apiKey = { connectorId, authenticationType: 'api_key' };
const scopes = ['credentials:read', 'credentials:write'];

let browser: Browser;
let team: Deployment;
beforeAll(async () => {
  [browser, team] = await Promise.all([launch(), startDeployment({ issuer: { address: '127.0.0.2' } })]);
});
afterAll(async () => {
  await browser.close();
  await team.close();
});

const clientOf = async (login: string) => team.keyward.client('modern', await team.issuer.tokenFor(login, scopes));

/** The link that an assistant of this person would show, and how its attempt stands. */
async function linkOf(login: string, input: Record<string, unknown>) {
  const client = await clientOf(login);
  const { oauthUrl, connectUrl, attemptId } = await client.get('create_credential', input);
  const status = async () => (await client.get('check_attempt', { attemptId })).status;
  return { url: String(oauthUrl ?? connectUrl), status };
}

const heading = (tab: Tab) => tab.locator('h1').innerText();
const issuerHost = () => new URL(team.issuer.issuer).host;

/** Goes through the issuer's pages: signs in, and agrees the first time. */
async function signInAtIssuer(tab: Tab, login: string): Promise<void> {
  await tab.getByLabel('Name').fill(login);
  await tab.getByRole('button', { name: 'Sign in' }).click();
  const allow = tab.locator('button[value=allow]');
  if (new URL(tab.url()).host === issuerHost()) await allow.click();
}

describe('signing in at the issuer', () => {
  it('leads from the link to the issuer and back, to the service and back', async () => {
    const { url, status } = await linkOf('ann', oauth);
    const tab = await openTab(browser);
    await tab.goto(url);
    expect(await heading(tab)).toBe('Sign in to Keyward');
    await look(tab, 'issuer-1-sign-in');
    await tab.getByRole('link', { name: `Sign in at ${issuerHost()}` }).click();
    expect(new URL(tab.url()).origin).toBe(team.issuer.issuer);
    await signInAtIssuer(tab, 'ann');
    expect([tab.url(), await heading(tab)]).toEqual([url, 'Connect Acme']);
    await look(tab, 'issuer-2-connect');
    await tab.getByRole('link', { name: 'Continue to Acme' }).click();
    await tab.getByRole('button', { name: 'Sign in' }).click();
    await tab.locator('button[value=allow]').click();
    await tab.getByRole('heading', { name: 'Acme is connected' }).waitFor();
    await look(tab, 'issuer-3-connected');
    expect(await status()).toBe('completed');
    await tab.goto(team.keyward.origin);
    expect(await heading(tab)).toBe('Your connections');
    await look(tab, 'issuer-4-home');
  });

  it('lasts: the next link asks for nothing but what is missing', async () => {
    const tab = await openTab(browser);
    await tab.goto(`${team.keyward.origin}/sign-in`);
    await tab.getByRole('link', { name: `Sign in at ${issuerHost()}` }).click();
    await signInAtIssuer(tab, 'bob');
    const { url, status } = await linkOf('bob', apiKey);
    await tab.goto(url);
    await tab.getByRole('textbox', { name: 'API key' }).fill('wrong');
    await tab.getByRole('button', { name: 'Save' }).click();
    await look(tab, 'issuer-5-form');
    await tab.getByRole('textbox', { name: 'API key' }).fill(goodApiKey);
    await tab.getByRole('button', { name: 'Save' }).click();
    await tab.getByRole('heading', { name: 'Acme is connected' }).waitFor();
    expect(await status()).toBe('completed');
    expect(await tab.content()).not.toContain(goodApiKey);
  });

  it('that the person declines comes back with a way to try again', async () => {
    const tab = await openTab(browser);
    await tab.goto((await linkOf('carol', apiKey)).url);
    await tab.getByRole('link', { name: `Sign in at ${issuerHost()}` }).click();
    await tab.getByLabel('Name').fill('carol');
    await tab.getByRole('button', { name: 'Sign in' }).click();
    await tab.locator('button[value=deny]').click();
    await tab.getByText('You were not signed in at the issuer.').waitFor();
    await look(tab, 'issuer-6-declined');
    await tab.getByRole('link', { name: 'Sign in' }).click();
    expect(await heading(tab)).toBe('Sign in to Keyward');
  });
});

describe('phishing', () => {
  it('21. a forwarded link shows a signed-in person nothing but a refusal, and lets its own person in', async () => {
    const { url, status } = await linkOf('mallory', oauth);
    const tab = await openTab(browser);
    await tab.goto((await linkOf('ann', oauth)).url);
    await tab.getByRole('link', { name: `Sign in at ${issuerHost()}` }).click();
    await signInAtIssuer(tab, 'ann');
    await tab.goto(url);
    expect(await heading(tab)).toBe('Keyward did not accept that');
    const shown = await tab.content();
    for (const hint of ['Acme', team.world.server.issuer, 'mallory']) expect(shown).not.toContain(hint);
    await look(tab, 'issuer-7-phishing');
    expect(await status()).toBe('pending');

    await tab.getByRole('link', { name: 'Sign in' }).click();
    await look(tab, 'issuer-8-somebody-else');
    await tab.getByRole('link', { name: `Sign in as somebody else at ${issuerHost()}` }).click();
    await signInAtIssuer(tab, 'mallory');
    expect([tab.url(), await heading(tab)]).toEqual([url, 'Connect Acme']);
  });

  it('21. an altered link leads nowhere, signed in or not', async () => {
    const { url } = await linkOf('ann', oauth);
    const altered = url.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'));
    const tab = await openTab(browser);
    await tab.goto(altered);
    expect(await heading(tab)).toBe('There is nothing here');
    await look(tab, 'issuer-9-altered');
    await tab.goto(`${team.keyward.origin}/sign-in?to=https://evil.example/`);
    await tab.getByRole('link', { name: `Sign in at ${issuerHost()}` }).click();
    await signInAtIssuer(tab, 'ann');
    expect(tab.url()).toBe(`${team.keyward.origin}/`);
    await tab.goto(altered);
    expect(await heading(tab)).toBe('There is nothing here');
  });
});

it('leaves the code to those who have no account at the issuer', async () => {
  const token = await team.keyward.sessionToken('dave');
  const client = await team.keyward.client('modern', token);
  const { connectUrl } = await client.get('create_credential', apiKey);
  const tab = await openTab(browser);
  await tab.goto(String(connectUrl));
  await tab.getByLabel('Sign-in code').fill(await team.keyward.signInCode('dave'));
  await tab.getByRole('button', { name: 'Sign in with the code' }).click();
  expect([tab.url(), await heading(tab)]).toEqual([connectUrl, 'Connect Acme']);
  await client.close();
});
