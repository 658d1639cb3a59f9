/** What a command line can go on with. */
import { flagOf, options } from '../../config/config.ts';
import type { Command, Flag } from '../command.ts';
import { commands, shownCommands } from '../commands.ts';

/** A word that fits, and what it is. */
export type Candidate = { readonly value: string; readonly what: string };

/** What is read only where the word asks for it. */
export type Sources = {
  readonly connectors: () => Promise<readonly Candidate[]>;
  readonly connections: () => Promise<readonly Candidate[]>;
};

/** What stands for a value in the tables of commands → where its words come from. */
const sourceOf: Readonly<Record<string, keyof Sources>> = {
  connector: 'connectors',
  service: 'connectors',
  connection: 'connections',
};

/** @param words those after `keyward`, as typed; the last one is to be completed, and may be empty */
export async function candidatesFor(words: readonly string[], sources: Sources): Promise<readonly Candidate[]> {
  const typed = words.map(unquoted);
  const current = typed.at(-1) ?? '';
  const before = typed.slice(0, -1);
  // What follows is the command line of another program.
  if (before.includes('--')) return [];
  const { positionals, open } = read(before);
  const found = open ? await valuesFor(open, sources) : await wordsFor(positionals, current, sources);
  return found.filter(({ value }) => value.startsWith(current));
}

/** The words that are no flags, and what stands for the value that a last flag still waits for. */
function read(before: readonly string[]): { positionals: string[]; open: string | null } {
  const positionals: string[] = [];
  let open: string | null = null;
  for (const word of before) {
    if (open !== null) open = null;
    else if (word.startsWith('-')) open = word.includes('=') ? null : (valueOf(word) ?? null);
    else positionals.push(word);
  }
  return { positionals, open };
}

const commandFlags: Readonly<Record<string, Flag>> = Object.assign({}, ...commands.map(({ flags }) => flags ?? {}));

/** What stands for the value of a flag; undefined for one that takes none. */
function valueOf(word: string): string | undefined {
  const name = word.replace(/^--?/, '');
  const option = Object.values(options).find((spec) => flagOf(spec) === word);
  const short = Object.values(commandFlags).find((flag) => word === `-${flag.short}`);
  return option?.value ?? (short ?? commandFlags[name])?.value;
}

async function wordsFor(positionals: readonly string[], current: string, sources: Sources): Promise<Candidate[]> {
  const line = positionals.map((word) => `${word} `).join('');
  const command = shownCommands
    .filter(({ name }) => line.startsWith(`${name} `))
    .sort((one, other) => other.name.length - one.name.length)[0];
  if (current.startsWith('-')) return flagsOf(command);
  const next = shownCommands
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
