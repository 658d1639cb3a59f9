/** The programs that the docs show. Those of frameworks are run by `npm run test:agents`; here runs the one that needs none. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { clickThrough } from './support/clients/click-through.ts';
import { createBrowser, linkOut } from './support/clients/session.ts';
import { type HttpKeyward, startKeywardHttp } from './support/servers/keyward-http.ts';
import { connectorId, startWorld, type World } from './support/world.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

let world: World;
let keyward: HttpKeyward;
beforeAll(async () => {
  world = await startWorld();
  keyward = await startKeywardHttp(world.env);
});
afterAll(async () => {
  await keyward.stop();
  await world.close();
});

/** Starts the program; answers a line that begins like this as soon as it prints one, and what it prints in all. */
function runAgent(token: string) {
  const env = { PATH: process.env.PATH, MCP_URL: `${keyward.origin}/mcp`, MCP_TOKEN: token };
  const args = ['--import', './scripts/typescript.mjs', 'examples/agent.ts', connectorId];
  const agent = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: agent.stdout });
  const printed: string[] = [];
  lines.on('line', (line) => void printed.push(line));
  const line = async (beginning: string): Promise<string> => {
    for (;;) {
      const found = printed.find((one) => one.startsWith(beginning));
      if (found !== undefined) return found;
      const [next] = await Promise.race([once(lines, 'line'), once(lines, 'close')]);
      if (next === undefined) throw new Error(`It ended with:\n${printed.join('\n')}`);
    }
  };
  const ended = once(agent, 'close').then(([code]) => ({ code, text: printed.join('\n') }));
  return { line, ended };
}

it('examples/agent.ts connects a service with its person, and uses the connection the next time', async () => {
  const token = await keyward.sessionToken('ann');
  const first = runAgent(token);
  const link = (await first.line('Open this link')).split(' ').at(-1) ?? '';
  const browser = createBrowser();
  const page = await browser.open(link);
  const hidden = (name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page.text)?.[1] ?? '';
  const code = await keyward.signInCode('ann');
  const connect = await browser.send(`${keyward.origin}/sign-in`, { csrf: hidden('csrf'), to: hidden('to'), code });
  expect(connect.heading).toBe('Connect Acme');
  const done = await browser.open(await clickThrough(linkOut(connect)));
  expect(done.heading).toBe('Acme is connected');
  expect(await first.ended).toMatchObject({ code: 0, text: expect.stringContaining("status: 'active'") });

  const again = await runAgent(token).ended;
  expect(again.code).toBe(0);
  expect(again.text).toContain("account: 'ann@example.com'");
  expect(again.text).not.toContain('Open this link');
});

it.each([
  ['docs/agents.md', 'examples', 'agent.ts'],
  ['docs/agents.md', 'examples/agents', ''],
  ['docs/gateway.md', 'examples/gateway', ''],
])('%s shows the programs of %s as they are %s', async (page, folder, only) => {
  const text = await readFile(`${root}/${page}`, 'utf8');
  const names = only === '' ? await readdir(`${root}/${folder}`) : [only];
  expect(names).not.toEqual([]);
  for (const name of names) {
    const language = name.endsWith('.py') ? 'python' : 'ts';
    expect(text).toContain(`\`\`\`${language}\n${await readFile(`${root}/${folder}/${name}`, 'utf8')}\`\`\``);
  }
});
