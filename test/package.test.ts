/** What is published, and that it can be built without running anybody's install script. */
import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { disagreements } from '../scripts/third-party.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;

/** Everything that the package may hold. */
const allowed = [
  /^package\.json$/,
  /^(LICENSE|README\.md|SECURITY\.md)$/,
  /^schema\/connector\.schema\.json$/,
  /^dist\/main\.js$/,
  /^dist\/(THIRD-PARTY\.txt|sbom\.cdx\.json)$/,
  /^dist\/chunks\/[\w-]+\.js$/,
  /^dist\/catalogue\/[a-z0-9-]+\.json$/,
];

/** Tools that the build starts must not follow the settings of the npm that runs the tests. */
const cleanEnv = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_(?!config_(registry|cache|userconfig))/i.test(name)),
);

type Answer = {
  readonly serverInfo?: { readonly name: string };
  readonly structuredContent?: { readonly connectors: readonly { readonly connectorId: string }[] };
};

const folder = await mkdtemp(join(tmpdir(), 'keyward-package-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

type Packed = { readonly filename: string; readonly files: readonly { readonly path: string }[] };

let packing: Promise<Packed> | undefined;

/** What `npm pack` makes, in the folder of these tests. It is made once, for all tests that ask. */
function packed(): Promise<Packed> {
  packing ??= run('npm', ['pack', root, '--json', '--ignore-scripts'], { cwd: folder, env: cleanEnv }).then(
    ({ stdout }) => (JSON.parse(stdout) as [Packed])[0],
  );
  return packing;
}

describe('package', () => {
  it('62. the package holds what the allow-list names: no tests, no keys, no maps', async () => {
    const { files } = await packed();
    const paths = files.map(({ path }) => path);
    expect(paths.filter((path) => !allowed.some((pattern) => pattern.test(path)))).toEqual([]);
    for (const pattern of allowed)
      expect(
        paths.filter((path) => pattern.test(path)),
        String(pattern),
      ).not.toEqual([]);
  });

  it('loads for a command no more than it needs: neither MCP for list nor a vault for --version, and all of it ASCII', async () => {
    const chunks = join(root, 'dist', 'chunks');
    const names = await readdir(chunks);
    const code = new Map(
      await Promise.all(names.map(async (name) => [name, await readFile(join(chunks, name), 'utf8')] as const)),
    );
    /** The code of a chunk and of whatever it loads at once. */
    const loadedWith = (start: string) => {
      const found = new Set(names.filter((name) => name === start || name.replace(/-[\w-]{8}\.js$/, '') === start));
      for (const name of found)
        for (const [, other = ''] of code.get(name)?.matchAll(/from"\.\/([^"]+)"/g) ?? []) found.add(other);
      return [...found].map((name) => code.get(name)).join('\n');
    };
    const [mcp, vault] = ['notifications/progress', 'AGFzbQ'];
    const holds = (start: string) => [mcp, vault].map((text) => loadedWith(start).includes(text));
    const entry =
      /import\(`\.\/chunks\/([^`]+)`\)/.exec(await readFile(join(root, 'dist', 'main.js'), 'utf8'))?.[1] ?? '';
    expect([entry, 'list', 'stdio'].map(holds)).toEqual([
      [false, false],
      [false, true],
      [true, true],
    ]);
    for (const [name, text] of code) expect(/[^\0-\x7f]/.exec(text)?.[0], name).toBeUndefined();
  });

  it('installs nothing but the native packages that can not be bundled', () => {
    expect(Object.keys(manifest.dependencies as object)).toEqual(['fs-native-extensions']);
    expect(Object.keys(manifest.optionalDependencies as object)).toEqual(['@napi-rs/keyring']);
    expect(manifest.private).toBeUndefined();
  });

  it('has no dependency that needs an install script at run time', async () => {
    const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { hasInstallScript?: boolean; dev?: boolean }>;
    };
    const scripted = Object.entries(lock.packages).filter(([, about]) => about.hasInstallScript);
    expect(scripted.filter(([, about]) => !about.dev).map(([path]) => path)).toEqual([]);
  });

  it('has no script that relies on one before or after it, which npm leaves out under ignore-scripts=true', () => {
    const scripts = Object.keys(manifest.scripts as object);
    const around = scripts.filter(
      (name) => /^(pre|post)/.test(name) && scripts.includes(name.replace(/^(pre|post)/, '')),
    );
    expect(around).toEqual([]);
  });

  it('carries the licence of every package that is inside the bundle', async () => {
    const text = await readFile(join(root, 'dist', 'THIRD-PARTY.txt'), 'utf8');
    const names = [...text.matchAll(/^=+\n(\S+) \S+\n=+$/gm)].map(([, name]) => name);
    expect(names).toEqual(expect.arrayContaining(['@modelcontextprotocol/server', 'hono', 'pino', 'undici', 'zod']));
    expect(text.includes('see the package')).toBe(false);
  });

  it('has an SBOM of every package that is inside the bundle or installed beside it', async () => {
    const read = (name: string) => readFile(join(root, 'dist', name), 'utf8');
    const { components } = JSON.parse(await read('sbom.cdx.json')) as {
      components: {
        name: string;
        version: string;
        purl: string;
        licenses: unknown[];
        hashes?: { content: string }[];
      }[];
    };
    const inside = [...(await read('THIRD-PARTY.txt')).matchAll(/^=+\n(\S+ \S+)\n=+$/gm)].map(([, name]) => name);
    const named = components.map(({ name, version }) => `${name} ${version}`);
    expect(named).toEqual(expect.arrayContaining([...inside, expect.stringMatching(/^fs-native-extensions /)]));
    expect(named).toEqual(expect.arrayContaining([expect.stringMatching(/^@napi-rs\/keyring-/)]));
    expect(named.filter((name) => /^(vitest|typescript|rolldown|keyward) /.test(name))).toEqual([]);
    for (const { purl, licenses, hashes } of components) {
      expect(purl).toMatch(/^pkg:npm\/[^@]+@\d/);
      expect([purl, licenses.length]).toEqual([purl, 1]);
      expect(hashes?.[0]?.content, purl).toMatch(/^[0-9a-f]{128}$/);
    }
  });

  it('names in package.json what ships, and a package too many or too few stops the build', () => {
    const { devDependencies } = manifest as { devDependencies: Record<string, string> };
    const builders = ['rolldown', '@oxc-project/runtime'];
    const ships = Object.keys(devDependencies).filter((name) => !builders.includes(name));
    const imported = new Map(ships.map((name) => [name, 'src/main.ts']));
    expect(disagreements(imported)).toEqual([]);
    expect(disagreements(new Map(imported).set('vitest', 'src/errors.ts'))).toEqual([
      'src/errors.ts imports vitest, so it ships: add it to devDependencies of package.json.',
    ]);
    imported.delete('zod');
    expect(disagreements(imported)).toEqual([
      'Nothing in src/ imports zod: move it from package.json to test/package.json, or remove it.',
    ]);
  });

  it('the packed package, installed without scripts elsewhere, serves MCP under its own name', {
    timeout: 120_000,
  }, async () => {
    const { filename } = await packed();
    const there = join(folder, 'elsewhere');
    await mkdir(there);
    const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
    await run('npm', ['install', join(folder, filename), ...flags], { cwd: there, env: cleanEnv });
    expect(await served(join(there, 'node_modules', '.bin', 'keyward'))).toEqual(['keyward', 'github']);
  });

  it('61. npm ci --ignore-scripts is enough: it builds, and what it built serves MCP', {
    timeout: 300_000,
  }, async () => {
    const copy = join(folder, 'clone');
    const left = new Set(['node_modules', '.git', 'dist', 'artifacts']);
    await cp(root, copy, { recursive: true, filter: (path) => !left.has(basename(path)) });
    const npm = (...args: string[]) => run('npm', args, { cwd: copy, env: cleanEnv });
    // Without what only tests and checks, which is the workspace test/.
    await npm('ci', '--ignore-scripts', '--no-workspaces', '--prefer-offline', '--no-audit', '--no-fund');
    await npm('run', 'build');
    expect(await served(join(copy, 'dist', 'main.js'))).toEqual(['keyward', 'github']);
  });
});

/** Starts it over stdio and answers the name in its handshake, and the connector that it finds for “github”. */
async function served(main: string): Promise<readonly string[]> {
  const env = { PATH: process.env.PATH, KEYWARD_HOME: join(folder, 'home'), KEYWARD_KEY: 'ab'.repeat(32) };
  const child = spawn(process.execPath, [main], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const send = (message: Record<string, unknown>) =>
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
  send({ id: 1, method: 'initialize', params });
  const names: string[] = [];
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const { result } = JSON.parse(line) as { result: Answer };
      if (result.structuredContent) return [...names, result.structuredContent.connectors[0]?.connectorId ?? 'none'];
      names.push(result.serverInfo?.name ?? 'none');
      send({ method: 'notifications/initialized' });
      send({ id: 2, method: 'tools/call', params: { name: 'list_connectors', arguments: { query: 'github' } } });
    }
    throw new Error('Keyward ended without an answer.');
  } finally {
    child.stdin.end();
  }
}
