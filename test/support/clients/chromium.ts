/** A real Chromium, and a look at each page the way different people see it. */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect, inject } from 'vitest';

const folder = fileURLToPath(new URL('../../../artifacts/screenshots/', import.meta.url));
const desktop = { width: 900, height: 720 };
const phone = { width: 360, height: 740 };

/** Its own default arguments switch off web security and site isolation: the tests are about those. */
export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: inject('chromium'), args: ['--no-sandbox', '--headless=shell'] });

export type Tab = Page & {
  /** What the browser complained about: blocked content, failed scripts. */
  readonly complaints: string[];
};

/** A tab of its own: no cookies of any other. */
export async function openTab(browser: Browser, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({ viewport: desktop, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // Chromium reports every answer of 4xx as an error of its own.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      complaints.push(message.text());
    }
  });
  return Object.assign(page, { complaints });
}

type View = {
  readonly as: string;
  readonly size: { readonly width: number; readonly height: number };
  readonly colorScheme: 'light' | 'dark';
};

const usualViews: readonly View[] = [
  { as: 'light', size: desktop, colorScheme: 'light' },
  { as: 'phone-dark', size: phone, colorScheme: 'dark' },
];

/** A wide screen and a phone, each in both colours. */
export const allViews: readonly View[] = (['light', 'dark'] as const).flatMap((colorScheme) => [
  { as: `1280-${colorScheme}`, size: { width: 1280, height: 900 }, colorScheme },
  { as: `375-${colorScheme}`, size: { width: 375, height: 740 }, colorScheme },
]);

/** Each size and each colour once. */
export const twoViews: readonly View[] = allViews.filter(({ as }) => as === '1280-light' || as === '375-dark');

/**
 * Keeps screenshots of the page as it is now, by default on a computer in light colours and on a phone in dark ones, and
 * checks for each that nothing breaks the accessibility rules and that nothing sticks out sideways.
 */
export async function look(tab: Tab, name: string, views: readonly View[] = usualViews): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { as, size, colorScheme } of views) {
    await tab.setViewportSize(size);
    await tab.emulateMedia({ colorScheme });
    await tab.screenshot({ path: `${folder}${name}-${as}.png`, fullPage: true });
    expect(await accessibilityProblems(tab), `${name} (${as})`).toEqual([]);
    const overflow = await tab.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    expect(overflow, `${name} (${as}) is wider than the screen`).toBeLessThanOrEqual(0);
  }
  await tab.setViewportSize(desktop);
  await tab.emulateMedia({ colorScheme: null });
  expect(tab.complaints, name).toEqual([]);
}

/** Every rule of WCAG 2.2 A and AA and of good practice that axe can check. */
async function accessibilityProblems(tab: Tab): Promise<string[]> {
  // Half a megabyte, once for both views of a page.
  if (!(await tab.evaluate<boolean>("'axe' in window"))) await tab.evaluate(`${axe.source}; undefined`);
  const run = "axe.run(document, { resultTypes: ['violations'] })";
  const { violations } = await tab.evaluate<axe.AxeResults>(run);
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}
