/** Beginning anew from the page of an attempt, and how long each step waits: real requests, a real vault. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { checkAttempt } from '../../../../src/broker/connect/attempts.ts';
import { createCredential } from '../../../../src/broker/connect/create.ts';
import { listCredentials } from '../../../../src/broker/credentials/manage.ts';
import { addAuthConfig } from '../../../../src/broker/grants/auth-configs.ts';
import { localPrincipal as me } from '../../../../src/principal.ts';
import {
  createBrowser,
  type Session,
  type Shown,
  startSession,
  withoutClient,
} from '../../../support/clients/session.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../../../support/world.ts';

const minute = 60_000;
const oauth = { connectorId, authenticationType: 'oauth2', name: 'Mine' };

let world: World;
let session: Session;

beforeAll(async () => {
  world = await startWorld();
  session = await startSession({ ...withoutClient(world.env), KEYWARD_ANY_HOST: 'page' });
});
afterAll(async () => {
  await session.close();
  await world.close();
});
afterEach(() => {
  vi.useRealTimers();
});

const later = (ms: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });
const attempts = async () => (await session.broker.vault.list('attempt', me, {}, { limit: 1_000 })).length;

/** Sends the form of this action with one field that is no field of a service. */
async function press(browser: ReturnType<typeof createBrowser>, shown: Shown, action: string, more = {}) {
  const form = shown.text.split('<form ').find((part) => part.includes(`name="action" value="${action}"`)) ?? '';
  const csrf = /name="csrf" value="([^"]*)"/.exec(form)?.[1] ?? '';
  return browser.send(shown.url, { csrf, action, ...more });
}

describe('the page that asks for an OAuth client', () => {
  it('offers the ways that need none; whoever waits for the first attempt is told of the connection', async () => {
    const { attemptId, url } = await session.connect(oauth);
    const browser = createBrowser();
    const page = await browser.open(url);
    expect(page.heading).toBe('Set up Acme for Keyward');
    expect(page.text).toContain('<strong>API key</strong>: you enter what Acme gives you for it, which takes a minute');
    const other = await press(browser, page, 'other-way', { way: 'api_key' });
    expect(other.url.pathname).toMatch(/^\/connect\/[0-9a-f-]{36}$/);
    expect(other.url.href).not.toBe(url);
    expect(other.text).toContain('“Test Client” wants to use Acme for you.');
    // The first page leads on, too.
    expect((await browser.open(url)).url.href).toBe(other.url.href);
    expect(await checkAttempt(session.broker, me, { attemptId })).toEqual({ status: 'pending' });
    await browser.submit(other, 'inputs', { apiKey: goodApiKey });
    const outcome = await checkAttempt(session.broker, me, { attemptId });
    expect(outcome).toMatchObject({ status: 'completed' });
    const { credentials } = await listCredentials(session.broker, me, {});
    expect(credentials.find(({ credentialId }) => credentialId === outcome.credentialId)).toMatchObject({
      name: 'Mine',
      authenticationType: 'api_key',
    });
  });

  it('399. waits an hour that begins anew with each look, a day at most; what follows it ends after ten minutes', async () => {
    const { attemptId, url } = await session.connect(oauth);
    const browser = createBrowser();
    const of = async () => (await session.broker.vault.findAttempt(attemptId))?.expiresAt ?? 0;
    expect(Math.round(((await of()) - Date.now()) / minute)).toBe(60);
    later(50 * minute);
    const page = await browser.open(url);
    expect(page.heading).toBe('Set up Acme for Keyward');
    expect(Math.round(((await of()) - Date.now()) / minute)).toBe(60);
    const next = await browser.submit(page, 'auth-config', { clientId: 'keyward', clientSecret: 'keyward-secret' });
    expect(next.heading).toBe('Connect Acme');
    expect(Math.round(((await of()) - Date.now()) / minute)).toBe(10);
    later(11 * minute);
    expect((await browser.open(url)).heading).toBe('This link has expired');
    expect(await checkAttempt(session.broker, me, { attemptId })).toMatchObject({ status: 'expired' });
    // Nobody's client stays in the way of the tests that follow.
    for (const record of await session.broker.vault.list('authConfig', me, {}, { limit: 10 }))
      await session.broker.vault.commit([{ op: 'delete', kind: 'authConfig', record }]);
  });

  it('399. is over after a day, however often it is opened', async () => {
    const { url } = await session.connect(oauth);
    const browser = createBrowser();
    const headings = new Set<string>();
    for (let at = 0; at < 25; at += 1) {
      headings.add((await browser.open(url)).heading);
      later(59 * minute);
    }
    headings.add((await browser.open(url)).heading);
    expect([...headings]).toEqual(['Set up Acme for Keyward', 'This link has expired']);
  });
});

