/**
 * Pipes for what a child prints. What Node makes for that is a socket, which a program can't open once more by name:
 * `echo wrong > /dev/stderr` would fail in a script that works alone. A named pipe has no such fault.
 */
import { execFile } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';

type Pipe = {
  /** What the child writes; it ends when nobody can write any more. */
  readonly source: Readable;
  /** The end for the child's `stdio`. It is closed here once the child has it. */
  readonly end: number;
};

const run = promisify(execFile);

/** So many pipes; null where the system has no named ones. */
export async function openPipes(count: number): Promise<Pipe[] | null> {
  if (process.platform === 'win32') return null;
  const folder = await mkdtemp(join(tmpdir(), 'keyward-pipe-'));
  try {
    const paths = Array.from({ length: count }, (_, index) => join(folder, `${index}`));
    await run('mkfifo', ['-m', '600', ...paths]);
    return paths.map(openPipe);
  } catch {
    return null;
  } finally {
    // It is needed no longer than until both ends are open.
    await rm(folder, { recursive: true, force: true });
  }
}

/** Gives this process's copies of the children's ends back: a pipe ends with its last writer. */
export function closeEnds(pipes: readonly Pipe[]): void {
  for (const { end } of pipes) closeSync(end);
}

function openPipe(path: string): Pipe {
  // A reader that waits for a writer would wait for ever.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const end = openSync(path, 'w');
  return { source: new Socket({ fd, readable: true, writable: false }), end };
}
