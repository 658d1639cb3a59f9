/** Programs and libraries that a script fetches when it needs them: none of them is a dependency of Keyward. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A Node that is newer than the oldest that Keyward runs on, as `npx -p` takes it. Many tools need one. */
export const newerNode = 'node@24';

export type Ended = { readonly code: number | null; readonly text: string };

/** Where a program runs: its folder, and its whole environment. */
export type Place = { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv };

/** Runs a program to its end, and answers its exit code and everything that it printed. Rejects when it can't be started. */
export function output(program: string, args: readonly string[], place: Place = {}): Promise<Ended> {
  const child = spawn(program, args, { ...place, stdio: ['ignore', 'pipe', 'pipe'] });
  const parts: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => parts.push(text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, text: parts.join('') }));
  });
}

/** Runs a command of these packages, which npm fetches, on the newer Node. */
export function runFetched(packages: readonly string[], command: readonly string[], place: Place = {}): Promise<Ended> {
  const wanted = [newerNode, ...packages].flatMap((name) => ['-p', name]);
  return output('npx', ['-y', ...wanted, ...command], place);
}

/** Installs packages at fixed versions into an empty folder, for ES modules in it. No install script runs. */
export async function installPackages(folder: string, versions: Readonly<Record<string, string>>): Promise<void> {
  const manifest = { private: true, type: 'module', dependencies: versions };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  const { code, text } = await output('npm', args, { cwd: folder });
  if (code !== 0) throw new Error(`The packages can not be installed:\n${text}`);
}
