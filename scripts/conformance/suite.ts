/** The official conformance suite, one scenario at a time. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fetchTools } from '../fetch-tool.ts';

const suite = await fetchTools('@modelcontextprotocol/conformance@0.2.0-alpha.12');

/** The program and its first argument that start the suite. */
export const suiteCommand = suite.command('conformance');

export type Check = { readonly id: string; readonly status: string; readonly errorMessage?: string };

/** What a client did in a scenario: its checks, and what it printed as errors. */
export type ClientRun = { readonly checks: readonly Check[]; readonly errors: string };

/** Runs one scenario with a client that the suite starts as `command`, the address of its server behind it. */
export async function runClient(command: string, scenario: string, folder: string): Promise<ClientRun> {
  const { text } = await suite.run('conformance', [
    'client',
    '--command',
    command,
    '--scenario',
    scenario,
    '-o',
    folder,
  ]);
  const names = await readdir(folder, { recursive: true });
  const of = (file: string) => names.find((name) => basename(name) === file);
  const [checks, errors] = [of('checks.json'), of('stderr.txt')];
  if (checks === undefined) throw new Error(`${scenario} did not run:\n${text}`);
  return {
    checks: JSON.parse(await readFile(join(folder, checks), 'utf8')) as Check[],
    errors: errors === undefined ? '' : await readFile(join(folder, errors), 'utf8'),
  };
}

/** Runs one scenario against a server, and answers its checks. `folder` is an empty one for what the suite writes. */
export async function runScenario(url: string, revision: string, scenario: string, folder: string): Promise<Check[]> {
  const about = ['--url', url, '--spec-version', revision, '--scenario', scenario, '-o', folder];
  // The exit code only says whether some check failed.
  const { text } = await suite.run('conformance', ['server', ...about]);
  const [result] = await readdir(folder).catch(() => []);
  if (result === undefined) throw new Error(`${scenario} did not run:\n${text}`);
  return JSON.parse(await readFile(join(folder, result, 'checks.json'), 'utf8')) as Check[];
}
