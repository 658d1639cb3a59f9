/** `npm run readme`: writes the configuration table of README.md from the option table. */
import { readFile, writeFile } from 'node:fs/promises';
import { withOptionTable } from './option-table.ts';

const file = new URL('../README.md', import.meta.url);
await writeFile(file, withOptionTable(await readFile(file, 'utf8')));
