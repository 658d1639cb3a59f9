/** The command line, as the built program in real processes. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeOptions } from '../../src/config/config.ts';

const main = join(import.meta.dirname, '..', '..', 'dist', 'main.js');
const key = 'ab'.repeat(32);

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'keyward-cli-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

type Outcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** Runs `keyward` to its end with this environment and stdin. */
async function keyward(args: readonly string[], env: Record<string, string> = {}, input = ''): Promise<Outcome> {
  const own = { PATH: process.env.PATH, KEYWARD_HOME: home, KEYWARD_KEY: key, ...env };
  const child = spawn(process.execPath, [main, ...args], { env: own });
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}

describe('keyward', () => {
  it('--help shows every option and command, --version the version, and neither touches the disk', async () => {
    const help = await keyward(['--help']);
    expect(help.code).toBe(0);
    for (const { variable } of describeOptions()) expect(help.stdout).toContain(variable);
    expect(help.stdout).toContain('keyward audit verify');
    expect(await keyward(['--version'])).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' });
    expect(await readdir(home)).toEqual([]);
  });

  it('names every problem of the command line and the environment at once, with exit code 2, and makes nothing', async () => {
    const { code, stdout, stderr } = await keyward(['stdio', '--prot', '1', 'extra', '--host'], {
      KEYWARD_RELEASE: 'sometimes',
      KEYWARD_PASSPHRASES: 'canary-secret',
      KEYWARD_AUTH_ACME_CLIENT_SECRET: 'canary-secret',
    });
    expect(code).toBe(2);
    expect(stdout).toBe('');
    for (const name of [
      '--prot is not an option; did you mean --port?',
      'extra ',
      '--host ',
      'KEYWARD_RELEASE ',
      'KEYWARD_PASSPHRASES is not an option; did you mean KEYWARD_PASSPHRASE?',
      'KEYWARD_AUTH_ACME_CLIENT_SECRET ',
    ]) {
      expect(stderr).toContain(`  ${name}`);
    }
    expect(stderr).not.toContain('canary-secret');
    expect(await readdir(home)).toEqual([]);
  });

  it('refuses an unknown command and a secret given as a flag', async () => {
    expect(await keyward(['serve'])).toMatchObject({ code: 2, stdout: '' });
    const { code, stderr } = await keyward(['stdio', '--passphrase=canary-secret']);
    expect(code).toBe(2);
    expect(stderr).toContain('KEYWARD_PASSPHRASE');
    expect(stderr).not.toContain('canary-secret');
  });

  it('status prints a client config that works as it is, without secrets, and makes neither vault nor key', async () => {
    const { code, stdout } = await keyward(['status', '--release', 'never']);
    expect(code).toBe(0);
    expect(stdout).toContain(join(home, 'data', 'vault.json'));
    expect(stdout).not.toContain(key);
    expect(stdout).toContain('Set KEYWARD_KEY there too');
    expect(await readdir(home)).toEqual([]);

    const [config] = /^ {2}\{\n[\s\S]*?^ {2}\}$/m.exec(stdout) ?? [''];
    const { command, args, env } = JSON.parse(config).mcpServers.keyward as {
      command: string;
      args: string[];
      env: Record<string, string>;
    };
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(
      new StdioClientTransport({ command, args, env: { ...env, KEYWARD_KEY: key }, cwd: tmpdir(), stderr: 'ignore' }),
    );
    const { structuredContent } = await client.callTool({ name: 'list_credentials', arguments: {} });
    await client.close();
    expect(structuredContent).toEqual({ credentials: [] });
    expect((await keyward(['status'])).stdout).toContain('(0 credentials over stdio)');
  });

  it('status shows connector files that can not be used, OAuth clients without a connector, and a vault that does not open', async () => {
    await mkdir(join(home, 'config', 'connectors'), { recursive: true });
    await writeFile(join(home, 'config', 'connectors', 'broken.json'), '{"id": "custom.broken"}');
    await keyward(['auth-config', 'list']);
    const { code, stdout } = await keyward(['status'], {
      KEYWARD_KEY: 'cd'.repeat(32),
      KEYWARD_AUTH_NOTHING_CLIENT_ID: 'x',
    });
    expect(code).toBe(1);
    expect(stdout).toContain('broken.json');
    expect(stdout).toContain('KEYWARD_AUTH_NOTHING_CLIENT_ID fits no connector');
    expect(stdout).toContain('does not open');
  });

  it('shows nothing of a file, a client or a service that would move the cursor of a terminal', async () => {
    const folder = join(home, 'config', 'connectors');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, '\u001b[2J\u202e.json'), '{"\\u001b]52;c;cm0gLXJm\\u0007": 1}');
    const { stdout } = await keyward(['status']);
    expect(stdout).toContain('?[2J?.json');
    expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
  });

  it('stores, lists and removes OAuth clients, and takes their secrets from stdin only', async () => {
    const secret = 'canary-client-secret';
    const added = await keyward(['auth-config', 'add', 'github', '--client-id', 'Iv1.abc'], {}, `${secret}\n`);
    expect(added).toMatchObject({ code: 0, stderr: '' });
    const [id = ''] = /[0-9a-f-]{36}/.exec(added.stdout) ?? [];
    const listed = await keyward(['auth-config', 'list'], {
      KEYWARD_AUTH_SLACK_CLIENT_ID: 'from-env',
      KEYWARD_AUTH_GOOGLE_CLIENT_ID: 'for-all-of-google',
    });
    expect(listed.stdout).toMatch(new RegExp(`${id} +github +Iv1.abc`));
    expect(listed.stdout).toMatch(/default +slack +from-env/);
    expect(listed.stdout).toMatch(/default +all of google +for-all-of-google/);
    expect(await keyward(['auth-config', 'remove', id])).toMatchObject({ code: 0, stderr: '' });
    const after = await keyward(['auth-config', 'list']);
    expect(after.stdout).not.toContain(id);
    expect(JSON.stringify([added, listed, after])).not.toContain(secret);
  });

  it('answers a mistake with an auth config by an error that names the next step, and exit code 1', async () => {
    const unknown = await keyward(['auth-config', 'add', 'gihtub', '--client-id', 'x'], {}, 'secret');
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toContain('github');
    const noId = await keyward(['auth-config', 'add', 'github'], {}, 'secret');
    expect(noId).toMatchObject({ code: 1, stdout: '' });
    expect(noId.stderr).toContain('http://127.0.0.1:7355/oauth/callback');
    const noServer = await keyward(['auth-config', 'add', 'generic-openid', '--client-id', 'x'], {}, 'secret');
    expect(noServer.stderr).toContain('Add --server with the issuer');
    const forServer = await keyward(
      ['auth-config', 'add', 'generic-openid', '--server', 'https://id.example'],
      {},
      's',
    );
    expect(forServer.stderr).toMatch(
      /client at id\.example with the redirect URI http:\/\/\S+\/oauth\/callback\/generic-openid\b/,
    );
    expect(await keyward(['auth-config', 'remove', 'nothing'])).toMatchObject({ code: 1, stdout: '' });
  });

  it('says what else an app needs at the service, and whose words that is', async () => {
    const known = await keyward(['auth-config', 'add', 'gmail'], {}, 'secret');
    expect(known.stderr).toMatch(/The app needs this, too: [^:]*enable the Gmail API/);
    const folder = join(home, 'config', 'connectors');
    await mkdir(folder, { recursive: true });
    const example = new URL('../../examples/connector.json', import.meta.url);
    await writeFile(join(folder, 'teahouse.json'), await readFile(example));
    const { id } = JSON.parse(await readFile(example, 'utf8'));
    const own = await keyward(['auth-config', 'add', id], {}, 'secret');
    expect(own.stderr).toContain('Whoever wrote the connector’s file adds: Under Sales');
  });

  it('shows the audit log, verifies it, and tells with exit code 1 when a line was altered', async () => {
    for (const id of ['1', '2', '3']) await keyward(['auth-config', 'add', 'github', '--client-id', id], {}, 'secret');
    const tail = await keyward(['audit', 'tail', '-n', '2']);
    expect(tail.code).toBe(0);
    expect(tail.stdout.trimEnd().split('\n')).toHaveLength(2);
    expect(tail.stdout).toMatch(/allowed +auth_config.create +github +[0-9a-f-]{36} +local\/local, through keyward/);
    expect(await keyward(['audit', 'verify'])).toMatchObject({ code: 0, stderr: '' });

    const [name = ''] = (await readdir(join(home, 'data'))).filter((file) => file.includes('audit'));
    const log = join(home, 'data', name);
    await writeFile(log, (await readFile(log, 'utf8')).replace('"github"', '"gitlab"'));
    const altered = await keyward(['audit', 'verify']);
    expect(altered.code).toBe(1);
    expect(altered.stdout).toContain('line 1: ');
  });

  it('reads no audit log where there is no vault, and makes none', async () => {
    for (const command of ['tail', 'verify']) {
      expect(await keyward(['audit', command])).toMatchObject({ code: 1, stdout: '' });
    }
    expect(await keyward(['audit', 'tail', '-n', '0'])).toMatchObject({ code: 2, stdout: '' });
    expect(await readdir(home)).toEqual([]);
  });

  it('ends in order, with exit code 0, when the client goes and on each signal to stop', async () => {
    for (const end of ['stdin', 'SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      const child = spawn(process.execPath, [main], {
        env: { PATH: process.env.PATH, KEYWARD_HOME: home, KEYWARD_KEY: key },
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
      const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
      child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })}\n`);
      await new Promise((resolve) => child.stdout.once('data', resolve));
      if (end === 'stdin') child.stdin.end();
      else child.kill(end);
      const lines = text(child.stderr);
      expect(await ended, end).toEqual({ code: 0, signal: null });
      const events = (await lines).trim().split('\n');
      expect(events.map((line) => JSON.parse(line).event)).toEqual(['serving', 'stopping']);
    }
  });
});
