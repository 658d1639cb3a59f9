/** `npm run demo`, as a person runs it. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { runSteps } from '../scripts/demo/steps.ts';
import { redactText } from '../src/log.ts';

const root = join(import.meta.dirname, '..');

async function runDemo(temporary: string): Promise<{ code: number | null; lines: string[] }> {
  const child = spawn(process.execPath, ['--import', './scripts/typescript.mjs', 'scripts/demo/main.ts'], {
    cwd: root,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, lines: stripVTControlCharacters(output).trimEnd().split('\n') };
}

it('the demo does every step, prints no secret and leaves nothing behind', { timeout: 120_000 }, async () => {
  const temporary = await mkdtemp(join(tmpdir(), 'keyward-demo-'));
  const { code, lines } = await runDemo(temporary);
  const names = lines.slice(0, -1).map((line) => /^done +\d+ (\w+)/.exec(line)?.[1] ?? line);
  expect(names).toEqual(
    'service keyward list metadata create browser stored read expired refreshed used deleted revoked'.split(' '),
  );
  expect(lines.at(-1)).toBe('every step done');
  expect(code).toBe(0);
  expect(lines.map(redactText)).toEqual(lines);
  expect(await readdir(temporary)).toEqual([]);
  await rm(temporary, { recursive: true });
});

it('the demo names the step that failed, and exits with 1', async () => {
  const { code, lines } = await runDemo(join(tmpdir(), 'keyward-demo-no-such-folder'));
  expect(lines).toEqual([expect.stringMatching(/^FAILED service: /)]);
  expect(code).toBe(1);
});

it('a step that fails ends the demo, and its reason is masked', async () => {
  const lines: string[] = [];
  const done = await runSteps(
    async (step) => {
      await step('one', async () => 1, String);
      await step('two', () => Promise.reject(new Error('it said hunter2')), String);
      await step('three', async () => 3, String);
    },
    (line) => lines.push(stripVTControlCharacters(line)),
    (text) => text.replaceAll('hunter2', '…'),
  );
  expect(done).toBe(false);
  expect(lines).toEqual(['done  1 one        1', 'FAILED two: it said …']);
});
