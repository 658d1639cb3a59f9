/** The data key is rotated while several Keywards serve: each of them knows at the next request. */
import { randomBytes } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { createBrowser } from '../../support/clients/session.ts';
import { startKeywardHttp } from '../../support/servers/keyward-http.ts';
import { freshDatabase } from '../../support/servers/postgres.ts';

it('whoever signs in at one Keyward after a rotation is signed in at the other, though neither wrote anything since', async () => {
  const env = { KEYWARD_STORE: await freshDatabase(), KEYWARD_KEY: randomBytes(32).toString('base64') };
  const instances = await Promise.all([startKeywardHttp(env), startKeywardHttp(env)]);
  onTestFinished(async () => void (await Promise.all(instances.map((one) => one.stop()))));
  const [first, second] = instances;
  if (!first || !second) throw new Error('There are not two.');
  await first.cli('key', 'rotate');
  const code = /\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b/.exec(await first.cli('sign-in', '--user', 'ann'))?.[0] ?? '';
  const browser = createBrowser();
  const page = await browser.open(`${first.origin}/sign-in`);
  const csrf = /name="csrf" value="([^"]*)"/.exec(page.text)?.[1] ?? '';
  // The form of one, sent to the other.
  const home = await browser.send(`${second.origin}/sign-in`, { csrf, to: '/', code });
  expect([home.status, home.url.pathname]).toEqual([200, '/']);
  const other = await browser.open(`${first.origin}/`);
  expect([other.status, other.url.pathname, other.heading]).toEqual([200, '/', home.heading]);
});
