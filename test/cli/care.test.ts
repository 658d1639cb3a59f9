/** `keyward panic` and `keyward completion`, as the built program. */
import { execFile, execFileSync } from 'node:child_process';
import { access, chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredential } from '../../src/broker/connect/create.ts';
import { localPrincipal } from '../../src/principal.ts';
import { runInTerminal, runKeyward } from '../support/clients/command.ts';
import { keywardMain } from '../support/clients/mcp-clients.ts';
import { onVault } from '../support/vault/on-vault.ts';

const exec = promisify(execFile);
const key = 'ab'.repeat(32);
const token = 'canary-bearer-0k7Qw9ZpX2vLr8';

let folder: string;
let env: Record<string, string>;
/** A folder with a program `keyward`, as a shell finds it. */
let bin: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keyward-care-'));
  env = { KEYWARD_HOME: join(folder, 'home'), KEYWARD_KEY: key, KEYWARD_EGRESS_ALLOW: '127.0.0.1:1' };
  bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'keyward'), `#!/bin/sh\nexec '${process.execPath}' '${keywardMain}' "$@"\n`);
  await chmod(join(bin, 'keyward'), 0o755);
  const connectors = join(env.KEYWARD_HOME ?? '', 'config', 'connectors');
  await mkdir(connectors, { recursive: true });
  await writeFile(join(connectors, 'acme.json'), JSON.stringify(definition));
  await connect('Work Acme');
  await connect('Other');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const definition = {
  id: 'custom.acme',
  name: 'Acme',
  categories: ['testing'],
  docsUrl: 'https://acme.example/docs',
  appUrl: 'https://acme.example/apps',
  api: { baseUrl: 'http://127.0.0.1:1/v1', allowedHosts: ['127.0.0.1:1'] },
  auth: [{ authenticationType: 'bearer', keyUrl: 'https://acme.example/keys' }],
};

async function connect(name: string): Promise<void> {
  const input = { connectorId: 'custom.acme', authenticationType: 'bearer', name, token };
  await onVault(env, (broker) => createCredential(broker, localPrincipal, input, { obtainedBy: 'rest' }));
}

