/**
 * Packs keyward.mcpb, the bundle that Claude Desktop installs: one file for Linux, macOS and Windows. Run after the
 * build. The keychain package is left out, because it is installed for one platform at a time; Keyward keeps a key
 * file then, or uses the passphrase.
 */
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageName, version } from '../src/version.ts';
import { desktopManifest } from './manifest-files.ts';

const root = join(import.meta.dirname, '..');
const output = process.argv[2] ?? join(root, 'keyward.mcpb');
const platforms = /^(darwin|linux|win32)-/;

const folder = await mkdtemp(join(tmpdir(), 'keyward-bundle-'));
try {
  await writeJson('manifest.json', await desktopManifest());
  // What makes dist/main.js an ES module.
  await writeJson('package.json', { name: packageName, version, type: 'module' });
  for (const name of ['dist', 'LICENSE', 'PRIVACY.md'])
    await cp(join(root, name), join(folder, name), { recursive: true });
  const icon = join('docs', 'assets', 'icon.png');
  await cp(join(root, icon), join(folder, icon));
  // Its builds are loaded by themselves, so nothing else of the package is needed.
  const path = join('node_modules', 'fs-native-extensions');
  for (const name of ['LICENSE', 'package.json']) await cp(join(root, path, name), join(folder, path, name));
  for (const platform of (await readdir(join(root, path, 'prebuilds'))).filter((name) => platforms.test(name))) {
    const build = join(path, 'prebuilds', platform, 'fs-native-extensions.node');
    await cp(join(root, build), join(folder, build));
  }
  mcpb('validate', join(folder, 'manifest.json'));
  mcpb('pack', folder, output);
} finally {
  await rm(folder, { recursive: true, force: true });
}

function writeJson(name: string, content: unknown): Promise<void> {
  return writeFile(join(folder, name), `${JSON.stringify(content, null, 2)}\n`);
}

function mcpb(...args: string[]): void {
  const cli = join(root, 'node_modules', '@anthropic-ai', 'mcpb', 'dist', 'cli', 'cli.js');
  execFileSync(process.execPath, [cli, ...args], { stdio: 'inherit' });
}
