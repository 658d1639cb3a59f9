import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { publishedSchema } from '../scripts/connector-schema.ts';
import { fieldRows, withFieldTable } from '../scripts/field-table.ts';
import { withOptionTable } from '../scripts/option-table.ts';
import { commands } from '../src/cli/commands.ts';
import { listedTools } from '../src/mcp/tools/index.ts';
import { fieldPaths } from './support/schema-fields.ts';

const text = await readFile(new URL('../README.md', import.meta.url), 'utf8');
const manifest = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
  scripts: Record<string, string>;
};

describe('README', () => {
  it('has the options that the program reads; npm run readme writes them', () => {
    expect(withOptionTable(text)).toBe(text);
    expect(text).toContain('`KEYWARD_PORT`');
  });

  it('says of every field of a connector what it means; npm run readme writes that', () => {
    expect(withFieldTable(text)).toBe(text);
    expect(text).toContain('`auth[].tokenEndpoint`');
    expect(fieldRows().filter(({ meaning }) => meaning === '')).toEqual([]);
    for (const path of fieldPaths(JSON.parse(publishedSchema()))) expect(text).toContain(`| \`${path}\``);
  });

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
