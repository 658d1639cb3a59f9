/** `npm start`, as a person runs it: what it prints is enough to connect a client and to see one's own page. */
import { type ChildProcess, exec, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, noOutside } from '../support/clients/mcp-clients.ts';
import { type Browser, createBrowser, type Shown } from '../support/clients/session.ts';

const shell = promisify(exec);
const root = join(import.meta.dirname, '..', '..');

let home: string;
let env: NodeJS.ProcessEnv;
let keyward: ChildProcess;
let origin: string;
const printed: string[] = [];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'keyward-start-'));
  const port = await freePort();
  origin = `http://127.0.0.1:${port}`;
  const key = randomBytes(32).toString('base64');
  env = { PATH: process.env.PATH, KEYWARD_HOME: home, KEYWARD_KEY: key, ...noOutside };
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const [program = '', ...args] = scripts.start?.split(' ') ?? [];
  // As `npm start -- --port …` hands it on: what is printed then has the port of whoever it is for, once.
  keyward = spawn(program, [...args, '--port', `${port}`], { cwd: root, env, stdio: ['ignore', 'pipe', 'ignore'] });
  for await (const line of createInterface({ input: keyward.stdout ?? process.stdin })) {
    printed.push(line);
    if (/^These commands need/.test(line)) break;
  }
});
afterAll(async () => {
  const ended = once(keyward, 'exit');
  keyward.kill('SIGTERM');
  await ended;
  await rm(home, { recursive: true, force: true });
});

/** Runs the printed command that has this word, with other words in place of some. Of its environment it gets the secrets. */
async function runPrinted(word: string, change = (command: string) => command): Promise<string> {
  const command = printed.find((line) => line.startsWith('  ') && line.includes(` ${word} `)) ?? '';
  const { PATH, KEYWARD_KEY } = env;
  const { stdout } = await shell(change(command.trim()), { env: { PATH, KEYWARD_KEY } });
  return stdout;
}

async function clientOf(user: string): Promise<Client> {
  const shown = await runPrinted('token', (command) => command.replace('--user me', `--user ${user}`));
  const [token = ''] = /kw_[\w-]+/.exec(shown) ?? [];
  const client = new Client({ name: 'test', version: '1.0.0' });
  const url = printed.find((line) => line.startsWith('  claude mcp add'))?.match(/http:\S+/)?.[0] ?? '';
  const requestInit = { headers: { Authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  return client;
}

/** Follows the link of the page to the sign-in form, types a code from the printed command, and comes back. */
async function signIn(browser: Browser): Promise<Shown> {
  const [, link = ''] = /href="(\/sign-in[^"]*)"/.exec((await browser.open(`${origin}/`)).text) ?? [];
  const form = await browser.open(`${origin}${link}`);
  const hidden = (name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(form.text)?.[1] ?? '';
  const [code = ''] = /[0-9A-Z]{4}(-[0-9A-Z]{4}){2}/.exec(await runPrinted('sign-in')) ?? [];
  return browser.send(`${origin}/sign-in`, { csrf: hidden('csrf'), to: hidden('to'), code });
}

describe('npm start', () => {
  it('prints the MCP URL, the vault, texts for clients, the page, and no secret', () => {
    const text = printed.join('\n');
    expect(text).toContain(`MCP at ${origin}/mcp`);
    expect(text).toContain(join(home, 'data', 'vault.json'));
    expect(text).toContain(`Your page is ${origin}/`);
    for (const client of ['Claude Code:', 'VS Code:', 'MCP Inspector (with Node 22.19 or newer):'])
      expect(text).toContain(client);
    expect(text).toContain('These commands need KEYWARD_KEY, too: secrets are not printed here.');
    expect(text).not.toContain(env.KEYWARD_KEY);
  });

  it('the printed commands make a token that a client works with, and a code that opens the page of its user', async () => {
    const [mine, other] = [await clientOf('me'), await clientOf('somebody')];
    const create = async (client: Client, name: string) => {
      const args = {
        connectorId: 'openai',
        authenticationType: 'api_key',
        apiKey: `sk-canary-${'a'.repeat(32)}`,
        name,
      };
      expect((await client.callTool({ name: 'create_credential', arguments: args })).isError).not.toBe(true);
    };
    await create(mine, 'Mine <b>bold</b>');
    await create(other, 'Not mine');
    await Promise.all([mine.close(), other.close()]);

    const browser = createBrowser();
    const stranger = await browser.open(`${origin}/`);
    expect(stranger.text).toContain('<title>Keyward</title>');
    expect(stranger.heading).toBe('Keyward keeps credentials for AI assistants');
    expect(stranger.text).toContain(`${origin}/mcp`);
    const page = await signIn(browser);
    expect([page.url.pathname, page.heading]).toEqual(['/', 'Your connections']);
    expect(page.text).toContain('>Mine &lt;b&gt;bold&lt;/b&gt;</');
    expect(page.text).toMatch(/OpenAI ·.*api\.openai\.com · not used yet/);
    expect(page.text).not.toContain('Not mine');
    expect(page.text).not.toContain('canary');
  });
});
