/** `keyward git-credential`: git logs in with a connection, and no other host learns of it. */
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { access, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredential } from '../../src/broker/connect/create.ts';
import type { CreateInput } from '../../src/broker/connect/create-input.ts';
import { gitLogin, isForGit } from '../../src/broker/credentials/git-login.ts';
import { getConnection } from '../../src/broker/credentials/manage.ts';
import { readGitRequest } from '../../src/cli/git/request.ts';
import { localPrincipal } from '../../src/principal.ts';
import { startBroker, storeTokens } from '../support/broker.ts';
import { type CommandLine, commandLineWith, ending } from '../support/clients/command-line.ts';
import { keywardMain } from '../support/clients/mcp-clients.ts';
import { type EchoApi, startEchoApi } from '../support/servers/echo-api.ts';
import { type EchoEnv, echoEnv } from '../support/servers/echo-connector.ts';
import { type GitServer, startGitServer } from '../support/servers/git-server.ts';
import { connectionsOn } from '../support/vault/on-vault.ts';

const token = 'git-canary-token-0123456789';

const folder = mkdtempSync(join(tmpdir(), 'keyward-git-'));
let api: EchoApi;
let echo: EchoEnv;
let server: GitServer;
let keyward: CommandLine;
let forge = '';
beforeAll(async () => {
  const version = await ending(spawn('git', ['--version'])).catch(() => null);
  if (version === null) throw new Error('These tests need git, which this machine does not have.');
  [api, server] = await Promise.all([startEchoApi(), startGitServer(folder, `x-access-token:${token}`)]);
  await writeFile(join(folder, 'certificate.pem'), server.certificate);
  const definition = {
    id: 'custom.forge',
    name: 'Forge',
    categories: ['testing'],
    docsUrl: 'https://forge.example/docs',
    appUrl: 'https://forge.example/keys',
    api: {
      baseUrl: `${api.origin}/v1`,
      allowedHosts: [new URL(api.origin).host, server.host],
      verify: { path: '/whoami', accountPath: 'account' },
      // A file that changed later must not lead a secret elsewhere.
      git: { hosts: ['evil.example'], username: 'x-access-token' },
    },
    auth: [{ authenticationType: 'bearer' }],
  };
  echo = await echoEnv(api.origin, [], [definition]);
  keyward = await commandLineWith(echo.env);
  await keyward.fill(async (broker) => {
    const input = { connectorId: 'custom.forge', authenticationType: 'bearer', name: 'Forge', token } as CreateInput;
    const made = await createCredential(broker, localPrincipal, input, { obtainedBy: 'tool' });
    if (made.kind !== 'created') throw new Error('It was not connected.');
    forge = made.credentialId;
  });
});
afterAll(async () => {
  await keyward.remove();
  await echo.remove();
  await api.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** git with Keyward as its only credential helper, and nobody to ask. */
function git(args: readonly string[], cwd = folder) {
  const helper = `credential.helper=!'${process.execPath}' '${keywardMain}' git-credential`;
  const ca = `http.sslCAInfo=${join(folder, 'certificate.pem')}`;
  const child = spawn('git', ['-c', 'credential.helper=', '-c', helper, '-c', ca, ...args], {
    cwd,
    env: {
      ...keyward.env,
      GIT_TERMINAL_PROMPT: '0',
      GIT_CONFIG_NOSYSTEM: '1',
      ...Object.fromEntries(
        ['AUTHOR', 'COMMITTER'].flatMap((who) => [
          [`GIT_${who}_NAME`, 'Ann'],
          [`GIT_${who}_EMAIL`, 'ann@example.com'],
        ]),
      ),
    },
  });
  return ending(child);
}

const ask = (operation: string, lines: readonly string[], more: readonly string[] = [], env = {}) =>
  keyward.run(['git-credential', ...more, operation], { input: `${lines.join('\n')}\n\n`, env });

describe('keyward git-credential', () => {
  it('lets a real git clone and push over https', async () => {
    const bare = join(folder, 'work.git');
    await mkdir(bare);
    await git(['init', '--quiet', '--bare', '--initial-branch=main', bare]);
    const cloned = await git(['clone', '--quiet', `https://${server.host}/work.git`, 'clone']);
    expect(cloned).toMatchObject({ code: 0 });
    const clone = join(folder, 'clone');
    await writeFile(join(clone, 'file.txt'), 'text');
    await git(['add', '.'], clone);
    await git(['commit', '--quiet', '-m', 'one'], clone);
    const pushed = await git(['push', '--quiet', 'origin', 'HEAD:main'], clone);
    expect(pushed).toMatchObject({ code: 0 });
    await access(join(bare, 'refs', 'heads', 'main'));
    expect(new Set(server.seen)).toEqual(new Set([`x-access-token:${token}`]));
    expect(await keyward.audit()).toContain(`keyward git-credential for ${server.host}`);
    expect(`${cloned.stderr}${pushed.stderr}${await keyward.audit()}`).not.toContain(token);
  });

  it('176. answers no other host, no other port and no plain http', async () => {
    const [, port] = server.host.split(':');
    const read = (...lines: string[]) => readGitRequest(Readable.from([`${lines.join('\n')}\n\n`]), [server.host]);
    for (const lines of [
      ['protocol=https', `host=localhost:${port}@evil.example`],
      ['protocol=https', `host=evil.example/localhost:${port}`],
      ['protocol=https', 'host=*.example.com'],
      ['protocol=http', `host=localhost.evil.example:${port}`],
      ['protocol=ssh', `host=${server.host}`],
      ['protocol=https'],
    ])
      expect(await read(...lines)).toBeNull();
    const others = [
      ['protocol=https', 'host=evil.example'],
      ['protocol=https', 'host=localhost:1'],
      ['protocol=http', `host=${server.host}`],
    ];
    const answers = await Promise.all(others.map((lines) => ask('get', lines)));
    for (const [index, answer] of answers.entries())
      expect({ asked: others[index], ...answer }).toMatchObject({ code: 0, stdout: '', stderr: '' });
    // Loopback is the exception, and only where the configuration lets it be reached.
    const plain = await ask('get', ['protocol=http', `host=${new URL(api.origin).host}`]);
    expect(plain.stdout).toContain('username=');
    const named = await ask('get', ['protocol=https', 'host=evil.example'], ['--connection', 'Forge']);
    expect(named).toMatchObject({ code: 0, stdout: '' });
  });

  it('takes what newer gits send, stores nothing, and ignores what it does not know', async () => {
    const lines = ['capability[]=authtype', 'capability[]=state', 'protocol=https', `host=${server.host}`];
    const got = await ask('get', [...lines, 'path=work.git', 'wwwauth[]=Basic realm="git"']);
    expect(got).toEqual({ code: 0, signal: null, stdout: `username=x-access-token\npassword=${token}\n`, stderr: '' });
    const silent = { code: 0, signal: null, stdout: '', stderr: '' };
    expect(await ask('store', [...lines, 'username=ann', 'password=other'])).toEqual(silent);
    expect(await ask('whatever', lines)).toEqual(silent);
  });

  it('tells git when an access token ends, and the user name that the vendor documents', async () => {
    const { broker, close } = await startBroker({ origin: api.origin });
    const expiresAt = Date.now() + 3_600_000;
    const { id } = await storeTokens(broker, localPrincipal, { expiresAt });
    const connection = await getConnection(broker, localPrincipal, { connectionId: id });
    const login = await gitLogin(broker, localPrincipal, connection);
    expect(login).toMatchObject({ username: 'x-access-token', expiresAt: Math.floor(expiresAt / 1_000) });
    // Its repositories are at another host than its API.
    const github = { ...connection, connectorId: 'github', authenticationType: 'bearer', hosts: ['api.github.com'] };
    const isFor = (url: string, more = {}) => isForGit(broker, { ...github, ...more }, new URL(url));
    expect(isFor('https://github.com')).toBe(true);
    expect(isFor('https://github.com', { access: 'use' })).toBe(false);
    for (const other of ['https://github.com:8443', 'https://gist.github.com', 'https://gitlab.com'])
      expect(isFor(other)).toBe(false);
    await close();
  });

  it('verifies what git says was refused, and marks what its service refuses', async () => {
    const lines = ['protocol=https', `host=${server.host}`, 'username=x-access-token', `password=${token}`];
    const status = async () => (await connectionsOn(keyward.env)).find((one) => one.credentialId === forge)?.status;
    await ask('erase', lines);
    expect(await status()).toBe('active');
    api.revoked.add(token);
    expect(await ask('erase', lines)).toMatchObject({ code: 0, stdout: '' });
    expect(await status()).toBe('reconnect_required');
  });
});
