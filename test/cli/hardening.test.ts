/** What the built program keeps to whatever surrounds it: signals, code of others, users without a home, odd clients. */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, testKey } from '../support/clients/mcp-clients.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const main = join(root, 'dist', 'main.js');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keyward-hardening-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const envOf = (home: string) => ({ PATH: process.env.PATH, KEYWARD_HOME: join(folder, home), KEYWARD_KEY: testKey });

/** `keyward stdio` after its handshake, and what it answers. */
async function startStdio(home: string, ...nodeOptions: string[]) {
  const child = spawn(process.execPath, [...nodeOptions, main, 'stdio'], { env: envOf(home) });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let stderr = '';
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const send = (message: Record<string, unknown>) =>
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const next = async () => JSON.parse((await answers.next()).value ?? '{}') as Record<string, unknown>;
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
  send({ id: 0, method: 'initialize', params });
  await next();
  send({ method: 'notifications/initialized' });
  return { child, send, next, said: () => stderr, end: () => ended(child) };
}

async function ended(child: ChildProcessWithoutNullStreams): Promise<void> {
  const gone = once(child, 'close');
  child.stdin.end();
  await gone;
}

describe('the program', () => {
  it('99. opens no inspector at SIGUSR1, and goes on', async () => {
    const port = await freePort();
    const { child, send, next, said, end } = await startStdio('signal', `--inspect-port=${port}`);
    for (const id of [1, 2, 3]) {
      child.kill('SIGUSR1');
      send({ id, method: 'ping' });
      expect(await next()).toMatchObject({ id, result: {} });
      await expect(fetch(`http://127.0.0.1:${port}/json/list`)).rejects.toThrow();
    }
    await end();
    expect(said()).not.toContain('Debugger');
  });

  it('102. answers two requests of one id both, each under that id, and a third under another', async () => {
    const { send, next, end } = await startStdio('ids');
    for (const id of [7, 7, 8]) send({ id, method: 'tools/call', params: { name: 'list_credentials', arguments: {} } });
    const answers = [await next(), await next(), await next()];
    expect(answers.map(({ id }) => id).sort()).toEqual([7, 7, 8]);
    for (const { result } of answers) expect(result).toMatchObject({ structuredContent: { credentials: [] } });
    await end();
  });

  it.each(['stdio', 'status'])(
    '101. needs no home folder for keyward %s where KEYWARD_HOME is set, and says so where it is not',
    async (command) => {
      // As os.homedir() is for a user id that no file knows.
      const homeless = join(folder, 'homeless.mjs');
      await writeFile(
        homeless,
        `import os from 'node:os';
       import { syncBuiltinESMExports } from 'node:module';
       os.homedir = os.userInfo = () => { throw new Error('ENOENT: no such file or directory, uv_os_homedir'); };
       syncBuiltinESMExports();`,
      );
      const start = async (env: NodeJS.ProcessEnv) => {
        const child = spawn(process.execPath, ['--import', homeless, main, command], { env });
        const said: string[] = [];
        for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => said.push(`${data}`));
        await ended(child);
        return { code: child.exitCode, said: said.join('') };
      };
      const { KEYWARD_HOME: _, ...nowhere } = envOf('homeless');
      expect(await start(envOf('homeless'))).toMatchObject({ code: 0 });
      const refused = await start(nowhere);
      expect(refused.code).toBe(2);
      expect(refused.said).toContain('KEYWARD_HOME must be set: this user has no home folder');
      expect(refused.said).not.toMatch(/\bat .*:\d+:\d+/);
      const tilde = await start({ ...nowhere, KEYWARD_HOME: '~/keyward' });
      expect(tilde.said).toContain('KEYWARD_HOME must be an absolute path');
    },
  );
});

describe('native code', () => {
  it('98. is never that of another user above the installation, and a system without any is told so', async () => {
    const above = join(folder, 'above');
    const app = join(above, 'app');
    await mkdir(app, { recursive: true });
    await cp(join(root, 'dist'), join(app, 'dist'), { recursive: true });
    const { name, version, type, dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    await writeFile(join(app, 'package.json'), JSON.stringify({ name, version, type, dependencies }));
    const packages = [
      'fs-native-extensions',
      'require-addon',
      'which-runtime',
      'bare-addon-resolve',
      'bare-module-resolve',
      'bare-semver',
    ];
    for (const one of packages)
      await cp(join(root, 'node_modules', one), join(app, 'node_modules', one), { recursive: true });
    // The planted build is a real one, so that loading it would succeed.
    const { platform, arch } = process;
    const built = join(root, 'node_modules', 'fs-native-extensions', 'prebuilds', `${platform}-${arch}`);
    const planted = join(above, 'prebuilds', `${platform}-mips`);
    await mkdir(planted, { recursive: true });
    for (const file of ['fs-native-extensions.node', 'fs-native-extensions@1.5.1.node', 'fs-native-extensions@1.node'])
      await copyFile(join(built, 'fs-native-extensions.node'), join(planted, file));
    const strange = `data:text/javascript,Object.defineProperty(process,"arch",{value:"mips"})`;
    const keyward = (...options: string[]) =>
      run(process.execPath, [...options, join(app, 'dist', 'main.js'), 'token', 'create', '--user', 'me'], {
        env: envOf('native'),
      });
    expect((await keyward()).stdout).toMatch(/^kw_/);
    await expect(keyward('--import', strange)).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('This system has no file lock that Keyward could use'),
    });
  });

  it('98. has exact versions, of which nothing but the builds is run', async () => {
    const { dependencies, optionalDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    for (const range of Object.values({ ...dependencies, ...optionalDependencies }))
      expect(range).toMatch(/^\d+\.\d+\.\d+$/);
    const keyring = JSON.parse(
      await readFile(join(root, 'node_modules', '@napi-rs', 'keyring', 'package.json'), 'utf8'),
    );
    for (const range of Object.values(keyring.optionalDependencies)) expect(range).toBe(keyring.version);
  });
});
