/** What a command is. */
import type { Config, Mode } from '../config/config.ts';
import type { LogWriter } from '../log.ts';

/** What a command runs with. */
export type Invocation = {
  readonly config: Config;
  /** Options that have a problem, and what it is; only a command for `anyConfig` is started with some. */
  readonly problems: Readonly<Record<string, string>>;
  readonly log: LogWriter;
  /** Options as typed: `--port` → text. */
  readonly options: ReadonlyMap<string, string>;
  /** The command's own flags, without dashes: `lines` → `20`; one that takes no value is empty. */
  readonly flags: ReadonlyMap<string, string>;
  /** Flags that may be given several times: `env` → every value, in the order in which they were typed. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
  /** The words after the command. */
  readonly words: readonly string[];
  /** What stands after `--`: the command line of another program. */
  readonly rest: readonly string[];
  /** Every command, for one that is about them. */
  readonly commands: readonly Command[];
};

/** Runs to the end and answers the exit code. */
export type Run = (invocation: Invocation) => Promise<number>;

/** A flag of one command. A flag of the same name takes a value in every command, or in none. */
export type Flag = {
  readonly short?: string;
  /** What stands for its value; without one it is there or not. */
  readonly value?: string;
  /** It may be given several times. */
  readonly many?: true;
  readonly help: string;
};

export type Command = {
  /** The words that call it. */
  readonly name: string;
  /** What stands for the words that it takes: `<needed>`, `[optional]`, and `[any…]` or `<some…>` as the last. */
  readonly words: readonly string[];
  /** What stands for the command line after `--`, which it needs then. */
  readonly rest?: string;
  readonly help: string;
  readonly flags?: Readonly<Record<string, Flag>>;
  /** Command lines that work as they are. */
  readonly examples: readonly string[];
  /** How it serves; left out by commands that don't. */
  readonly mode?: Mode;
  /** Programs call it: neither the help nor a suggestion names it. */
  readonly hidden?: true;
  /** It runs with a configuration that has problems, too: each such option has its default then. */
  readonly anyConfig?: true;
  readonly load: () => Promise<Run>;
};

/** Commands that belong together, in the order in which the help shows them. */
export type CommandTable = { readonly title: string; readonly commands: readonly Command[] };

/** Flags of commands that look at the records of one user. */
export const ownerFlags = {
  user: { value: 'user', help: 'whose records; default: those of the person at this computer' },
  tenant: { value: 'tenant', help: "the user's tenant; default: default" },
} as const;

/** The flag of commands that programs read. */
export const jsonFlag = { json: { help: 'print JSON, for programs' } } as const;
