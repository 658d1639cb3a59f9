/** `node --import ./scripts/typescript.mjs`, with which every script and several tests run source files. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const withLoader = ['--import', pathToFileURL(join(root, 'scripts', 'typescript.mjs')).href];

it('runs every source file on the Node that is there', async () => {
  const names = await readdir(join(root, 'src'), { recursive: true });
  // The entry, and what it starts, are programs: they act when they are loaded.
  const files = names.filter((name) => name.endsWith('.ts') && !/(^|[\\/])main\.ts$/.test(name));
  const urls = files.map((name) => pathToFileURL(join(root, 'src', name)).href);
  const script = `
    const failed = [];
    for (const url of ${JSON.stringify(urls)}) await import(url).catch((error) => failed.push(url + ': ' + error.message));
    console.log(JSON.stringify(failed));
  `;
  const { stdout } = await run(process.execPath, [...withLoader, '--input-type=module', '--eval', script]);
  expect(JSON.parse(stdout)).toEqual([]);
  expect(urls.length).toBeGreaterThan(100);
});

it('runs the entry as it is, without a build', async () => {
  const { stdout } = await run(process.execPath, [...withLoader, join(root, 'src', 'main.ts'), '--help']);
  expect(stdout).toContain('keyward');
});

it('says in one line what to install where the packages are missing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'keyward-loader-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await cp(join(root, 'scripts'), join(folder, 'scripts'), { recursive: true });
  const args = ['--import', './scripts/built.mjs', 'dist/main.js', 'http'];
  await expect(run(process.execPath, args, { cwd: folder })).rejects.toMatchObject({
    code: 1,
    stderr: 'The packages that build Keyward are not installed: run npm ci --include=dev.\n',
  });
});
