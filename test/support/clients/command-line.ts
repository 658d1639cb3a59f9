/** Keyward's commands as child processes, on a vault of their own that a test filled before. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Broker } from '../../../src/broker/broker.ts';
import { onVault } from '../vault/on-vault.ts';
import { keywardMain } from './mcp-clients.ts';

export type Ended = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
};

export type CommandLine = {
  readonly env: Readonly<Record<string, string>>;
  /** Starts a command of Keyward, in a session of its own: the tests may run in a terminal, which it would ask. */
  start(args: readonly string[], options?: SpawnOptions): ChildProcess;
  /** Runs a command of Keyward to its end. */
  run(args: readonly string[], options?: SpawnOptions & { readonly input?: string }): Promise<Ended>;
  /** The audit log as it is on disk. */
  audit(): Promise<string>;
  /** Works on the vault while no command does. */
  fill(work: (broker: Broker) => Promise<void>): Promise<void>;
  remove(): Promise<void>;
};

/** @param env options of Keyward */
export async function commandLineWith(env: Readonly<Record<string, string>>): Promise<CommandLine> {
  const home = await mkdtemp(join(tmpdir(), 'keyward-commands-'));
  const vault = { KEYWARD_HOME: home, KEYWARD_KEY: Buffer.alloc(32, 7).toString('base64') };
  const own = { PATH: process.env.PATH ?? '', HOME: home, ...env, ...vault };
  const start: CommandLine['start'] = (args, { env: more, ...options } = {}) =>
    spawn(process.execPath, [keywardMain, ...args], { detached: true, ...options, env: { ...own, ...more } });
  return {
    env: own,
    start,
    run: (args, { input = '', ...options } = {}) => ending(start(args, options), input),
    audit: async () => readFile(join(home, 'data', 'audit.log'), 'utf8'),
    fill: (work) => onVault(own, work),
    remove: () => rm(home, { recursive: true, force: true }),
  };
}

/** Waits for the end of a process, and for everything that it printed. */
export async function ending(child: ChildProcess, input?: string): Promise<Ended> {
  const texts = [child.stdout, child.stderr].map((stream) => {
    let text = '';
    stream?.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
    return () => text;
  });
  // A command may end without reading it.
  child.stdin?.on('error', () => {});
  if (input !== undefined) child.stdin?.end(input);
  const [code, signal] = await once(child, 'close');
  return { code, signal, stdout: texts[0]?.() ?? '', stderr: texts[1]?.() ?? '' };
}
