/** `npm run docs`: writes the tables of the pages in docs/: commands, options, and the fields of a connector. */
import { readFile, writeFile } from 'node:fs/promises';
import { generatedTables } from './doc-tables.ts';
import { withTable } from './markdown-table.ts';

for (const [page, table] of generatedTables()) {
  const file = new URL(`../docs/${page}`, import.meta.url);
  await writeFile(file, withTable(await readFile(file, 'utf8'), table));
}
