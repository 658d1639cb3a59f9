import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { publishedSchema } from '../scripts/connector-schema.ts';
import { generatedTables } from '../scripts/doc-tables.ts';
import { fieldRows } from '../scripts/field-table.ts';
import { withTable } from '../scripts/markdown-table.ts';
import { commands } from '../src/cli/commands.ts';
import { listedTools } from '../src/mcp/tools/index.ts';
import { fieldPaths } from './support/schema-fields.ts';

const text = await readFile(new URL('../README.md', import.meta.url), 'utf8');
const readPage = (page: string) => readFile(new URL(`../docs/${page}`, import.meta.url), 'utf8');
const manifest = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
  scripts: Record<string, string>;
};

describe('docs', () => {
  it.each(generatedTables())('%s has the table that the program makes; npm run docs writes it', async (page, table) => {
    const now = await readPage(page);
    expect(table.rows.length).toBeGreaterThan(0);
    for (const [first = ''] of table.rows) expect(now).toContain(`| ${first}`);
    expect(withTable(now, table)).toBe(now);
  });

  it('connector-files.md says of every field of a connector what it means', async () => {
    const now = await readPage('connector-files.md');
    expect(fieldRows().filter(({ meaning }) => meaning === '')).toEqual([]);
    for (const path of fieldPaths(JSON.parse(publishedSchema()))) expect(now).toContain(`| \`${path}\``);
  });
});

describe('README', () => {
  it('names the one command that runs Keyward and the one that tests it', () => {
    expect(text).toContain('```sh\nnpm ci && npm start\n```');
    expect(text).toContain('```sh\nnpm cit\n```');
  });

  it('names every tool and every command, and no npm script that does not exist', () => {
    for (const { name } of listedTools()) expect(text).toContain(`\`${name}\``);
    for (const { name } of commands) for (const word of name.split(' ')) expect(text).toContain(word);
    const scripts = [...text.matchAll(/`npm run ([\w:]+)/g)].map(([, name]) => name ?? '');
    expect(scripts.filter((name) => manifest.scripts[name] === undefined)).toEqual([]);
  });
});
