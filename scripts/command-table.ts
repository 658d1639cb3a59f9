/** The table of docs/commands.md, made from the table of commands that the program itself reads. */
import { shownCommands } from '../src/cli/commands.ts';
import { code, plain, type Table } from './markdown-table.ts';

/** One row for each command, and below it one for each option of its own. */
export function commandTable(): Table {
  const rows = shownCommands.flatMap(({ name, words, help, flags }) => [
    [code(['keyward', name, ...words].join(' ')), '', plain(help)],
    ...Object.entries(flags ?? {}).map(([flag, about]) => {
      const short = about.short === undefined ? '' : `-${about.short}, `;
      return ['', code(`${short}--${flag}${about.value === undefined ? '' : ` <${about.value}>`}`), plain(about.help)];
    }),
  ]);
  return { name: 'commands', head: ['command', 'option', 'meaning'], rows };
}
