/**
 * Packs keyward.mcpb, the bundle that Claude Desktop installs: one file for Linux, macOS and Windows. Run after the
 * build. The keychain package is left out, because it is installed for one platform at a time; Keyward keeps a key
 * file then, or uses the passphrase. Version and tools of the manifest are filled in here, so that they are the
 * server's own.
 */
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listedTools } from '../src/mcp/tools/index.ts';
import { version } from '../src/version.ts';

const root = join(import.meta.dirname, '..');
const output = process.argv[2] ?? join(root, 'keyward.mcpb');
const platforms = /^(darwin|linux|win32)-/;

const folder = await mkdtemp(join(tmpdir(), 'keyward-bundle-'));
try {
  await writeManifest();
  // What makes dist/main.js an ES module.
  await writeJson('package.json', { name: 'keyward', version, type: 'module' });
  for (const name of ['dist', 'LICENSE']) await cp(join(root, name), join(folder, name), { recursive: true });
  const icon = join('docs', 'assets', 'icon.png');
  await cp(join(root, icon), join(folder, icon));
  // Its builds are loaded by themselves, so what its own JavaScript depends on is not needed.
  const path = join('node_modules', 'fs-native-extensions');
  await cp(join(root, path), join(folder, path), { recursive: true });
  await dropOtherPlatforms(join(folder, 'node_modules', 'fs-native-extensions', 'prebuilds'));
  mcpb('validate', join(folder, 'manifest.json'));
  mcpb('pack', folder, output);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function writeManifest(): Promise<void> {
  const manifest = JSON.parse(await readFile(join(root, 'manifest.json'), 'utf8')) as Record<string, unknown>;
  const tools = listedTools().map(({ name, description }) => ({ name, description }));
  await writeJson('manifest.json', { ...manifest, version, tools });
}

function writeJson(name: string, content: unknown): Promise<void> {
  return writeFile(join(folder, name), `${JSON.stringify(content, null, 2)}\n`);
}

async function dropOtherPlatforms(prebuilds: string): Promise<void> {
  const others = (await readdir(prebuilds)).filter((name) => !platforms.test(name));
  for (const name of others) await rm(join(prebuilds, name), { recursive: true });
}

function mcpb(...args: string[]): void {
  const cli = join(root, 'node_modules', '@anthropic-ai', 'mcpb', 'dist', 'cli', 'cli.js');
  execFileSync(process.execPath, [cli, ...args], { stdio: 'inherit' });
}