describe('an attempt that has ended', () => {
  it('is begun anew by its person with one press, for the same asker, way and name', async () => {
    const browser = createBrowser();
    const input = { connectorId, authenticationType: 'api_key', name: 'Again' };
    const { attemptId, url } = await session.connect(input);
    await browser.open(url);
    later(11 * minute);
    const expired = await browser.open(url);
    expect(expired.heading).toBe('This link has expired');
    const anew = await press(browser, expired, 'again');
    expect([anew.status, anew.heading]).toEqual([200, 'Connect Acme']);
    expect(anew.text).toContain('“Test Client” wants to use Acme for you.');
    // A second press leads to the same.
    expect((await press(browser, expired, 'again')).url.href).toBe(anew.url.href);
    await browser.submit(anew, 'inputs', { apiKey: goodApiKey });
    expect(await checkAttempt(session.broker, me, { attemptId })).toMatchObject({ status: 'completed' });
  });

  it('is begun anew after a no as well', async () => {
    const browser = createBrowser();
    const page = await browser.open((await session.connect({ connectorId, authenticationType: 'api_key' })).url);
    const declined = await browser.submit(page, 'cancel');
    expect(declined.heading).toBe('You chose not to connect Acme');
    expect((await press(browser, declined, 'again')).heading).toBe('Connect Acme');
  });
});

describe('beginning anew with nothing left to ask', () => {
  const ofApp = { connectorId, authenticationType: 'oauth2_client_credentials', name: 'App' };
  const made = async () =>
    (await listCredentials(session.broker, me, {})).credentials.filter(({ name }) => name === 'App').length;
  const addClient = () =>
    addAuthConfig(session.broker, me, {
      connectorId,
      clientId: 'keyward',
      clientSecret: 'keyward-secret',
    });
  const forget = async () => {
    for (const record of await session.broker.vault.list('authConfig', me, {}, { limit: 10 }))
      await session.broker.vault.commit([{ op: 'delete', kind: 'authConfig', record }]);
    for (const record of await session.broker.vault.list('credential', me, {}, { limit: 100 }))
      await session.broker.vault.commit([{ op: 'delete', kind: 'credential', record }]);
  };
  afterEach(forget);

  it.each(['expired', 'failed'])(
    'completes the %s attempt, and makes one connection however often it is pressed',
    async (how) => {
      const { attemptId, url } = await session.connect(ofApp);
      const browser = createBrowser();
      const page = await browser.open(url);
      if (how === 'failed') await browser.submit(page, 'cancel');
      else later(61 * minute);
      const ended = await browser.open(url);
      await addClient();
      const [anew, ...others] = await Promise.all([1, 2, 3].map(() => press(browser, ended, 'again')));
      expect([anew, ...others].filter((one) => one?.status === 200).length).toBeGreaterThan(0);
      const last = await browser.open(url);
      expect([last.url.href, last.heading]).toEqual([url, 'Acme is connected']);
      expect((await press(browser, ended, 'again')).status).toBe(409);
      expect(await made()).toBe(1);
      expect(await checkAttempt(session.broker, me, { attemptId })).toMatchObject({ status: 'completed' });
    },
  );

  it('completes the attempt that another way was chosen on', async () => {
    const { attemptId, url } = await session.connect({ ...oauth, name: 'App' });
    const browser = createBrowser();
    await addClient();
    const page = await browser.open(url);
    const other = await press(browser, page, 'other-way', { way: 'oauth2_client_credentials' });
    expect([other.status, other.url.href]).toEqual([200, url]);
    expect(await checkAttempt(session.broker, me, { attemptId })).toMatchObject({ status: 'completed' });
    expect(await made()).toBe(1);
  });
});

