/** `npm run readme`: writes the tables of README.md: options, and the fields of a connector. */
import { readFile, writeFile } from 'node:fs/promises';
import { withFieldTable } from './field-table.ts';
import { withOptionTable } from './option-table.ts';

const file = new URL('../README.md', import.meta.url);
await writeFile(file, withFieldTable(withOptionTable(await readFile(file, 'utf8'))));
