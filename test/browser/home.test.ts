/** The page at the public URL in a real browser: before and after a person signed in. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredential } from '../../src/broker/connect/create.ts';
import { createSignInCode } from '../../src/broker/sign-in/code.ts';
import { localPrincipal } from '../../src/principal.ts';
import { launch, look, openTab } from '../support/clients/chromium.ts';
import { person } from '../support/principals.ts';
import { type SignInServer, startSignInServer } from '../support/servers/sign-in-server.ts';
import { connectorId, startWorld, type World } from '../support/world.ts';

let browser: Browser;
let world: World;
let server: SignInServer;

const ann = person('acme', 'ann');

beforeAll(async () => {
  [browser, world] = await Promise.all([
    launch(),
    startWorld({ apiKeys: ['acme_0123456789abcdef', 'acme_9999999999999999'] }),
  ]);
  server = await startSignInServer(world.env);
});
afterAll(async () => {
  await browser.close();
  await server.close();
  await world.close();
});

describe('the page of a person', () => {
  it('says what this is, takes the person through signing in, and shows that person’s connections', async () => {
    const tab = await openTab(browser);
    await tab.goto(server.origin);
    await look(tab, 'home-1-welcome');
    await tab.getByRole('link', { name: 'Sign in to see your connections' }).click();
    const { code } = await createSignInCode(server.broker, localPrincipal, ann);
    await tab.getByLabel('Sign-in code').fill(code);
    await tab.getByRole('button', { name: 'Sign in' }).click();
    expect(await tab.locator('h1').innerText()).toBe('Your connections');
    await look(tab, 'home-2-nothing-yet');
    for (const name of ['Ann’s Acme key', 'A second one with quite a long name, as people give them']) {
      const input = { connectorId, authenticationType: 'api_key', apiKey: 'acme_0123456789abcdef', name };
      await createCredential(server.broker, ann, input, { obtainedBy: 'tool' });
    }
    await tab.reload();
    expect(await tab.getByRole('main').getByRole('listitem').count()).toBe(2);
    await look(tab, 'home-3-connections');
    const [first] = await server.broker.vault.list('credential', ann, {}, { limit: 1 });
    if (!first) throw new Error('There is no connection.');
    const named = { ...first, account: 'ann@acme.example' };
    await server.broker.vault.commit([{ op: 'update', kind: 'credential', record: named }]);
    const again = {
      connectorId,
      authenticationType: 'api_key',
      apiKey: 'acme_9999999999999999',
      credentialId: first.id,
    };
    const assistant = { ...ann, client: 'Research agent' };
    await createCredential(server.broker, assistant, again, { obtainedBy: 'tool' });
    await tab.getByRole('link', { name: 'Ann’s Acme key' }).click();
    expect(await tab.locator('main').innerText()).toContain(
      'By Research agent, just now; until then it was ann@acme.example',
    );
    await look(tab, 'home-4-connected-again');
    await tab.getByRole('button', { name: 'Bring back what it had before' }).click();
    await expect.poll(() => tab.getByRole('button', { name: 'Bring back what it had before' }).count()).toBe(0);
    const back = await server.broker.vault.get('credential', ann, first.id);
    expect(back && (await server.broker.vault.open('credential', back))).toMatchObject({
      inputs: { apiKey: 'acme_0123456789abcdef' },
    });
    await tab.getByRole('link', { name: 'Your connections' }).click();
    await tab.getByRole('button', { name: 'Sign out' }).click();
    expect(await tab.locator('h1').innerText()).toBe('Signed out');
  });
});