describe('an attacker', () => {
  it('396. who gets a page opened ahead of time, or sends its form from elsewhere, begins nothing', async () => {
    const { url } = await session.connect({ connectorId, authenticationType: 'api_key' });
    const browser = createBrowser();
    await browser.open(url);
    later(11 * minute);
    const expired = await browser.open(url);
    const before = await attempts();
    await browser.open(`${url}?action=again`);
    for (const csrf of ['', 'x']) expect((await browser.send(url, { csrf, action: 'again' })).status).toBe(403);
    const other = createBrowser();
    const theirs = await other.open(url);
    const csrf = /name="csrf" value="([^"]*)"/.exec(theirs.text)?.[1] ?? '';
    expect(csrf).not.toBe('');
    expect((await browser.send(expired.url, { csrf, action: 'again' })).status).toBe(403);
    expect(await attempts()).toBe(before);
  });

  it('396. begins nothing anew from what waits still, nor by a way that the page does not offer', async () => {
    const browser = createBrowser();
    const page = await browser.open((await session.connect({ connectorId, authenticationType: 'api_key' })).url);
    const csrf = /name="csrf" value="([^"]*)"/.exec(page.text)?.[1] ?? '';
    const setUp = await browser.open((await session.connect(oauth)).url);
    const before = await attempts();
    for (const more of [{ action: 'again' }, { action: 'other-way', way: 'basic' }])
      expect((await browser.send(page.url, { csrf, ...more })).status).toBe(409);
    for (const way of ['oauth2', 'oauth2_client_credentials', 'nothing', ''])
      expect((await press(browser, setUp, 'other-way', { way })).status).toBe(409);
    expect(await attempts()).toBe(before);
  });

  it('397. gets no new attempt out of what a program began by itself, or a backend vouched for', async () => {
    const redirectUri = 'http://127.0.0.1/back';
    const input = { connectorId, authenticationType: 'oauth2', redirectUri };
    const created = await createCredential(session.broker, me, input, { obtainedBy: 'rest' });
    if (created.kind !== 'attempt') throw new Error('Something should be missing.');
    const browser = createBrowser();
    const page = await browser.open(created.url);
    expect(page.text).not.toContain('value="other-way"');
    const csrf = /name="csrf" value="([^"]*)"/.exec(page.text)?.[1] ?? '';
    expect((await browser.send(page.url, { csrf, action: 'other-way', way: 'api_key' })).status).toBe(403);
    later(61 * minute);
    const expired = await browser.open(created.url);
    expect([expired.heading, expired.text.includes('Start again')]).toEqual(['This link has expired', false]);
  });

  it('395. can’t have a host reached that its owner has not agreed to: beginning anew asks for that, too', async () => {
    const serverUrl = `${world.server.issuer}/mcp`;
    const { attemptId, url } = await session.connect({
      connectorId: 'mcp-server',
      authenticationType: 'bearer',
      serverUrl,
    });
    const browser = createBrowser();
    await browser.open(url);
    // As if its owner's yes to this host had ended before the attempt did.
    const attempt = await session.broker.vault.findAttempt(attemptId);
    if (attempt === undefined) throw new Error('There is no attempt.');
    const record = { ...attempt, authenticationType: 'oauth2', status: 'failed' } as const;
    await session.broker.vault.commit([{ op: 'update', kind: 'attempt', record }]);
    const failed = await browser.open(url);
    const before = await attempts();
    const asked = await press(browser, failed, 'again');
    expect([asked.status, asked.url.href]).toEqual([403, url]);
    expect(asked.text).toContain('needs the owner’s approval');
    // A program that knows the link of the attempt learns none of the approval.
    expect(asked.text).not.toContain('/approvals/');
    expect(await attempts()).toBe(before);
  });
});
