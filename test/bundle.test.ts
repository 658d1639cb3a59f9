/** The Claude Desktop bundle, packed, unpacked again and talked to as Claude Desktop would. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { getMcpConfigForManifest } from '@anthropic-ai/mcpb';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { desktopManifest, registryManifest } from '../scripts/manifest-files.ts';
import { listedTools } from '../src/mcp/tools/index.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const mcpb = join(root, 'node_modules', '@anthropic-ai', 'mcpb', 'dist', 'cli', 'cli.js');

type Manifest = Parameters<typeof getMcpConfigForManifest>[0]['manifest'];

let folder: string;
let extension: string;
let manifest: Manifest;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keyward-mcpb-'));
  extension = join(folder, 'extension');
  const file = join(folder, 'keyward.mcpb');
  await run(process.execPath, ['--import', './scripts/typescript.mjs', 'scripts/bundle.ts', file], { cwd: root });
  await run(process.execPath, [mcpb, 'unpack', file, extension]);
  manifest = JSON.parse(await readFile(join(extension, 'manifest.json'), 'utf8')) as Manifest;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Starts the server as the manifest says and hands over a connected client. */
async function withBundle<T>(userConfig: Record<string, string>, work: (client: Client) => Promise<T>): Promise<T> {
  const config = await getMcpConfigForManifest({
    manifest,
    extensionPath: extension,
    systemDirs: {},
    userConfig,
    pathSeparator: '/',
  });
  if (config === undefined) throw new Error('The manifest asks for something that the user has not set.');
  const home = await mkdtemp(join(folder, 'home-'));
  const env = { PATH: process.env.PATH ?? '', ...config.env, KEYWARD_HOME: home };
  const client = new Client({ name: 'test', version: '1.0.0' });
  const { command, args = [] } = config;
  await client.connect(new StdioClientTransport({ command, args, env, stderr: 'inherit' }));
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

describe('the Claude Desktop bundle', () => {
  it('starts with no setting made, keeps a vault, and lists exactly the tools of its manifest', async () => {
    const { tools, credentials } = await withBundle({}, async (client) => ({
      tools: (await client.listTools()).tools,
      credentials: (await client.callTool({ name: 'list_credentials', arguments: {} })).structuredContent,
    }));
    expect(tools.map(({ name, description }) => ({ name, description }))).toEqual(manifest.tools);
    expect(manifest.tools?.map(({ name }) => name)).toEqual(listedTools().map(({ name }) => name));
    expect(credentials).toEqual({ credentials: [] });
  });

  it('takes the passphrase that the user sets, which the system keeps as a secret', async () => {
    expect(manifest.user_config?.passphrase).toMatchObject({ sensitive: true, required: false });
    const names = await withBundle({ passphrase: 'correct horse battery' }, async (client) =>
      (await client.listTools()).tools.map(({ name }) => name),
    );
    expect(names).toContain('create_credential');
  });

  it('runs on Linux, macOS and Windows from one file', async () => {
    expect(manifest.compatibility?.platforms?.toSorted()).toEqual(['darwin', 'linux', 'win32']);
    const builds = await readdir(join(extension, 'node_modules', 'fs-native-extensions', 'prebuilds'));
    expect(builds.toSorted()).toEqual([
      'darwin-arm64',
      'darwin-x64',
      'linux-arm64',
      'linux-x64',
      'win32-arm64',
      'win32-x64',
    ]);
    const packages = await readdir(join(extension, 'node_modules'));
    expect(packages.filter((name) => name.startsWith('@'))).toEqual([]);
  });

  it('holds only what Node loads: no types, sources or pages of other packages', async () => {
    const files = (await readdir(extension, { recursive: true })).map((path) => path.replaceAll('\\', '/'));
    const known = [
      /^(manifest\.json|package\.json|LICENSE|PRIVACY\.md|docs\/assets\/icon\.png)$/,
      /^dist\/(main\.js|THIRD-PARTY\.txt|sbom\.cdx\.json|chunks\/[\w-]+\.js|catalogue\/[a-z0-9-]+\.json)$/,
      /^node_modules\/fs-native-extensions\/(LICENSE|package\.json)$/,
      /^node_modules\/fs-native-extensions\/prebuilds\/[\w-]+\/fs-native-extensions\.node$/,
    ];
    const inside = files.filter((path) => !files.some((other) => other.startsWith(`${path}/`)));
    expect(inside.filter((path) => !known.some((pattern) => pattern.test(path)))).toEqual([]);
    for (const pattern of known)
      expect(
        inside.filter((path) => pattern.test(path)),
        String(pattern),
      ).not.toEqual([]);
  });
});

describe('manifest.json and server.json', () => {
  const committed = async (name: string) => JSON.parse(await readFile(join(root, name), 'utf8')) as unknown;

  it('say what package.json and the server say; npm run manifests fills that in', async () => {
    expect(await committed('manifest.json')).toEqual(await desktopManifest());
    expect(await committed('server.json')).toEqual(await registryManifest());
    expect(manifest).toEqual(await committed('manifest.json'));
  });

  it('manifest.json is valid where it stands, with its icon', async () => {
    const { stdout } = await run(process.execPath, [mcpb, 'validate', join(root, 'manifest.json')]);
    expect(stdout).toContain('Icon validation passed');
  });

  it('server.json keeps within what the registry takes', async () => {
    const { name, description, title } = await registryManifest();
    expect(name).toMatch(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/);
    for (const text of [description, title]) expect(String(text).length).toBeLessThanOrEqual(100);
  });
});
