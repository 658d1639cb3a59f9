/**
 * `npm run connectors:check`: checks every built-in definition, or those of the folder that is named, and prints what
 * each supports. Each problem is a line with file, field and rule; the exit code is 1 when there is one.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonProblem } from '../src/connectors/user-files.ts';
import { checkBuiltins, type DefinitionFile } from './builtin-rules.ts';
import { definitions as builtins } from './bundling.ts';
import { connectorTable } from './connector-table.ts';

const folder = process.argv[2] ?? builtins;
const files: DefinitionFile[] = [];
const unreadable: string[] = [];
for (const name of (await readdir(folder)).sort()) {
  const text = await readFile(join(folder, name), 'utf8');
  try {
    files.push({ name, json: JSON.parse(text) });
  } catch (error) {
    unreadable.push(`${name}: ${jsonProblem(text, error)}`);
  }
}
const { definitions, problems } = checkBuiltins(files);
const lines = problems.map(({ file, field, rule }) => `${file}: ${field} ${rule}`.replace(':  ', ': '));
process.stdout.write(connectorTable(definitions));
for (const line of [...unreadable, ...lines]) process.stderr.write(`${line}\n`);
const count = unreadable.length + problems.length;
process.stdout.write(`\n${files.length} definitions, ${count === 0 ? 'no problems' : `${count} problems`}\n`);
if (count > 0) process.exitCode = 1;
