/** Keyward behind a TLS proxy, in a real browser: cookies that belong to this very host and never travel in the clear. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launch, openTab } from '../support/clients/chromium.ts';
import { type Deployment, startDeployment } from '../support/servers/deployment.ts';
import { connectorId, goodApiKey } from '../support/world.ts';

let browser: Browser;
let team: Deployment;
beforeAll(async () => {
  const options = { tls: true, issuer: { address: '127.0.0.2' } };
  [browser, team] = await Promise.all([launch(), startDeployment(options)]);
});
afterAll(async () => {
  await browser.close();
  await team.close();
});

it('signs a person in and connects over https, by __Host- cookies that no other host or page could plant', async () => {
  const token = await team.issuer.tokenFor('ann', ['credentials:read', 'credentials:write']);
  const client = await team.keyward.client('modern', token);
  const { connectUrl, attemptId } = await client.get('create_credential', {
    connectorId,
    authenticationType: 'api_key',
  });
  expect(connectUrl).toMatch(/^https:/);
  const tab = await openTab(browser, { ignoreHTTPSErrors: true });
  await tab.goto(String(connectUrl));
  await tab.getByRole('link', { name: /^Sign in at/ }).click();
  await tab.getByLabel('Name').fill('ann');
  await tab.getByRole('button', { name: 'Sign in' }).click();
  await tab.locator('button[value=allow]').click();
  await tab.getByRole('textbox', { name: 'API key' }).fill(goodApiKey);

  const cookies = (await tab.context().cookies()).filter(({ name }) => name.includes('keyward'));
  expect(cookies.map(({ name }) => name).sort()).toEqual(['__Host-keyward', `__Host-keyward-${attemptId}`]);
  for (const cookie of cookies) {
    expect(cookie).toMatchObject({ secure: true, httpOnly: true, sameSite: 'Lax', path: '/', domain: '127.0.0.1' });
  }
  await tab.getByRole('button', { name: 'Save and continue' }).click();
  await tab.getByRole('heading', { name: 'Acme is connected' }).waitFor();
  expect(await client.get('check_attempt', { attemptId })).toMatchObject({ status: 'completed' });

  // A value under the bare name, which a page of another host could set for this one, is nobody's.
  const [person] = cookies.filter(({ name }) => name === '__Host-keyward');
  const other = await openTab(browser, { ignoreHTTPSErrors: true });
  await other.context().addCookies([{ name: 'keyward', value: person?.value ?? '', url: team.keyward.origin }]);
  await other.goto(`${team.keyward.origin}/sign-in`);
  expect(await other.content()).not.toContain('You are signed in');
  await client.close();
});
