/** The official conformance suite, one scenario at a time. It needs a newer Node than Keyward, which npm brings. */
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const suite = '@modelcontextprotocol/conformance@0.2.0-alpha.12';
const node = 'node@24';

export type Check = { readonly id: string; readonly status: string; readonly errorMessage?: string };

/** Runs one scenario against a server, and answers its checks. `folder` is an empty one for what the suite writes. */
export async function runScenario(url: string, revision: string, scenario: string, folder: string): Promise<Check[]> {
  const args = ['-y', '-p', node, '-p', suite, 'conformance', 'server'];
  const about = ['--url', url, '--spec-version', revision, '--scenario', scenario, '-o', folder];
  const said = await output('npx', [...args, ...about]);
  const [result] = await readdir(folder).catch(() => []);
  if (result === undefined) throw new Error(`${scenario} did not run:\n${said}`);
  return JSON.parse(await readFile(join(folder, result, 'checks.json'), 'utf8')) as Check[];
}

/** Everything a program prints. The suite's exit code only says whether some check failed. */
function output(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const parts: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => parts.push(text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(parts.join('')));
  });
}
