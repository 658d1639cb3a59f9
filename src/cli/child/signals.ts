/** Signals between this process, its child, and whoever started it. */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { findTerminal } from '../terminal/terminal.ts';

/** How a program ended: with an exit code, or by a signal. */
export type ChildEnd = { readonly code: number; readonly signal: null } | { readonly signal: NodeJS.Signals };

/** What a terminal sends to every process of the foreground at a key. */
const typed: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGTSTP'];
const others: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGCONT', 'SIGWINCH', 'SIGUSR1', 'SIGUSR2'];
const onWindows: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK'];

/** Signals that end a process without a copy of its memory, in which a secret would be found. */
const quietEnds: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'];

/** Passes every signal on that the child does not get by itself. Answers how to stop that. */
export function passSignals(send: (signal: NodeJS.Signals) => void): () => void {
  const signals = process.platform === 'win32' ? onWindows : [...typed, ...others];
  const handlers = signals.map((signal) => {
    const handler = () => {
      if (!(typed.includes(signal) && isAtTerminal())) send(signal);
      // Whoever waits for this process learns in this way that it has stopped; the child has.
      if (signal === 'SIGTSTP') process.kill(process.pid, 'SIGSTOP');
    };
    process.on(signal, handler);
    return [signal, handler] as const;
  });
  return () => {
    for (const [signal, handler] of handlers) process.removeListener(signal, handler);
  };
}

/** Ends this process as its child ended, where that can be done; answers the exit code that a shell gives it else. */
export function endLike(end: ChildEnd): number {
  if (end.signal === null) return end.code;
  const { signal } = end;
  if (process.platform !== 'win32' && quietEnds.includes(signal)) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
  return 128 + constants.signals[signal];
}

/** True when a key at the terminal reaches this process and its child alike: both are in the foreground there. */
function isAtTerminal(): boolean {
  if (process.platform === 'win32') return true;
  try {
    // proc_pid_stat(5): after the name come state, parent, group, session, terminal, and the group in its foreground.
    const stat = readFileSync('/proc/self/stat', 'latin1');
    const [, , group, , terminal, foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return terminal !== '0' && group === foreground;
  } catch {
    return findTerminal() !== null;
  }
}
