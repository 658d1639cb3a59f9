/** The pages that people read say what the program does: tables, answers, commands, options, links and numbers. */
import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import { publishedSchema } from '../scripts/connector-schema.ts';
import { generatedTables } from '../scripts/doc-tables.ts';
import { fieldRows } from '../scripts/field-table.ts';
import { withTable } from '../scripts/markdown-table.ts';
import { readPages, root } from '../scripts/pages.ts';
import { collectAnswers, withAnswers } from '../scripts/story/answers.ts';
import { commands } from '../src/cli/commands.ts';
import { describeOptions, flagOf, options } from '../src/config/config.ts';
import { builtinIds } from '../src/connectors/builtin.ts';
import { listedTools } from '../src/mcp/tools/index.ts';
import { fieldPaths } from './support/schema-fields.ts';

const pages = await readPages();
const readme = pages.get('README.md') ?? '';
const all = [...pages];

/** Everything in the page that a reader may type: code spans, and the lines of fenced blocks of a shell. */
function typed(text: string): string[] {
  const fences = [...text.matchAll(/^```(?:sh|console)\n([\s\S]*?)^```/gm)].flatMap(([, body = '']) =>
    body.replaceAll('\\\n', ' ').split('\n'),
  );
  return [...fences, ...[...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)];
}

/** Words after `keyward` or `node dist/main.js`, as far as they belong to that command. */
function invocations(text: string): string[][] {
  return typed(text).flatMap((line) =>
    [...line.matchAll(/(?:^|[\s(/])(?:keyward|dist\/main\.js"?)((?: +[^|&;#>)]+)?)/g)].map(([, words = '']) =>
      words.trim().split(/\s+/).filter(Boolean),
    ),
  );
}

/** What is wrong with an invocation; undefined if the program takes it. */
function problemOf(all: readonly string[]): string | undefined {
  // `claude mcp add keyward -- node …/dist/main.js stdio`: the name of a server, then the command that starts it.
  const words = all.slice(1 + all.findIndex((word) => word.endsWith('dist/main.js')));
  const first = words.findIndex((word) => !/^[a-z][a-z-]*$/.test(word));
  const plain = words.slice(0, first === -1 ? words.length : first);
  if (plain.length === 0) return undefined;
  const command = commands
    .filter(({ name }) => name.split(' ').every((word, at) => plain[at] === word))
    .sort((one, other) => other.name.length - one.name.length)[0];
  if (command === undefined) return `no command ${plain.join(' ')}`;
  const general = Object.values(options).map(flagOf);
  const known = new Set([
    ...general,
    '--help',
    '--version',
    ...Object.keys(command.flags ?? {}).map((name) => `--${name}`),
  ]);
  // Behind it stand the options of another program.
  const own = words.includes('--') ? words.slice(0, words.indexOf('--')) : words;
  const unknown = own.filter((word) => word.startsWith('--')).map((word) => word.replace(/=.*/, ''));
  return unknown.find((word) => !known.has(word));
}

/** The anchors of a page, as GitHub makes them of its headings. */
function anchors(text: string): Set<string> {
  const headings = text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

describe('docs', () => {
  it.each(generatedTables())('%s has the table that the program makes; npm run docs writes it', (page, table) => {
    const now = pages.get(`docs/${page}`) ?? '';
    expect(table.rows.length).toBeGreaterThan(0);
    for (const [first = ''] of table.rows) expect(now).toContain(`| ${first.replaceAll('|', '\\|')}`);
    expect(withTable(now, table)).toBe(now);
  });

  it('print the answers that a real client gets; npm run docs writes them', async () => {
    const answers = await collectAnswers();
    for (const [page, text] of all) expect(withAnswers(text, answers), page).toBe(text);
    const printed = all.flatMap(([, text]) => [...text.matchAll(/<!-- answer: ([\w-]+) -->/g)].map(([, name]) => name));
    expect(printed.sort()).toEqual([...answers.keys()].sort());
  });

  it('connector-files.md says of every field of a connector what it means', () => {
    const now = pages.get('docs/connector-files.md');
    expect(fieldRows().filter(({ meaning }) => meaning === '')).toEqual([]);
    for (const path of fieldPaths(JSON.parse(publishedSchema()))) expect(now).toContain(`| \`${path}\``);
  });

  it('link to files and headings that exist', () => {
    const broken = all.flatMap(([page, text]) =>
      [...text.matchAll(/(?:\]\(|(?:src|href)=")(?!https?:|mailto:)([^)\s"#]*)(?:#([^)\s"]*))?/g)].flatMap(
        ([link, path = '', anchor]) => {
          const target = path === '' ? page : posix.join(posix.dirname(page), path);
          if (!existsSync(`${root}${target}`)) return [`${page}: ${link}`];
          const there = anchors(pages.get(target) ?? '');
          return anchor === undefined || there.has(anchor) ? [] : [`${page}: ${link}`];
        },
      ),
    );
    expect(broken.join('\n')).toBe('');
  });

  it('name commands and options that the program takes', () => {
    const wrong = all.flatMap(([page, text]) =>
      invocations(text).flatMap((words) => {
        const problem = problemOf(words);
        return problem === undefined ? [] : [`${page}: keyward ${words.join(' ')} (${problem})`];
      }),
    );
    expect(wrong.join('\n')).toBe('');
  });

  it('name variables that Keyward reads, and npm scripts that exist', () => {
    const known = new Set(describeOptions().flatMap(({ variable }) => variable.split(', ')));
    const ofConnector = /^KEYWARD_AUTH_[A-Z0-9_]+_CLIENT_(?:ID|SECRET)$/;
    const wrong = all.flatMap(([page, text]) => [
      ...[...text.matchAll(/\bKEYWARD_[A-Z0-9_]+\b(?!<)/g)]
        .map(([name]) => name)
        .filter((name) => !known.has(name) && !ofConnector.test(name))
        .filter((name) => name !== 'KEYWARD_AUTH_')
        .map((name) => `${page}: ${name}`),
      ...[...text.matchAll(/npm run (?:--silent )?([\w:-]+)/g)]
        .map(([, name = '']) => name)
        .filter((name) => !(name in manifest.scripts))
        .map((name) => `${page}: npm run ${name}`),
    ]);
    expect(wrong.join('\n')).toBe('');
  });
});

describe('README', () => {
  it('has at most 200 lines', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(200);
  });

  it('names the one command that runs Keyward and the one that tests it', () => {
    expect(readme).toContain('```sh\nnpm ci && npm start\n```');
    expect(readme).toContain('```sh\nnpm cit\n```');
  });

  it('names every tool, leads to every page, and counts no more services than there are', () => {
    for (const { name } of listedTools()) expect(readme).toContain(`\`${name}\``);
    const index = pages.get('docs/README.md') ?? '';
    for (const [page] of all)
      if (page.startsWith('docs/') && page !== 'docs/README.md') expect(index).toContain(`(${page.slice(5)})`);
    expect(builtinIds().size).toBeGreaterThan(Number(/More than (\d+) are built in/.exec(readme)?.[1]));
  });
});
