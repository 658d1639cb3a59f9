/** `keyward open` as a person, or a program, starts it. */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runInTerminal } from '../support/clients/command.ts';
import { type CommandLine, commandLineWith, ending } from '../support/clients/command-line.ts';
import { freePort } from '../support/clients/mcp-clients.ts';
import { createBrowser } from '../support/clients/session.ts';

let commands: CommandLine;
let bin: string;

beforeAll(async () => {
  commands = await commandLineWith({ KEYWARD_PORT: `${await freePort()}` });
  bin = await mkdtemp(join(tmpdir(), 'keyward-browser-'));
  await mkdir(bin, { recursive: true });
  // Stands for the person's browser: it notes what it was asked to show, and what it inherited.
  await writeFile(
    join(bin, 'xdg-open'),
    `#!/bin/sh\nenv > '${bin}/env'\necho "$1" > '${bin}/link.part'\nmv '${bin}/link.part' '${bin}/link'\n`,
  );
  await chmod(join(bin, 'xdg-open'), 0o755);
});
afterAll(async () => {
  await commands.remove();
  await rm(bin, { recursive: true, force: true });
});

const link = /http:\/\/127\.0\.0\.1:\d+\/open\/[\w-]{43}/;

describe('keyward open', () => {
  it('407. gives its link to the browser alone, and ends with Ctrl+C', async () => {
    const child = commands.start(['open'], { env: { PATH: `${bin}:${commands.env.PATH}`, DISPLAY: ':0' } });
    const ended = ending(child);
    const shown = await expect
      .poll(() => readFile(join(bin, 'link'), 'utf8').catch(() => ''), { timeout: 20_000 })
      .toMatch(link)
      .then(() => readFile(join(bin, 'link'), 'utf8'));
    expect((await createBrowser().open(shown.trim())).heading).toBe('Your connections');
    child.kill('SIGINT');
    const { code, stdout, stderr } = await ended;
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toMatch(/^Your page opens in your browser\./);
    expect(stderr).not.toMatch(/http|open\//);
    expect(await readFile(join(bin, 'env'), 'utf8')).not.toContain('KEYWARD_KEY');
    await expect(createBrowser().open(shown.trim())).rejects.toThrow('fetch failed');
  });

  it('407. says no link to a program that started it where there is no browser, and how to go on', async () => {
    const { code, stdout, stderr } = await commands.run(['open']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/no browser here, and no terminal[\s\S]*Run keyward open in a terminal/);
    expect(stderr).not.toMatch(/http|\/open/);
  });

  it('407. shows its link at the terminal where there is no browser', async () => {
    let pid = 0;
    let opened = '';
    const { screen, code } = await runInTerminal(['open'], commands.env, [], {
      onStart: (started) => {
        pid = started;
      },
      onScreen: (text) => {
        const [found] = link.exec(text) ?? [];
        if (found === undefined || opened !== '') return;
        opened = found;
        void createBrowser()
          .open(found)
          .then(({ heading }) => {
            expect(heading).toBe('Your connections');
            process.kill(pid, 'SIGINT');
          });
      },
    });
    expect(code).toBe(0);
    expect(screen).toMatch(/within a minute\. It works once\.\s+http/);
  });
});
