/** Pictures beside the names of services, and Keyward's own. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { builtinIds } from '../../../src/connectors/builtin.ts';
import { keywardMark } from '../../../src/http/pages/keyward-mark.ts';
import * as logos from '../../../src/http/pages/logos.ts';
import { markOf } from '../../../src/http/pages/marks.ts';
import { page } from '../../../src/http/pages/page.ts';

const drawn = (id: string) => `${markOf(id)}`;

describe('the mark of a service', () => {
  it('is a drawing within the page for each connector that has a logo, and each of those is built in', () => {
    const ids = Object.keys(logos);
    expect(ids.length).toBeGreaterThan(150);
    expect(ids.filter((id) => !builtinIds().has(id))).toEqual([]);
    for (const id of ids) {
      expect(drawn(id)).toMatch(
        /^<span class="mark" aria-hidden="true"><svg [^>]*><path d="[\d\sA-Za-z.,-]+"\/><\/svg><\/span>$/,
      );
    }
  });

  it('takes no logo whose owner lets nobody use it without terms', () => {
    const free = [undefined, 'CC0-1.0', 'MIT', 'Apache-2.0'];
    const bound = Object.entries(logos).filter(([, { license }]) => !free.includes(license?.type));
    expect(bound.map(([id]) => id)).toEqual([]);
  });

  it('is a letter of every other built-in connector', () => {
    const others = [...builtinIds()].filter((id) => !Object.hasOwn(logos, id));
    expect(others).toContain('slack');
    for (const id of others)
      expect(drawn(id)).toBe(`<span class="mark" aria-hidden="true">${id[0]?.toUpperCase()}</span>`);
  });

  it('416. an id that is not built in; its mark is drawn; it is one letter, no logo of a vendor and no markup', () => {
    const letter = (text: string) => `<span class="mark" aria-hidden="true">${text}</span>`;
    for (const [id, text] of [
      ['custom.gmail', 'G'],
      ['gmail.custom', 'C'],
      ['gmail-mcp', 'G'],
      ['constructor', 'C'],
      ['__proto__', '_'],
      ['default', 'D'],
      ['', '?'],
      ['<script>', '&lt;'],
      ['"onload=', '&quot;'],
    ] as const) {
      expect(drawn(id)).toBe(letter(text));
    }
  });
});

describe('Keyward’s mark', () => {
  it('is one drawing in the page and in the tab', async () => {
    const text = `${await page({ title: 'A page', body: markOf('slack') })}`;
    expect(text).toContain(`<div class="brand">${keywardMark}<span>Keyward</span></div>`);
    expect(text).toContain(`<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(keywardMark)}">`);
  });

  it('is the picture of the bundle, 512 pixels wide', async () => {
    const png = await readFile(new URL('../../../docs/assets/icon.png', import.meta.url));
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([512, 512]);
  });
});
