/** What fault tests print: a figure for everything that ran, and a line for everything that could not. */
import { execFileSync } from 'node:child_process';
import { stdout } from 'node:process';
import type { TestContext } from 'vitest';

export function report(line: string): void {
  stdout.write(`${line}\n`);
}

/** Ends a test that this machine can't run, and says so: it counts as not run, never as passed. */
export function notRun(test: TestContext, why: string): never {
  report(`not run: ${test.task.name}: ${why}`);
  return test.skip(why);
}

/** Goes on if this command works here. */
export function needs(test: TestContext, command: string, ...args: readonly string[]): void {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
  } catch {
    notRun(test, `${[command, ...args].join(' ')} does not work here`);
  }
}
