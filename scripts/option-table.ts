/** The table of docs/configuration.md, made from the option table that the program itself reads. */
import { describeOptions } from '../src/config/config.ts';
import { code, plain, type Table } from './markdown-table.ts';

/** One row for each option. */
export function optionTable(): Table {
  const rows = describeOptions().map(({ variable, flag, byDefault, help }) => {
    return [code(variable), code(flag), plain(byDefault), plain(help)];
  });
  return { name: 'options', head: ['variable', 'flag', 'default', 'meaning'], rows };
}
