/**
 * Reads the command line: which command, its flags and words. Node's own `parseArgs` takes it apart; a framework would be
 * loaded by every start of `keyward stdio`, and would stop at the first of several mistakes.
 */

import { type ParseArgsConfig, parseArgs } from 'node:util';
import { closestMatch } from 'leven';
import { flagOf, options, unknownOption } from '../config/config.ts';
import type { Command, Flag } from './command.ts';
import { commands, shownCommands } from './commands.ts';

type CommandLine = {
  /** Undefined when the words name none; there is a problem then. */
  readonly command: Command | undefined;
  /** `--help` or `--version` was asked for; nothing else is done then. Help is about the command that was typed. */
  readonly wants: 'help' | 'command help' | 'version' | null;
  /** Options of the table, with dashes: `--port` → text. */
  readonly options: ReadonlyMap<string, string>;
  /** Flags of the command itself, without dashes. */
  readonly flags: ReadonlyMap<string, string>;
  /** Flags of the command that may be given several times. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
  readonly words: readonly string[];
  /** What stands after `--`. */
  readonly rest: readonly string[];
  /** What was typed → what is wrong with it. */
  readonly problems: Readonly<Record<string, string>>;
};

const optionFlags = Object.values(options)
  .map(flagOf)
  .filter((flag) => flag !== undefined);

/** The flags of all commands; one of the same name takes a value everywhere, or nowhere. */
const commandFlags: Readonly<Record<string, Flag>> = Object.assign({}, ...commands.map(({ flags }) => flags ?? {}));

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
  // The flags after it are another program's.
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const rest = argv.slice(end + 1);
  // Not strict: Node would stop at the first mistake and quote the value.
  const { tokens } = parseArgs({ args: argv.slice(0, end), strict: false, tokens: true, options: shapes });
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
    command === undefined
      ? { [typed.join(' ')]: unknownCommand(typed) }
      : wordProblems(command, words, argv.slice(end));

  const found = {
    options: new Map<string, string>(),
    flags: new Map<string, string>(),
    lists: new Map<string, string[]>(),
  };
  let wants: CommandLine['wants'] = null;
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    const isOption = optionFlags.includes(`--${name}`);
    const flag = command?.flags?.[name];
    if (name === 'version') wants = name;
    else if (name === 'help') wants = typed.length > 0 && command !== undefined ? 'command help' : 'help';
    else if (!isOption && flag === undefined) problems[rawName] = unknownFlag(name, command);
    else if (!isOption && flag?.value === undefined) found.flags.set(name, '');
    else if (value === undefined || (!inlineValue && /^-./.test(value))) problems[rawName] = 'needs a value';
    else if (isOption) found.options.set(`--${name}`, value);
    else if (flag?.many) found.lists.set(name, [...(found.lists.get(name) ?? []), value]);
    else found.flags.set(name, value);
  }
  return { command, wants, ...found, words, rest, problems };
}

/** The command that the words name. Of two names that both fit, the longer one is meant. */
function commandFor(words: readonly string[]): Command | undefined {
  const typed = `${words.join(' ')} `;
  return commands
    .filter(({ name }) => typed.startsWith(`${name} `))
    .reduce<Command | undefined>((best, one) => (best && best.name.length > one.name.length ? best : one), undefined);
}

/** Most commands that an error names. */
const mostNamed = 3;

/** What to say about a command that there is not: with those that have one of its words, else with the nearest one. */
function unknownCommand(typed: readonly string[]): string {
  const names = shownCommands.map(({ name }) => name);
  const alike = names.filter((name) => name.split(' ').some((word) => typed.includes(word)));
  const name = typed.slice(0, 2).join(' ');
  const nearest =
    closestMatch(name, names, { maxDistance: Math.max(2, Math.floor(name.length / 3)) }) ??
    closestMatch(typed[0] ?? '', names, { maxDistance: 2 });
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

/** @param behind what stands from `--` on */
function wordProblems(command: Command, words: readonly string[], behind: readonly string[]): Record<string, string> {
  const needed = command.words.filter((word) => word.startsWith('<'));
  const missing = needed.slice(words.length);
  const extra = command.words.at(-1)?.includes('…') ? [] : words.slice(command.words.length);
  const rest = command.rest === undefined ? [] : [`-- ${command.rest}`];
  if (rest.length > 0 && behind.length < 2) missing.push(...rest);
  return {
    ...(missing.length > 0 && { [command.name]: `needs ${missing.join(' ')}` }),
    ...Object.fromEntries(extra.map((word) => [word, `is one word too many for ${command.name}`])),
    ...(rest.length === 0 && behind.length > 0 && { '--': `is followed by nothing that ${command.name} takes` }),
  };
}