const complete = async (...words: readonly string[]) => {
  const { code, stdout, stderr } = await runKeyward(['completion', 'complete', '--', ...words], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.split('\n').flatMap((line) => line.split('\t')[0] || []);
};

describe('keyward completion', () => {
  it('189. offers commands, flags, values, connectors and connections, and nothing of a program that follows', async () => {
    const asked = [
      ['ke'],
      ['key', ''],
      ['list', '--conn'],
      ['list', '--connector', 'custom.'],
      ['show', 'W'],
      ['show', '"Work'],
      ['--release', 'a'],
      ['completion', ''],
      ['setup', 'cursor', 'claude-d'],
      ['run', '--', ''],
      ['completion', 'c'],
    ];
    expect(await Promise.all(asked.map((words) => complete(...words)))).toEqual([
      ['key'],
      ['status', 'rotate', 'rewrap'],
      ['--connector', '--connectors-dir'],
      ['custom.acme'],
      ['Work Acme'],
      ['Work Acme'],
      ['approve', 'allow'],
      ['bash', 'zsh', 'fish', 'powershell'],
      ['claude-desktop'],
      [],
      [],
    ]);
  });

  it('189. makes no vault, asks nothing, and prints nothing where something is wrong', async () => {
    const home = join(folder, 'none');
    const wrong = { ...env, KEYWARD_KEY: 'cd'.repeat(32) };
    const invalid = { ...env, KEYWARD_RELEASE: 'sometimes' };
    const ask = (given: Record<string, string>) => runKeyward(['completion', 'complete', '--', 'show', ''], given);
    const nothing = { code: 0, stdout: '', stderr: '' };
    expect(await Promise.all([{ ...env, KEYWARD_HOME: home }, wrong, invalid].map(ask))).toEqual([
      nothing,
      nothing,
      nothing,
    ]);
    expect(await readdir(folder)).not.toContain('none');
  });

  it('189. is no command that the help names or a mistake suggests, and knows four shells', async () => {
    const [help, mistake, scripts] = await Promise.all([
      runKeyward(['--help'], env),
      runKeyward(['complet'], env),
      Promise.all(['bash', 'zsh', 'fish', 'powershell'].map((shell) => runKeyward(['completion', shell], env))),
    ]);
    expect(help.stdout).toContain('keyward completion <bash|zsh|fish|powershell>');
    expect(help.stdout + mistake.stderr).not.toContain('completion complete');
    for (const { code, stdout } of scripts)
      expect([code, stdout]).toEqual([0, expect.stringContaining('keyward completion')]);
    // A typographic quote ends a string of PowerShell, too.
    expect(scripts[3]?.stdout).toContain('::EscapeSingleQuotedStringContent($value)');
    expect(await runKeyward(['completion', 'tcsh'], env)).toMatchObject({ code: 2, stdout: '' });
  });

  it('ends once it has answered, while a store still does not answer', async () => {
    // It takes connections, and says nothing. The store waits five seconds for that, and the person two.
    let held = Number.NaN;
    const silent = createServer((socket) => {
      const began = performance.now();
      socket
        .on('error', () => {})
        .once('close', () => {
          held = performance.now() - began;
        });
      socket.resume();
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const store = `postgres://ann@127.0.0.1:${port}/keyward?sslmode=disable`;
    const asked = await runKeyward(['completion', 'complete', '--', 'show', ''], { ...env, KEYWARD_STORE: store });
    await new Promise((resolve) => silent.close(resolve));
    expect(asked).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(held).toBeLessThan(4_500);
  });

  it('189. completes in bash, and runs nothing that is typed', async () => {
    const pwned = join(folder, 'pwned');
    const script = `source <(keyward completion bash)
      try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _keyward; printf '<%s>' "\${COMPREPLY[@]}"; }
      try keyward key ro; try keyward show Work; try keyward show '$(touch ${pwned})' '\`touch ${pwned}\`'`;
    const { stdout } = await exec('bash', ['-c', script], { env: shellEnv() });
    expect(stdout).toBe('<rotate><Work\\ Acme><>');
    await expect(access(pwned)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each(['zsh', 'fish'].filter(isInstalled))('189. completes in %s', async (shell) => {
    if (shell === 'fish') {
      const script = 'keyward completion fish | source; complete -C "keyward key "; complete -C "keyward show Wo"';
      const { stdout } = await exec('fish', ['-c', script], { env: shellEnv() });
      expect(stdout.replace(/\t.*/g, '')).toBe('status\nrotate\nrewrap\nWork Acme\n');
      return;
    }
    // What the system of completions would call, and what it would be given.
    const script = `compdef() { :; }; _describe() { print -rl -- "\${(@P)2}"; }; source <(keyward completion zsh)
      try() { words=("$@"); CURRENT=$#; _keyward; }; try keyward key ''; try keyward show Wo; try keyward show '"Wo'`;
    const { stdout } = await exec('zsh', ['-f', '-c', script], { env: shellEnv() });
    expect(stdout.replace(/:.*/g, '')).toBe('status\nrotate\nrewrap\nWork Acme\nWork Acme\n');
  });
});

function shellEnv(): Record<string, string> {
  return { ...env, PATH: `${bin}:${process.env.PATH}`, HOME: folder, TERM: 'dumb' };
}

function isInstalled(shell: string): boolean {
  try {
    execFileSync(shell, ['-c', 'exit'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('keyward panic', () => {
  it('185. asks at the real terminal alone, ends everything at a yes, and prints a receipt without a secret', async () => {
    const piped = await runKeyward(['panic'], env, { input: 'y\n' });
    expect(piped).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('--yes') });
    const no = await runInTerminal(['panic'], env, [[/\[y\/N\]/, 'n']]);
    expect(no.screen).toMatch(
      /Revoke and end every connection, .*connect flow and approval of the person at this computer, at the services too\?/,
    );
    expect(no).toMatchObject({ code: 1, screen: expect.stringContaining('Nothing was done') });
    expect((await runKeyward(['list', '--json'], env)).stdout).not.toContain('reconnect_required');

    const yes = await runInTerminal(['panic'], env, [[/\[y\/N\]/, 'y']]);
    expect(yes.code).toBe(0);
    expect(yes.screen).toMatch(/Work Acme +custom\.acme +ended here.*https:\/\/acme\.example\/keys/);
    expect(yes.screen).toContain('Ended: 2 connections');
    const { credentials } = JSON.parse((await runKeyward(['list', '--json'], env)).stdout);
    expect(credentials.map(({ status }: { status: string }) => status)).toEqual([
      'reconnect_required',
      'reconnect_required',
    ]);

    const again = await runKeyward(['panic', '--delete', '--yes', '--json'], env);
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({
      complete: true,
      connections: [{ deleted: true }, { deleted: true }],
    });
    expect(JSON.parse((await runKeyward(['list', '--json'], env)).stdout)).toEqual({ credentials: [] });
    expect(JSON.stringify([piped, no, yes, again])).not.toContain('canary');
  });
});
