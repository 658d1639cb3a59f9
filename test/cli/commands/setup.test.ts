/** `keyward setup` and the clients in `keyward status`, as the built program in a planted home. */
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { parse } from 'jsonc-parser';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Dialogue, runInTerminal, runKeyward } from '../../support/clients/command.ts';

const canary = 'canary-5b1f7c';
const key = 'c4'.repeat(32);

/** Files of clients as they are on computers; null where only the folder is. */
const files: Readonly<Record<string, string | null>> = {
  '.config/Claude/claude_desktop_config.json': `{\r\n  "mcpServers": {},\r\n  "globalShortcut": "${canary}"\r\n}\r\n`,
  '.claude.json': JSON.stringify({ numStartups: 3, oauthAccount: { token: canary }, projects: {} }),
  '.cursor/mcp.json': null,
  '.config/Code/User/mcp.json': `\uFEFF{\n\t"inputs": [],\n\t"servers": {\n\t\t"gh": { "type": "http", "url": "https://gh.example", },\n\t},\n}\n`,
  '.codeium/windsurf/mcp_config.json': '',
  '.codex/config.toml': `model = "o"\n\n[mcp_servers.gh]\ncommand = "npx" # ${canary}\nenv = { TOKEN = "${canary}" }\n`,
  '.gemini/settings.json': `{\n    "mcpServers": {\n        "gh": {\n            "command": "npx",\n            "env": { "T": "${canary}" }\n        }\n    }\n}`,
  '.config/zed/settings.json': `// Zed settings\n{\n  "theme": "One Dark", // ${canary}\n}\n`,
};
const ids = ['claude-desktop', 'claude-code', 'cursor', 'vscode', 'windsurf', 'codex', 'gemini', 'zed'];

let home: string;
let env: Record<string, string>;
beforeEach(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'keyward-setup-')));
  env = { HOME: home, KEYWARD_HOME: join(home, 'keyward'), KEYWARD_KEY: key };
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function plant(names: readonly string[] = Object.keys(files)): Promise<void> {
  for (const name of names) {
    await mkdir(dirname(join(home, name)), { recursive: true });
    const content = files[name] ?? null;
    if (content !== null) await writeFile(join(home, name), content);
  }
}

const contents = () =>
  Promise.all(Object.keys(files).map((name) => readFile(join(home, name), 'utf8').catch(() => null)));

it('154. 157. adds Keyward to every client and takes it back to the byte; without a terminal only when told to; shows no secret', async () => {
  await plant();
  const before = await contents();
  const unasked = await runKeyward(['setup'], env);
  expect(unasked.code).toBe(1);
  expect(unasked.stderr).toContain('Say --yes to make these changes');
  expect(unasked.stdout).toContain('+command = ');
  expect(await contents()).toEqual(before);

  const set = await runKeyward(['setup', '--yes'], env);
  expect(set).toMatchObject({ code: 0, stderr: expect.stringContaining('Set KEYWARD_KEY there yourself') });
  const again = await runKeyward(['setup', '--yes', '--json'], env);
  expect(JSON.parse(again.stdout).clients).toMatchObject(ids.map((client) => ({ client, state: 'right' })));
  const after = await contents();
  expect(after.join()).not.toContain(key);

  const status = await runKeyward(['status'], env);
  expect(status.stdout.match(/has Keyward$/gm)).toHaveLength(ids.length);

  // What stands there starts Keyward.
  const { command, args, env: own } = parse(after[2] ?? '').mcpServers.keyward;
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(new StdioClientTransport({ command, args, env: { ...env, ...own }, stderr: 'ignore' }));
  expect((await client.listTools()).tools.length).toBeGreaterThan(5);
  await client.close();

  const removed = await runKeyward(['setup', '--remove', '--yes'], env);
  expect(removed.code).toBe(0);
  expect(await contents()).toEqual(before);
  for (const { stdout, stderr } of [unasked, set, again, status, removed])
    expect(stdout + stderr).not.toMatch(new RegExp(`${canary}|${key}`));
});

it('153. a file that can not be read is named with its place and left alone, and the others are changed', async () => {
  await plant(['.cursor/mcp.json', '.gemini/settings.json']);
  await writeFile(join(home, '.cursor/mcp.json'), `{ "mcpServers": { "${canary}" `);
  const { code, stdout, stderr } = await runKeyward(['setup', '--yes'], env);
  expect(code).toBe(1);
  expect(stderr).toMatch(/mcp\.json is no JSON from line 1, column \d+ on\. Correct the file of Cursor/);
  expect(stdout + stderr).not.toContain(canary);
  expect(await readdir(join(home, '.cursor'))).toEqual(['mcp.json']);
  expect(await readFile(join(home, '.gemini/settings.json'), 'utf8')).toContain('"keyward"');
});

it('changes a file once that several clients are linked to', async () => {
  await plant(['.cursor/mcp.json', '.gemini/settings.json']);
  await symlink(join(home, '.gemini/settings.json'), join(home, '.cursor/mcp.json'));
  const { code, stdout } = await runKeyward(['setup', '--yes', '--json'], env);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).clients).toMatchObject([{ state: 'written' }, { state: 'right' }]);
});

it('does only the clients that are named, and says the nearest name, what is missing, and where none is', async () => {
  expect(await runKeyward(['setup'], env)).toMatchObject({ code: 1, stderr: expect.stringContaining('No MCP client') });
  await plant(['.cursor/mcp.json', '.gemini/settings.json']);
  const typo = await runKeyward(['setup', 'cursr', '--yes'], env);
  expect(typo).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean cursor?') });
  const missing = await runKeyward(['setup', 'zed', '--yes'], env);
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('Zed is not on this computer') });
  expect((await runKeyward(['setup', 'Cursor', '--yes'], env)).code).toBe(0);
  expect(await readFile(join(home, '.gemini/settings.json'), 'utf8')).toBe(files['.gemini/settings.json']);
  const left = await runKeyward(['setup', '--json'], env);
  expect(left.code).toBe(1);
  expect(JSON.parse(left.stdout).clients).toMatchObject([{ state: 'right' }, { client: 'gemini', state: 'different' }]);
});

it('157. asks in a terminal, changes what was chosen, and nothing after a no', async () => {
  await plant(['.cursor/mcp.json', '.gemini/settings.json']);
  const one = (answer: string): Dialogue => [[/Make this change for Cursor\?/, answer]];
  const no = await runInTerminal(['setup', 'cursor'], env, one('n'));
  expect(no).toMatchObject({ code: 1, screen: expect.stringContaining('Nothing was changed.') });
  const stopped = await runInTerminal(['setup', 'cursor'], env, one('\u0003'));
  expect(stopped).toMatchObject({ code: 1, screen: expect.stringContaining('Nothing was changed.') });
  expect(await readdir(join(home, '.cursor'))).toEqual([]);

  // Space takes the first one out.
  const chosen = await runInTerminal(['setup'], env, [[/Make 2 changes\?[\s\S]*Gemini CLI/, ' ']]);
  expect(chosen.code).toBe(0);
  expect(await readdir(join(home, '.cursor'))).toEqual([]);
  expect(await readFile(join(home, '.gemini/settings.json'), 'utf8')).toContain('"keyward"');

  expect((await runInTerminal(['setup', 'cursor'], env, one('y'))).code).toBe(0);
  expect(await readFile(join(home, '.cursor/mcp.json'), 'utf8')).toContain('"keyward"');
});
