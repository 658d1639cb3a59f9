/** Reads the command line: which command, its flags and words. */
import { parseArgs } from 'node:util';
import { closestMatch } from 'leven';
import { flagOf, options } from '../config.ts';
import { type Command, commands } from './commands.ts';

export type CommandLine = {
  readonly command: Command;
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

const isKnown = (name: string): boolean =>
  name === 'help' || name === 'version' || Object.hasOwn(commandFlags, name) || optionFlags.includes(`--${name}`);

/** The command line in parts. Problems are collected, not thrown, so that they can be shown with those of the environment. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const { tokens } = parseArgs({
    args: [...argv],
    // Not strict: node would stop at the first mistake and quote the value.
    strict: false,
    tokens: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
      ...Object.fromEntries(optionFlags.map((flag) => [flag.slice(2), { type: 'string' as const }])),
      ...Object.fromEntries(
        Object.entries(commandFlags).map(([name, { short }]) => [
          name,
          { type: 'string' as const, ...(short !== undefined && { short }) },
        ]),
      ),
    },
  });

  // A word right after a flag that nobody knows is most likely its value.
  const strayValues = tokens.flatMap((token) =>
    token.kind === 'option' && !token.inlineValue && !isKnown(token.name) ? [token.index + 1] : [],
  );
  const typed = tokens.flatMap((token) =>
    token.kind === 'positional' && !strayValues.includes(token.index) ? [token.value] : [],
  );
  const command = commandFor(typed);
  const words = typed.slice(command.name === '' ? 0 : command.name.split(' ').length);
  const found = { options: new Map<string, string>(), flags: new Map<string, string>() };
  const problems: Record<string, string> = {};
  let wants: CommandLine['wants'] = null;

  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    if (token.name === 'help' || token.name === 'version') {
      wants = token.name;
      continue;
    }
    const flag = `--${token.name}`;
    const isOption = optionFlags.includes(flag);
    if (!isOption && command.flags?.[token.name] === undefined) {
      problems[token.rawName] = unknownFlag(flag, command);
    } else if (token.value === undefined || (!token.inlineValue && token.value.startsWith('-'))) {
      problems[token.rawName] = 'needs a value';
    } else {
      (isOption ? found.options : found.flags).set(isOption ? flag : token.name, token.value);
    }
  }
  nameWordProblems(command, words, problems);
  return { command, wants, ...found, words, problems };
}

/** The command with the longest name that the words begin with. */
function commandFor(words: readonly string[]): Command {
  const matches = commands.filter(({ name }) => name === '' || ` ${words.join(' ')} `.startsWith(` ${name} `));
  return matches.reduce((best, next) => (next.name.length > best.name.length ? next : best));
}

function unknownFlag(flag: string, command: Command): string {
  const secret = Object.values(options).find((spec) => flagOf({ ...spec, secret: false }) === flag);
  if (secret !== undefined) return `is no flag, since arguments can be read by others: set ${secret.variable}`;
  const known = [...optionFlags, ...Object.keys(command.flags ?? {}).map((name) => `--${name}`), '--help', '--version'];
  const match = closestMatch(flag, known, { maxDistance: 4 });
  return match === undefined ? 'is not an option' : `is not an option; did you mean ${match}?`;
}

function nameWordProblems(command: Command, words: readonly string[], problems: Record<string, string>): void {
  const names = commands.map(({ name }) => name).filter((name) => name !== '');
  if (command.name === '' && words.length > 0) {
    const typed = words.join(' ');
    const match = closestMatch(typed, names, { maxDistance: 4 });
    problems[typed] =
      match === undefined ? `is no command; there are ${names.join(', ')}` : `is no command; did you mean ${match}?`;
    return;
  }
  if (words.length < command.words.length) {
    problems[command.name] = `needs ${command.words.slice(words.length).join(' ')}`;
  }
  for (const extra of words.slice(command.words.length)) problems[extra] = `is one word too many for ${command.name}`;
}
