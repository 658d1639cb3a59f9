/**
 * `npm run docs`: writes what the pages have from the program itself: the tables of commands, options and fields of a
 * connector, and the answers that are printed.
 */
import { writeFile } from 'node:fs/promises';
import { generatedTables } from './doc-tables.ts';
import { withTable } from './markdown-table.ts';
import { readPages, root } from './pages.ts';
import { collectAnswers, withAnswers } from './story/answers.ts';

const answers = await collectAnswers();
const tables = new Map(generatedTables().map(([page, table]) => [`docs/${page}`, table]));
for (const [page, text] of await readPages()) {
  const table = tables.get(page);
  const fresh = withAnswers(table === undefined ? text : withTable(text, table), answers);
  if (fresh !== text) await writeFile(`${root}${page}`, fresh);
}
