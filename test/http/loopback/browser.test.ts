/** What the browser of the person at this computer is started with: any user can read it in the list of processes. */
import { access, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { targetFor } from '../../../src/http/loopback/browser.ts';
import { tellsUsersApart } from '../../../src/http/loopback/other-user.ts';

const link = `http://127.0.0.1:45761/open/${'t'.repeat(43)}`;
const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

afterEach(() => {
  vi.useRealTimers();
});

describe('419. what a browser is started with', () => {
  it('is a file of this user alone, which leads on to the link, where programs of others are not told apart', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const [one, other] = await Promise.all([targetFor(link, false), targetFor(link, false)]);
    expect(`${one} ${other}`).not.toContain('t'.repeat(43));
    expect(dirname(one)).not.toBe(dirname(other));
    const modes = await Promise.all(
      [one, dirname(one)].map(async (path) => ((await stat(path)).mode & 0o777).toString(8)),
    );
    expect(modes).toEqual(['600', '700']);
    expect(await readFile(one, 'utf8')).toContain(`<meta http-equiv="refresh" content="0; url=${link}">`);
    vi.advanceTimersByTime(60_000);
    for (const path of [one, dirname(one), dirname(other)]) expect(await isThere(path)).toBe(false);
  });

  it('is gone when the process ends, and nothing of it is left to run after its minute', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const before = new Set(process.listeners('exit'));
    const file = await targetFor(link, false);
    const [atExit, ...more] = process.listeners('exit').filter((listener) => !before.has(listener));
    expect(more).toEqual([]);
    atExit?.(0);
    expect(await isThere(dirname(file))).toBe(false);
    vi.advanceTimersByTime(60_000);
    expect(process.listeners('exit').filter((listener) => !before.has(listener))).toEqual([]);
  });

  it('holds nothing of an address but the address', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const text = await readFile(await targetFor('http://127.0.0.1:1/a"><script>', false), 'utf8');
    vi.advanceTimersByTime(60_000);
    expect(text).not.toContain('<script>');
  });

  it('is the link itself on Linux alone, where it is good for no other user', async () => {
    expect(await targetFor(link, true)).toBe(link);
    expect(tellsUsersApart('linux', '6.8.0-45-generic')).toBe(true);
    expect(tellsUsersApart('linux', '5.15.167.4-microsoft-standard-WSL2')).toBe(false);
    for (const platform of ['darwin', 'win32'] as const) expect(tellsUsersApart(platform, '24.1.0')).toBe(false);
  });
});
