/** `npm run pictures`: the pages of README as a person sees them, from a running Keyward, into docs/assets. */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import unpacked from '@sparticuz/chromium';
import { chromium } from 'playwright-core';
import { openStage } from './conversation.ts';
import { token } from './github.ts';

const folder = fileURLToPath(new URL('../../docs/assets/', import.meta.url));
await mkdir(folder, { recursive: true });

const stage = await openStage();
const browser = await chromium.launch({
  executablePath: await unpacked.executablePath(),
  args: ['--no-sandbox', '--headless=shell'],
});
try {
  const page = await (await browser.newContext({ viewport: { width: 720, height: 400 } })).newPage();
  const picture = (name: string) => page.screenshot({ path: `${folder}${name}.png`, fullPage: true });

  const link = stage.nextLink();
  const connected = stage.client.get('create_credential', { connectorId: 'github', authenticationType: 'bearer' });
  await page.goto(await link);
  await picture('connect');
  await page.locator('input[type=password]').fill(token);
  await page.getByRole('button', { name: 'Save and continue' }).click();
  const { credentialId } = await connected;

  const request = stage.nextLink();
  const released = stage.client.call('get_connection_credentials', { connectionId: credentialId });
  await page.goto(await request);
  await picture('approval');
  await page.getByRole('button', { name: 'Don’t release' }).click();
  await released;
} finally {
  await browser.close();
  await stage.close();
}
