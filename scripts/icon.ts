/** Draws docs/assets/icon.png from the mark of the pages. Run it after a change of the mark; the picture is committed. */
import { fileURLToPath } from 'node:url';
import unpacked from '@sparticuz/chromium';
import { chromium } from 'playwright-core';
import { keywardMark } from '../src/http/pages/keyward-mark.ts';

const size = 512;
const browser = await chromium.launch({
  executablePath: await unpacked.executablePath(),
  args: ['--no-sandbox', '--headless=shell'],
});
try {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>body{margin:0}svg{display:block}</style>${keywardMark}`);
  const path = fileURLToPath(new URL('../docs/assets/icon.png', import.meta.url));
  await page.screenshot({ path, omitBackground: true });
} finally {
  await browser.close();
}
