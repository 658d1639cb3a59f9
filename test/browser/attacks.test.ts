/** What other sites try with a person's browser while a connect flow is open. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launch, openTab, type Tab } from '../support/clients/chromium.ts';
import { clickThrough } from '../support/clients/click-through.ts';
import { createBrowser, linkOut, type Session, startSession } from '../support/clients/session.ts';
import { connectorId, startWorld, type World } from '../support/world.ts';

let browser: Browser;
let world: World;
let session: Session;
let evil: Server;
let evilPage = '';
let evilOrigin = '';

beforeAll(async () => {
  [browser, world] = await Promise.all([launch(), startWorld()]);
  session = await startSession(world.env);
  evil = createServer((_request, response) => response.setHeader('content-type', 'text/html').end(evilPage));
  await new Promise<void>((resolve) => evil.listen(0, '127.0.0.1', resolve));
  // Another name than Keyward's: another site for the browser.
  evilOrigin = `http://localhost:${(evil.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await browser.close();
  evil.close();
  evil.closeAllConnections();
  await session.close();
  await world.close();
});

const oauth = { connectorId, authenticationType: 'oauth2' };

/** Opens a connect page and, in the same browser, a hostile page. */
async function victim() {
  const started = await session.connect(oauth);
  const tab = await openTab(browser);
  await tab.goto(started.url);
  const callback = `http://127.0.0.1:${session.port}/oauth/callback?code=guess&state=${started.attemptId}.${'A'.repeat(43)}`;
  const hostile = await tab.context().newPage();
  const answers: number[] = [];
  hostile.on('response', (response) => {
    if (new URL(response.url()).origin !== evilOrigin) answers.push(response.status());
  });
  return { ...started, tab, hostile, callback, answers };
}

async function finish(tab: Tab): Promise<void> {
  await tab.getByRole('link', { name: 'Continue to Acme' }).click();
  await tab.getByRole('button', { name: 'Sign in' }).click();
  await tab.locator('button[value=allow]').click();
  await tab.getByRole('heading', { name: 'Acme is connected' }).waitFor();
}

describe('another site', () => {
  it.each(['callback', 'page'])('25. that posts a form to the %s gets 403, and the flow lives', async (target) => {
    const { tab, url, hostile, callback, answers } = await victim();
    const action = target === 'callback' ? callback : url;
    evilPage = `<form method="post" action="${action}"><input name="action" value="cancel"></form><script>document.forms[0].submit()</script>`;
    await hostile.goto(evilOrigin);
    await hostile.waitForURL(action);
    expect(answers).toEqual([403]);
    await finish(tab);
  });

  it('25. that fetches, embeds and frames gets nothing, and the flow lives', async () => {
    const { tab, url, hostile, callback, answers } = await victim();
    evilPage = `<img src="${callback}"><iframe src="${url}"></iframe><iframe src="${callback}"></iframe>
<script src="${url}"></script><script>
const tries = ['no-cors', 'cors'].flatMap((mode) => ['${url}', '${callback}'].map((to) => fetch(to, { mode, credentials: 'include' }).then((r) => r.text(), () => '')));
Promise.all(tries).then((texts) => { document.title = 'got:' + texts.join('') })</script>`;
    await hostile.goto(evilOrigin);
    await hostile.waitForFunction('document.title.startsWith("got:")');
    expect(await hostile.title()).toBe('got:');
    expect(answers.length).toBeGreaterThan(0);
    expect(new Set(answers)).toEqual(new Set([403]));
    for (const frame of hostile.frames().slice(1)) expect(await frame.content()).not.toContain('Keyward');
    await finish(tab);
  });

  it("17. that sends the person to an attacker's callback connects nothing", async () => {
    const { tab, hostile } = await victim();
    const theirs = await session.connect(oauth);
    const callback = await clickThrough(linkOut(await createBrowser().open(theirs.url)));

    evilPage = `<a href="${callback.href.replaceAll('&', '&amp;')}">Win a prize</a>`;
    await hostile.goto(evilOrigin);
    await hostile.getByRole('link').click();
    await hostile.getByRole('heading', { name: 'Keyward did not accept that' }).waitFor();
    expect(await session.broker.vault.findAttempt(theirs.attemptId)).toMatchObject({ status: 'pending' });
    await finish(tab);
  });

  it('23. learns nothing from the person’s way to the service: no referrer, no opener', async () => {
    const { tab } = await victim();
    const request = tab.waitForRequest((one) => one.url().startsWith(`${world.server.issuer}/auth`));
    await tab.getByRole('link', { name: 'Continue to Acme' }).click();
    expect((await request).headers().referer).toBeUndefined();
    expect(await tab.evaluate('window.opener === null && document.referrer === ""')).toBe(true);
  });
});
