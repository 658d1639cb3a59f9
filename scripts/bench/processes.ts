/** Processes of a bench: servers on ports of their own. */
import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import type { Owner } from '../../src/principal.ts';

/** A session token of this owner, from the command line. */
export async function sessionToken(env: NodeJS.ProcessEnv, owner: Owner, scopes: string): Promise<string> {
  const args = ['dist/main.js', 'token', 'create', '--user', owner.user, '--tenant', owner.tenant, '--scopes', scopes];
  return (await promisify(execFile)(process.execPath, args, { env })).stdout.trim();
}

/** Resolves once the process has said something. */
export async function started(child: ChildProcess): Promise<ChildProcess> {
  if (child.stdout === null) throw new Error('The server has no pipes.');
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => {
      throw new Error('The server did not start.');
    }),
  ]);
  child.stdout.resume();
  return child;
}

/** Ends a process and waits for it. */
export async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Resident memory, from the system. */
export async function residentMebibytes(pid: number): Promise<number> {
  if (process.platform === 'linux') {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  }
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout) / 1024;
}

/** Processor time so far in seconds, all threads, from the system: to a hundredth. */
export async function cpuSeconds(pid: number): Promise<number> {
  if (process.platform === 'linux') {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // proc(5): fields 14 and 15, counted from behind the name, which may hold anything.
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13);
    return (Number(user) + Number(system)) / 100;
  }
  const { stdout } = await promisify(execFile)('ps', ['-o', 'time=', '-p', String(pid)]);
  return stdout
    .trim()
    .split(':')
    .reduce((total, part) => total * 60 + Number(part), 0);
}
