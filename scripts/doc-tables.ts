/** Which page in docs/ holds which generated table. `npm run docs` writes them; a test compares. */
import { commandTable } from './command-table.ts';
import { fieldTable } from './field-table.ts';
import type { Table } from './markdown-table.ts';
import { optionTable } from './option-table.ts';
import { profileTable } from './profile-table.ts';
import { restTable } from './rest-table.ts';

/** Page → its table. */
export const generatedTables = (): readonly (readonly [page: string, table: Table])[] => [
  ['commands.md', commandTable()],
  ['configuration.md', optionTable()],
  ['connector-files.md', fieldTable()],
  ['rest.md', restTable()],
  ['simulator.md', profileTable()],
];
