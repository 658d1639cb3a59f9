/** Passkeys in a real browser, with an authenticator that Chromium simulates. */
import type { Browser, CDPSession } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSignInCode } from '../../src/broker/sign-in/code.ts';
import { localPrincipal } from '../../src/principal.ts';
import { launch, look, openTab, type Tab } from '../support/clients/chromium.ts';
import { noOutside } from '../support/clients/mcp-clients.ts';
import { person } from '../support/principals.ts';
import { startHttpServer } from '../support/servers/http-server.ts';
import { type SignInServer, startSignInServer } from '../support/servers/sign-in-server.ts';

let browser: Browser;
let server: SignInServer;
let origin: string;

const ann = person('acme', 'ann');

beforeAll(async () => {
  [browser, server] = await Promise.all([launch(), startSignInServer(noOutside)]);
  // Passkeys are for a name, not for a number.
  origin = server.origin.replace('127.0.0.1', 'localhost');
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

type Credential = { readonly credentialId: string; readonly signCount: number };

/** A tab on a device with an authenticator of its own. */
async function openDevice() {
  const tab = await openTab(browser);
  const cdp: CDPSession = await tab.context().newCDPSession(tab);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  const credentials = async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials;
  return {
    tab,
    credentials,
    /** The authenticator as it was: with the keys of then. */
    async setBack(kept: readonly Credential[]) {
      await cdp.send('WebAuthn.clearCredentials', { authenticatorId });
      for (const credential of kept) {
        await cdp.send('WebAuthn.addCredential', { authenticatorId, credential: credential as never });
      }
    },
  };
}

const heading = (tab: Tab) => tab.locator('h1').innerText();
const shows = (tab: Tab, name: string) => tab.getByRole('heading', { level: 1, name }).waitFor();

async function signInByCode(tab: Tab): Promise<void> {
  const { code } = await createSignInCode(server.broker, localPrincipal, ann);
  await tab.goto(`${origin}/sign-in`);
  await tab.getByLabel('Sign-in code').fill(code);
  await tab.getByRole('button', { name: 'Sign in with the code' }).click();
}

async function add(tab: Tab, name: string): Promise<void> {
  await tab.getByLabel('Name of the new passkey').fill(name);
  await tab.getByRole('button', { name: 'Add a passkey' }).click();
  await tab.getByText(name, { exact: true }).waitFor();
}

async function signOut(tab: Tab): Promise<void> {
  await tab.goto(`${origin}/`);
  await tab.getByRole('button', { name: 'Sign out' }).click();
  await tab.getByRole('link', { name: 'Sign in again' }).click();
}

const byPasskey = (tab: Tab) => tab.getByRole('button', { name: 'Sign in with a passkey' }).click();

describe('passkeys in Chromium', () => {
  it('320. are offered after a code, sign in without one, on two devices; a removed one does not', async () => {
    const [laptop, phone] = [await openDevice(), await openDevice()];
    await laptop.tab.goto(`${origin}/sign-in`);
    await look(laptop.tab, 'passkeys-1-sign-in');
    await signInByCode(laptop.tab);
    await shows(laptop.tab, 'Sign in without a code next time');
    await look(laptop.tab, 'passkeys-2-offer');
    await add(laptop.tab, 'Work laptop');
    // The same authenticator has one already, and says so.
    await laptop.tab.getByLabel('Name of the new passkey').fill('Again');
    await laptop.tab.getByRole('button', { name: 'Add a passkey' }).click();
    await laptop.tab.getByText('You have a passkey on this device already.').waitFor();
    await laptop.tab.getByRole('link', { name: 'Go on' }).click();
    await shows(laptop.tab, 'Your connections');

    await signInByCode(phone.tab);
    await add(phone.tab, 'Phone');
    for (const { tab } of [laptop, phone]) {
      await signOut(tab);
      await byPasskey(tab);
      await shows(tab, 'Your connections');
    }

    await phone.tab.getByRole('link', { name: 'Passkeys' }).click();
    await look(phone.tab, 'passkeys-3-list');
    await phone.tab.getByRole('button', { name: 'Remove the passkey Work laptop' }).click();
    await phone.tab.getByText('Work laptop', { exact: true }).waitFor({ state: 'detached' });
    // The browser that it signed in is signed out.
    await laptop.tab.goto(`${origin}/passkeys`);
    expect(await heading(laptop.tab)).toBe('Sign in to Keyward');
    await byPasskey(laptop.tab);
    await laptop.tab.getByText('This passkey is not good here, or not any more.').waitFor();
    await look(laptop.tab, 'passkeys-4-removed');
    await signOut(phone.tab);
    await byPasskey(phone.tab);
    await shows(phone.tab, 'Your connections');
  });

  it('323. whose counter goes backwards are refused, and their owner reads why', async () => {
    const { tab, credentials, setBack } = await openDevice();
    await signInByCode(tab);
    await add(tab, 'Security key');
    const kept = await credentials();
    await signOut(tab);
    await byPasskey(tab);
    await shows(tab, 'Your connections');
    await signOut(tab);
    await setBack(kept);
    await byPasskey(tab);
    await tab.getByText('Somebody may have a copy of this passkey').waitFor();
    await signInByCode(tab);
    await tab.getByText('its counter went backwards').waitFor();
    await look(tab, 'passkeys-5-copied');
  });

  it('322. that another origin of the same host asked for are refused', async () => {
    const evil = await startHttpServer((_, response) => void response.end('<!doctype html><title>evil</title>'));
    const evilOrigin = `http://localhost:${new URL(evil.origin).port}`;
    const { tab } = await openDevice();
    await signInByCode(tab);
    await add(tab, 'Lured');
    await signOut(tab);
    const asked = await tab.evaluate<string>(`fetch('/sign-in/passkey/options').then((answer) => answer.text())`);
    await tab.goto(evilOrigin);
    const answer = await tab.evaluate<string>(`(async () => JSON.stringify(await navigator.credentials.get({
      publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(${asked}) })))()`);
    expect(Buffer.from(JSON.parse(answer).response.clientDataJSON, 'base64url').toString()).toContain(evilOrigin);
    await tab.goto(`${origin}/sign-in`);
    await tab.evaluate(`(() => { const form = document.querySelector('[data-passkey]');
      form.elements.answer.value = ${JSON.stringify(answer)}; form.submit() })()`);
    await tab.getByText('This passkey is not good here, or not any more.').waitFor();
    await byPasskey(tab);
    await shows(tab, 'Your connections');
    await evil.close();
  });

  it('331. are not offered without JavaScript, where the code works as it did, nor at an address without a name', async () => {
    const tab = await openTab(browser, { javaScriptEnabled: false });
    await tab.goto(`${origin}/sign-in`);
    expect(await tab.getByRole('button').allInnerTexts()).toEqual(['Sign in with the code']);
    await signInByCode(tab);
    await shows(tab, 'Your connections');
    await tab.getByRole('link', { name: 'Passkeys' }).click();
    await tab.getByText('This browser adds no passkeys here').waitFor();
    expect(await tab.getByRole('button', { name: 'Add a passkey' }).count()).toBe(0);

    const numbered = await openTab(browser);
    const { code } = await createSignInCode(server.broker, localPrincipal, ann);
    await numbered.goto(`${server.origin}/sign-in?to=/passkeys`);
    await numbered.getByLabel('Sign-in code').fill(code);
    await numbered.getByRole('button', { name: 'Sign in with the code' }).click();
    await look(numbered, 'passkeys-6-elsewhere');
    await numbered.getByRole('link', { name: 'Go to localhost' }).click();
    expect(await heading(numbered)).toBe('Sign in to Keyward');
  });
});
