/** The table of docs/rest.md, made from the operations that the program itself serves. */
import { operations } from '../src/http/rest/index.ts';
import { code, plain, type Table } from './markdown-table.ts';

const interfaces = { alloy: 'Alloy', pathstack: 'PathStack', fishnet: 'Fishnet' } as const;

/** One row for each operation. */
export function restTable(): Table {
  const rows = operations.map(({ method, path, summary, scope, family }) => {
    return [code(`${method.toUpperCase()} ${path}`), plain(summary), code(scope), interfaces[family]];
  });
  return { name: 'operations', head: ['operation', 'what it does', 'scope', 'style'], rows };
}
