/** What a command is. */
import type { Config, Mode } from '../config/config.ts';
import type { LogWriter } from '../log.ts';

/** What a command runs with. */
export type Invocation = {
  readonly config: Config;
  readonly log: LogWriter;
  /** Options as typed: `--port` → text. */
  readonly options: ReadonlyMap<string, string>;
  /** The command's own flags, without dashes: `lines` → `20`; one that takes no value is empty. */
  readonly flags: ReadonlyMap<string, string>;
  /** The words after the command. */
  readonly words: readonly string[];
};

/** Runs to the end and answers the exit code. */
export type Run = (invocation: Invocation) => Promise<number>;

export type Command = {
  /** The words that call it. */
  readonly name: string;
  /** What stands for the words that it takes. */
  readonly words: readonly string[];
  readonly help: string;
  /** By name; without `value` it is there or not. */
  readonly flags?: Readonly<
    Record<string, { readonly short?: string; readonly value?: string; readonly help: string }>
  >;
  /** How it serves; left out by commands that don't. */
  readonly mode?: Mode;
  readonly load: () => Promise<Run>;
};
