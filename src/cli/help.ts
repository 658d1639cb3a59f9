/** The help text, made from the tables of commands and options. */
import { describeOptions } from '../config/config.ts';
import { version } from '../version.ts';
import { commands } from './commands.ts';

/** What `keyward --help` prints. */
export function helpText(): string {
  const commandLines = commands.flatMap(({ name, words, help, flags }) => [
    `  ${['keyward', name, ...words].join(' ')}`,
    `      ${help}`,
    ...Object.entries(flags ?? {}).map(([flag, about]) =>
      [
        `      ${about.short === undefined ? '' : `-${about.short}, `}--${flag}`,
        about.value && `<${about.value}>`,
        ` ${about.help}`,
      ]
        .filter(Boolean)
        .join(' '),
    ),
  ]);
  const optionLines = describeOptions().flatMap(({ flag, value, variable, help, byDefault }) => [
    `  ${flag === undefined ? '' : `${flag} <${value}>, `}${variable}`,
    `      ${help} (default: ${byDefault})`,
  ]);
  return [
    `Keyward ${version}: an MCP server that keeps people's credentials for AI assistants.`,
    '',
    'Commands:',
    ...commandLines,
    '',
    'Options, as flag or environment variable; a flag wins. Secrets have no flag, since every',
    'user of a computer can see the arguments of its processes:',
    ...optionLines,
    '  -h, --help, -v, --version',
    '',
  ].join('\n');
}
