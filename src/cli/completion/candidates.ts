/** What a command line can go on with. */
import { flagOf, options } from '../../config/config.ts';
import type { Command, Flag } from '../command.ts';

/** A word that fits, and what it is. */
export type Candidate = { readonly value: string; readonly what: string };

/** What is read only where the word asks for it. */
type Sources = {
  readonly connectors: () => Promise<readonly Candidate[]>;
  readonly connections: () => Promise<readonly Candidate[]>;
  readonly clients: () => Promise<readonly Candidate[]>;
};

/** What stands for a value in the tables of commands → where its words come from. */
const sourceOf: Readonly<Record<string, keyof Sources>> = {
  connector: 'connectors',
  service: 'connectors',
  connection: 'connections',
  client: 'clients',
};

/** What was typed before the word that is to be completed. */
type Typed = {
  readonly positionals: readonly string[];
  /** Flags that were given a value, with their dashes: `--home` → text. */
  readonly values: ReadonlyMap<string, string>;
  /** What stands for the value that a last flag still waits for. */
  readonly open: string | null;
  /** What follows is the command line of another program. */
  readonly ended: boolean;
};

/** @param words those after `keyward`, as typed, without the one that is to be completed */
export function readTyped(commands: readonly Command[], words: readonly string[]): Typed {
  const positionals: string[] = [];
  const values = new Map<string, string>();
  let flag: string | null = null;
  for (const word of words.map(unquoted)) {
    const [, name = word, value] = /^(--[^=]+)=([\s\S]*)$/.exec(word) ?? [];
    if (flag !== null) {
      values.set(flag, word);
      flag = null;
    } else if (!word.startsWith('-')) positionals.push(word);
    else if (value !== undefined) values.set(name, value);
    else if (placeholderOf(commands, word) !== undefined) flag = word;
  }
  const open = flag === null ? null : (placeholderOf(commands, flag) ?? null);
  return { positionals, values, open, ended: words.includes('--') };
}

/** @param word the one that is to be completed, as typed; it may be empty */
export async function candidatesFor(
  commands: readonly Command[],
  { positionals, open, ended }: Typed,
  word: string,
  sources: Sources,
): Promise<readonly Candidate[]> {
  if (ended) return [];
  const current = unquoted(word);
  const found = open ? await valuesFor(open, sources) : await wordsFor(commands, positionals, current, sources);
  return found.filter(({ value }) => value.startsWith(current));
}

/** What stands for the value of a flag; undefined for one that takes none. */
function placeholderOf(commands: readonly Command[], word: string): string | undefined {
  const flags: Readonly<Record<string, Flag>> = Object.assign({}, ...commands.map((command) => command.flags ?? {}));
  const name = word.replace(/^--?/, '');
  const option = Object.values(options).find((spec) => flagOf(spec) === word);
  const short = Object.values(flags).find((flag) => word === `-${flag.short}`);
  return option?.value ?? (short ?? flags[name])?.value;
}

async function wordsFor(
  commands: readonly Command[],
  positionals: readonly string[],
  current: string,
  sources: Sources,
): Promise<Candidate[]> {
  const shown = commands.filter(({ hidden }) => !hidden);
  const line = positionals.map((word) => `${word} `).join('');
  const command = shown
    .filter(({ name }) => line.startsWith(`${name} `))
    .sort((one, other) => other.name.length - one.name.length)[0];
  if (current.startsWith('-')) return flagsOf(command);
  const next = shown
    .filter(({ name }) => `${name} `.startsWith(line) && `${name} ` !== line)
    .map(({ name, help }) => ({ name, value: name.slice(line.length).split(' ')[0] ?? '', help }));
  const subcommands = [...new Map(next.map((one) => [one.value, one])).values()].map(({ value, help, name }) => ({
    value,
    what: name.endsWith(value) ? help : `${value} …`,
  }));
  if (command === undefined) return subcommands;
  const place = positionals.length - command.name.split(' ').length;
  const last = command.words.at(-1);
  const word = command.words[place] ?? (last?.includes('…') ? last : undefined);
  const values = word === undefined ? [] : await valuesFor(word.replace(/[<>[\]…]/g, ''), sources);
  return [...subcommands, ...values];
}

function flagsOf(command: Command | undefined): Candidate[] {
  const own = Object.entries(command?.flags ?? {}).map(([name, { help }]) => ({ value: `--${name}`, what: help }));
  const all = Object.values(options).flatMap((spec) => {
    const flag = flagOf(spec);
    return flag === undefined ? [] : [{ value: flag, what: spec.help }];
  });
  return [...own, ...all, { value: '--help', what: 'show the help' }];
}

/** @param name what stands for the value: a kind of thing, or its words with `|` between them */
async function valuesFor(name: string, sources: Sources): Promise<readonly Candidate[]> {
  if (/^[\w-]+(\|[\w-]+)+$/.test(name)) return name.split('|').map((value) => ({ value, what: '' }));
  const source = sourceOf[name];
  return source === undefined ? [] : sources[source]();
}

/** A word as the shell would hand it over: bash gives it as it was typed. */
function unquoted(word: string): string {
  const [, quote = '', inner = ''] = /^(["']?)([\s\S]*)$/.exec(word) ?? [];
  if (quote !== '') return inner.endsWith(quote) ? inner.slice(0, -1) : inner;
  return inner.replace(/\\([\s\S])/g, '$1');
}
