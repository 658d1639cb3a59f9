/** What fault tests print: a figure for everything that ran, and a line for everything that could not. */
import { execFileSync } from 'node:child_process';
import { stdout } from 'node:process';

export function report(line: string): void {
  stdout.write(`${line}\n`);
}

/** Whether this command runs here. Reports it as not run otherwise, so that nothing seems to have passed. */
export function canRun(what: string, command: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    report(`not run: ${what}: ${[command, ...args].join(' ')} does not work here`);
    return false;
  }
}
