/** Reads the command line: which command, its flags and words. */

import { type ParseArgsConfig, parseArgs } from 'node:util';
import { closestMatch } from 'leven';
import { flagOf, options, unknownOption } from '../config/config.ts';
import type { Command } from './command.ts';
import { commands } from './commands.ts';

type CommandLine = {
  /** Undefined when the words name none; there is a problem then. */
  readonly command: Command | undefined;
  /** `--help` or `--version` was asked for; nothing else is done then. */
  readonly wants: 'help' | 'version' | null;
  /** Options of the table, with dashes: `--port` → text. */
  readonly options: ReadonlyMap<string, string>;
  /** Flags of the command itself, without dashes. */
  readonly flags: ReadonlyMap<string, string>;
  readonly words: readonly string[];
  /** What was typed → what is wrong with it. */
  readonly problems: Readonly<Record<string, string>>;
};

const optionFlags = Object.values(options)
  .map(flagOf)
  .filter((flag) => flag !== undefined);

/** The flags of all commands; the same name means the same everywhere. */
const commandFlags: NonNullable<Command['flags']> = Object.assign({}, ...commands.map(({ flags }) => flags ?? {}));

/** What `parseArgs` has to know of every flag: whether a value follows. */
const shapes: NonNullable<ParseArgsConfig['options']> = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
  ...Object.fromEntries(optionFlags.map((flag) => [flag.slice(2), { type: 'string' }])),
  ...Object.fromEntries(
    Object.entries(commandFlags).map(([name, { short, value }]) => [
      name,
      { type: value === undefined ? 'boolean' : 'string', ...(short !== undefined && { short }) },
    ]),
  ),
};

/**
 * The command line in parts. Problems are collected, not thrown, so that they can be shown with those of the
 * environment. A bare `keyward` is typed by a person if stdin is a terminal, and else started by an MCP client.
 */
export function parseCommandLine(argv: readonly string[], terminal: boolean): CommandLine {
  // Not strict: Node would stop at the first mistake and quote the value.
  const { tokens } = parseArgs({ args: [...argv], strict: false, tokens: true, options: shapes });
  // A word right after a flag that nobody knows is most likely its value.
  const strayValues = tokens.flatMap((token) =>
    token.kind === 'option' && !token.inlineValue && !Object.hasOwn(shapes, token.name) ? [token.index + 1] : [],
  );
  const typed = tokens.flatMap((token) =>
    token.kind === 'positional' && !strayValues.includes(token.index) ? [token.value] : [],
  );
  const command = commandFor(typed.length > 0 ? typed : [terminal ? 'status' : 'stdio']);
  const words = typed.slice(command?.name.split(' ').length ?? 0);
  const problems: Record<string, string> =
    command === undefined ? { [typed.join(' ')]: unknownCommand(typed) } : wordProblems(command, words);

  const found = { options: new Map<string, string>(), flags: new Map<string, string>() };
  let wants: CommandLine['wants'] = null;
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    const isOption = optionFlags.includes(`--${name}`);
    const flag = command?.flags?.[name];
    if (name === 'help' || name === 'version') wants = name;
    else if (!isOption && flag === undefined) problems[rawName] = unknownFlag(name, command);
    else if (!isOption && flag?.value === undefined) found.flags.set(name, '');
    else if (value === undefined || (!inlineValue && value.startsWith('-'))) problems[rawName] = 'needs a value';
    else if (isOption) found.options.set(`--${name}`, value);
    else found.flags.set(name, value);
  }
  return { command, wants, ...found, words, problems };
}

/** The command whose name the words begin with; no name is the beginning of another. */
function commandFor(words: readonly string[]): Command | undefined {
  return commands.find(({ name }) => `${words.join(' ')} `.startsWith(`${name} `));
}

/** Most commands that an error names. */
const mostNamed = 3;

/** What to say about a command that there is not: with those that have one of its words, else with the nearest one. */
function unknownCommand(typed: readonly string[]): string {
  const names = commands.map(({ name }) => name);
  const alike = names.filter((name) => name.split(' ').some((word) => typed.includes(word)));
  const name = typed.slice(0, 2).join(' ');
  const nearest = closestMatch(name, names, { maxDistance: Math.max(2, Math.floor(name.length / 3)) });
  const meant = alike.length > 0 ? alike.slice(0, mostNamed) : nearest === undefined ? [] : [nearest];
  return meant.length === 0 ? 'is no command' : `is no command; did you mean ${meant.join(' or ')}?`;
}

function unknownFlag(name: string, command: Command | undefined): string {
  const secret = Object.values(options).find(
    (spec) => spec.secret && flagOf({ ...spec, secret: false }) === `--${name}`,
  );
  if (secret !== undefined) return `is no flag, since arguments can be read by others: set ${secret.variable}`;
  const known = [...optionFlags, ...Object.keys(command?.flags ?? {}).map((own) => `--${own}`), '--help', '--version'];
  return unknownOption(`--${name}`, known);
}

function wordProblems(command: Command, words: readonly string[]): Record<string, string> {
  const missing = command.words.slice(words.length);
  const extra = words.slice(command.words.length);
  return {
    ...(missing.length > 0 && { [command.name]: `needs ${missing.join(' ')}` }),
    ...Object.fromEntries(extra.map((word) => [word, `is one word too many for ${command.name}`])),
  };
}
