/** Every command: its words, its help, and the module that runs it, which is loaded only then. */
import type { Config } from '../config.ts';
import type { LogWriter } from '../log.ts';

/** What a command runs with. */
export type Invocation = {
  readonly config: Config;
  readonly log: LogWriter;
  /** The command's own flags, without dashes: `lines` → `20`. */
  readonly flags: ReadonlyMap<string, string>;
  /** The words after the command. */
  readonly words: readonly string[];
};

/** Runs to the end and answers the exit code. */
export type Run = (invocation: Invocation) => Promise<number>;

export type Command = {
  /** The words that call it; none for what happens without any. */
  readonly name: string;
  /** What stands for the words that it takes. */
  readonly words: readonly string[];
  readonly help: string;
  readonly flags?: Readonly<Record<string, { readonly short?: string; readonly value: string; readonly help: string }>>;
  readonly load: () => Promise<Run>;
};

export const commands: readonly Command[] = [
  {
    name: '',
    words: [],
    help: 'in a terminal: show how to connect a client, and where everything is; otherwise the same as stdio',
    load: async () => (await import('./status.ts')).showStatus,
  },
  {
    name: 'stdio',
    words: [],
    help: 'serve MCP on stdin and stdout; this is what an MCP client starts',
    load: async () => (await import('./stdio.ts')).serve,
  },
];
