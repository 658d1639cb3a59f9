/** `keyward` as a person or a program runs it: the built program, as a child process or in a terminal. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { spawn as spawnInTerminal } from '@lydell/node-pty';

const main = join(import.meta.dirname, '..', '..', '..', 'dist', 'main.js');

export type Outcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** Runs it to its end, without a terminal, in a session of its own. `env` is all that it gets besides `PATH`. */
export async function runKeyward(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  options: { readonly input?: string; readonly onStderr?: (text: string) => void; readonly cwd?: string } = {},
): Promise<Outcome> {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH, ...env },
    // The tests may run in a terminal, which Keyward would ask.
    detached: true,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  child.stdin.on('error', () => {}).end(options.input ?? '');
  const { onStderr } = options;
  if (onStderr) child.stderr.on('data', (chunk: Buffer) => onStderr(chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}

/** What is shown, and what is typed when it is: each pair once, in this order. */
export type Dialogue = readonly (readonly [shown: RegExp, typed: string])[];

/** Runs it in a terminal. Answers the exit code and all that the screen showed. */
export function runInTerminal(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  dialogue: Dialogue = [],
  options: {
    readonly cwd?: string;
    readonly onStart?: (pid: number) => void;
    /** Is told of all that the screen showed so far, whenever there is more. */
    readonly onScreen?: (screen: string) => void;
  } = {},
): Promise<{ readonly code: number; readonly screen: string }> {
  const terminal = spawnInTerminal(process.execPath, [main, ...args], {
    cols: 200,
    env: { PATH: process.env.PATH ?? '', TERM: 'xterm', ...env },
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  options.onStart?.(terminal.pid);
  return new Promise((resolve) => {
    const left = [...dialogue];
    let screen = '';
    let read = 0;
    terminal.onData((data) => {
      screen += data;
      options.onScreen?.(screen);
      const found = left[0]?.[0].exec(screen.slice(read));
      if (!found || left[0] === undefined) return;
      read += found.index + found[0].length;
      terminal.write(`${left[0][1]}\r`);
      left.shift();
    });
    terminal.onExit(({ exitCode }) => resolve({ code: exitCode, screen }));
  });
}
