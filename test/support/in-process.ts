/** Keyward without a process around it: the real broker over a real vault, and its tools called directly. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openKeyward } from '../../src/cli/keyward.ts';
import { readConfig } from '../../src/config/config.ts';
import type { Facts, LogWriter } from '../../src/log.ts';
import type { Links } from '../../src/mcp/links.ts';
import { tools } from '../../src/mcp/tools/index.ts';
import type { ToolCall } from '../../src/mcp/tools/tool.ts';
import { localPrincipal } from '../../src/principal.ts';
import { freePort, noOutside, testKey } from './clients/mcp-clients.ts';

/** A client that can't show links. */
const noLinks: Links = { offered: false, state: undefined, answer: 'none', show: async () => 'none' };

export type InProcess = {
  /** A call as the local person makes it through a client that can do nothing special. */
  readonly usual: ToolCall;
  /** Every line of the log. */
  readonly lines: readonly string[];
  /** Runs a tool; errors are thrown as the tool throws them. */
  run(tool: string, args: Record<string, unknown>, call?: Partial<ToolCall>): Promise<Record<string, unknown>>;
  close(): Promise<void>;
};

export async function openInProcess(env: Readonly<Record<string, string>>): Promise<InProcess> {
  const home = await mkdtemp(join(tmpdir(), 'keyward-in-process-'));
  const lines: string[] = [];
  const write = (event: string, facts?: Facts) => void lines.push(JSON.stringify({ event, ...facts }));
  const log: LogWriter = { info: write, warn: write, error: write, flush: async () => {} };
  const own = { ...noOutside, KEYWARD_HOME: home, KEYWARD_KEY: testKey, KEYWARD_PORT: `${await freePort()}` };
  const { broker, close } = await openKeyward(readConfig(new Map(), { ...own, ...env }), log);
  const signal = new AbortController().signal;
  const usual: ToolCall = { broker, principal: localPrincipal, signal, onWait: () => {}, links: noLinks };
  return {
    usual,
    lines,
    run: async (name, args, call = {}) => {
      const tool = tools.get(name);
      if (!tool) throw new Error(`There is no tool ${name}.`);
      return tool.run({ ...usual, ...call }, args);
    },
    close: async () => {
      await close();
      await rm(home, { recursive: true, force: true });
    },
  };
}
