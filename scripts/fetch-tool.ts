/** Programs and libraries that a script fetches when it needs them: none of them is a dependency of Keyward. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
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

/** Programs of packages that npm fetched, at hand for many runs: npm itself takes a second or more to start one. */
export type Tools = {
  /** The program and its first argument, with which one is started. */
  command(name: string): readonly [program: string, file: string];
  /** Runs one to its end. */
  run(name: string, args: readonly string[], place?: Place): Promise<Ended>;
  /** Starts one that goes on until it is ended; what it prints is lost. */
  start(name: string, args: readonly string[]): ChildProcess;
  /** Ends all that were started. */
  stop(): Promise<void>;
};

/** @param packages with the version of each, `name@1.2.3` */
export async function fetchTools(...packages: readonly string[]): Promise<Tools> {
  const { code, text } = await runFetched(packages, ['node', '-p', '"at " + process.execPath']);
  const [, program] = /^at (.+)$/m.exec(text) ?? [];
  if (code !== 0 || program === undefined) throw new Error(`npm can not fetch ${packages.join(', ')}:\n${text}`);
  // The program is node_modules/node/bin/node, beside what the packages brought.
  const file = (name: string) => join(program, '..', '..', '..', '.bin', name);
  const started: ChildProcess[] = [];
  return {
    command: (name) => [program, file(name)],
    run: (name, args, place) => output(program, [file(name), ...args], place),
    start(name, args) {
      const child = spawn(program, [file(name), ...args], { stdio: 'ignore' });
      started.push(child);
      return child;
    },
    async stop() {
      for (const child of started.splice(0)) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
    },
  };
}

/** Installs packages at fixed versions into an empty folder, for ES modules in it. No install script runs. */
export async function installPackages(folder: string, versions: Readonly<Record<string, string>>): Promise<void> {
  const manifest = { private: true, type: 'module', dependencies: versions };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  const { code, text } = await output('npm', args, { cwd: folder });
  if (code !== 0) throw new Error(`The packages can not be installed:\n${text}`);
}
