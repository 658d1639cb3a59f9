/** The help: of everything, and of one command. */
import { describeOptions } from '../config/config.ts';
import { version } from '../version.ts';
import type { Command } from './command.ts';
import { tables } from './commands.ts';

/** What `keyward --help` prints. */
export function helpText(): string {
  const commandLines = tables.flatMap(({ title, commands }) => [
    `${title}:`,
    ...commands
      .filter(({ hidden }) => !hidden)
      .flatMap((command) => [`  ${usageOf(command)}`, `      ${command.help}`]),
    '',
  ]);
  const optionLines = describeOptions().flatMap(({ flag, value, variable, help, byDefault }) => [
    `  ${flag === undefined ? '' : `${flag} <${value}>, `}${variable}`,
    `      ${help} (default: ${byDefault})`,
  ]);
  return [
    `Keyward ${version}: an MCP server that keeps people's credentials for AI assistants.`,
    '',
    ...commandLines,
    'keyward <command> --help shows the flags of one command, with examples.',
    '',
    'Options, as flag or environment variable; a flag wins. Secrets have no flag, since every',
    'user of a computer can see the arguments of its processes:',
    ...optionLines,
    '  -h, --help, -v, --version',
    '',
  ].join('\n');
}

/** What `keyward <command> --help` prints. */
export function commandHelp(command: Command): string {
  const flags = Object.entries(command.flags ?? {}).flatMap(([flag, { short, value, many, help }]) => [
    `  ${short === undefined ? '' : `-${short}, `}--${flag}${value === undefined ? '' : ` <${value}>`}${many ? ' …' : ''}`,
    `      ${help}`,
  ]);
  return [
    usageOf(command),
    '',
    `  ${command.help}`,
    '',
    ...(flags.length > 0 ? ['Flags:', ...flags, ''] : []),
    command.examples.length > 1 ? 'Examples:' : 'Example:',
    ...command.examples.map((example) => `  ${example}`),
    '',
    'keyward --help shows the options that every command takes.',
    '',
  ].join('\n');
}

/** `keyward run -- <command…>`: what stands on the command line. */
function usageOf({ name, words, rest }: Command): string {
  return ['keyward', name, ...words, ...(rest === undefined ? [] : ['--', rest])].join(' ');
}
