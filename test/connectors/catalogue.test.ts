import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { builtinIds } from '../../src/connectors/builtin.ts';
import { loadCatalogue } from '../../src/connectors/catalogue.ts';

const acme = await readFile(new URL('../fixtures/acme.json', import.meta.url), 'utf8');
const folders: string[] = [];

/** A connectors folder with these files. */
async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'keyward-connectors-'));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** The acme definition under another id. */
function acmeAs(id: string): string {
  return JSON.stringify({ ...JSON.parse(acme), id });
}

describe('the catalogue', () => {
  it('holds the built-ins and the user’s own files, by id', async () => {
    const catalogue = await loadCatalogue(await folderWith({ 'acme.json': acme, 'notes.txt': 'no connector' }));
    expect(catalogue.problems).toEqual([]);
    expect(catalogue.get('custom.acme')?.name).toBe('Acme');
    expect(catalogue.get('github')?.name).toBe('GitHub');
    expect(catalogue.get('nope')).toBeUndefined();
    const ids = catalogue.list().map(({ id }) => id);
    expect(ids).toEqual([...ids].sort());
    expect(ids).toEqual([...builtinIds(), 'custom.acme'].sort());
    expect(catalogue.ids()).toEqual(ids);
  });

  it.each(['../builtin', 'github.json', '.', '', 'GITHUB', 'github/../slack', '%2e'])(
    '13. finds nothing under %j',
    async (id) => {
      expect((await loadCatalogue(null)).get(id)).toBeUndefined();
    },
  );

  it('is the built-ins alone when the folder does not exist', async () => {
    const catalogue = await loadCatalogue(join(await folderWith({}), 'missing'));
    expect(catalogue.list()).toHaveLength(builtinIds().size);
    expect(catalogue.problems).toEqual([]);
    expect((await loadCatalogue(null)).list()).toHaveLength(builtinIds().size);
  });

  it('names file, field and rule of a bad file, and the other connectors still work', async () => {
    const folder = await folderWith({
      'acme.json': acme,
      'bad.json': JSON.stringify({ ...JSON.parse(acme), id: 'custom.bad', docsUrl: 'javascript:1', colour: 1 }),
    });
    const catalogue = await loadCatalogue(folder);
    expect(catalogue.problems).toEqual([
      { file: join(folder, 'bad.json'), field: 'docsUrl', rule: 'must be an http or https URL' },
      { file: join(folder, 'bad.json'), field: 'colour', rule: 'is not a field of a definition' },
    ]);
    expect(catalogue.get('custom.bad')).toBeUndefined();
    expect(catalogue.get('custom.acme')).toBeDefined();
  });

  it.each([['github'], ['google-drive'], ['google.drive']])(
    'lets no user file replace or resemble a built-in: %s',
    async (id) => {
      const folder = await folderWith({ 'mine.json': acmeAs(id) });
      const catalogue = await loadCatalogue(folder);
      expect(catalogue.problems).toEqual([
        {
          file: join(folder, 'mine.json'),
          field: 'id',
          rule: expect.stringContaining('is taken by the built-in connector'),
        },
      ]);
      expect(catalogue.list()).toHaveLength(builtinIds().size);
      expect(catalogue.get('github')?.api.baseUrl).toBe('https://api.github.com');
    },
  );

  it('takes the first of two files with one id and names the other', async () => {
    const folder = await folderWith({ 'a.json': acme, 'b.json': acmeAs('custom-acme') });
    const catalogue = await loadCatalogue(folder);
    expect(catalogue.problems).toEqual([
      { file: join(folder, 'b.json'), field: 'id', rule: `“custom-acme” is taken by ${join(folder, 'a.json')}` },
    ]);
  });

  it('tells whoever asks for the connector of a bad file what is wrong with it', async () => {
    const files = {
      'mine.json': JSON.stringify({ ...JSON.parse(acme), id: 'custom.tea', colour: 'sekret' }),
      'cut.json': '{',
    };
    const catalogue = await loadCatalogue(await folderWith(files));
    expect(() => catalogue.require('custom.tea')).toThrowError(
      expect.objectContaining({
        code: 'unknown_connector',
        hint: 'Correct mine.json and start Keyward again: colour is not a field of a definition.',
      }),
    );
    expect(() => catalogue.require('cut')).toThrowError(
      expect.objectContaining({ hint: expect.stringContaining('cut.json and start Keyward again: is not valid JSON') }),
    );
    expect(() => catalogue.require('custom.other')).toThrowError(
      expect.objectContaining({ code: 'unknown_connector' }),
    );
  });

  it.each([
    ['broken JSON', '{ "id": "sekret', 'is not valid JSON: look at line 1'],
    ['an empty file', '', 'is not valid JSON'],
    ['a file that is too large', `{"x":"${'a'.repeat(300_000)}"}`, 'is larger than 256 KiB'],
  ])('refuses %s without quoting it', async (_, content, rule) => {
    const folder = await folderWith({ 'x.json': content });
    const { problems } = await loadCatalogue(folder);
    expect(problems).toEqual([{ file: join(folder, 'x.json'), field: '', rule }]);
  });

  it('reads a file with a byte order mark, and one behind a symbolic link', async () => {
    const folder = await folderWith({ 'bom.json': `\uFEFF${acme}` });
    const elsewhere = await folderWith({ 'linked.json': acmeAs('custom.linked') });
    await symlink(join(elsewhere, 'linked.json'), join(folder, 'linked.json'));
    const catalogue = await loadCatalogue(folder);
    expect(catalogue.problems).toEqual([]);
    expect(catalogue.get('custom.linked')).toBeDefined();
  });

  it('is not held up or fooled by what is no plain file', async () => {
    const folder = await folderWith({ 'acme.json': acme, 'open.json': acmeAs('custom.open') });
    await mkdir(join(folder, 'folder.json'));
    await symlink(join(folder, 'nowhere'), join(folder, 'dangling.json'));
    execFileSync('mkfifo', [join(folder, 'pipe.json')]);
    await chmod(join(folder, 'open.json'), 0o666);
    const catalogue = await loadCatalogue(folder);
    expect(catalogue.problems.map(({ file, rule }) => [file.slice(folder.length + 1), rule])).toEqual([
      ['dangling.json', 'can not be read (ENOENT)'],
      ['folder.json', 'is not a regular file'],
      ['open.json', 'can be written by other users of this computer'],
      ['pipe.json', 'is not a regular file'],
    ]);
    expect(catalogue.get('custom.acme')).toBeDefined();
  });

  it.each([0o777, 0o775, 0o1777])(
    '97. reads nothing from a folder into which others can put files (%o)',
    async (mode) => {
      const folder = await folderWith({ 'acme.json': acme });
      await chmod(folder, mode);
      const catalogue = await loadCatalogue(folder);
      const rule = 'can be written by other users of this computer: no file in it is used';
      expect(catalogue.problems).toEqual([{ file: folder, field: '', rule }]);
      expect(catalogue.get('custom.acme')).toBeUndefined();
    },
  );

  it('97. uses no file that its group can write, and none of another user', async () => {
    const folder = await folderWith({ 'acme.json': acme, 'group.json': acmeAs('custom.group') });
    await chmod(join(folder, 'group.json'), 0o664);
    expect((await loadCatalogue(folder)).problems).toMatchObject([
      { file: join(folder, 'group.json'), rule: 'can be written by other users of this computer' },
    ]);
    // As somebody else these files are a stranger's; root's own would be as good as theirs.
    if (process.getuid?.() === 0)
      await Promise.all(['.', 'acme.json'].map((name) => chown(join(folder, name), 54321, 54321)));
    else vi.spyOn(process, 'getuid').mockReturnValue(54321);
    const { problems } = await loadCatalogue(folder);
    expect(problems).toMatchObject([{ rule: expect.stringContaining('belongs to another user of this computer') }]);
    vi.restoreAllMocks();
  });

  it('48. is not changed by __proto__ in a file', async () => {
    const folder = await folderWith({ 'x.json': acme.replace('{', '{ "__proto__": { "polluted": true },') });
    const { problems } = await loadCatalogue(folder);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    expect(problems).toMatchObject([{ field: '__proto__', rule: 'is not a field of a definition' }]);
  });
});

describe('finding a connector', () => {
  it.each([
    ['gitub', 'github'],
    ['slak', 'slack'],
    ['google_drive', 'google-drive'],
    ['Notion', 'notion'],
    ['calendar', 'google-calendar'],
  ])('suggests for the unknown id %s: %s', async (asked, nearest) => {
    const catalogue = await loadCatalogue(null);
    expect(() => catalogue.require(asked)).toThrowError(
      expect.objectContaining({ code: 'unknown_connector', hint: expect.stringContaining(nearest) }),
    );
  });

  it('suggests nothing for what resembles nothing, however long it is', async () => {
    const catalogue = await loadCatalogue(null);
    expect(() => catalogue.require('x'.repeat(100_000))).toThrowError(
      expect.objectContaining({ code: 'unknown_connector', hint: 'list_connectors shows what there is.' }),
    );
  });

  it('narrows by category, lists everything without a query, and finds nothing for nonsense', async () => {
    const catalogue = await loadCatalogue(null);
    const crm = await catalogue.search('', 'crm');
    expect(crm.map(({ id }) => id)).toEqual(expect.arrayContaining(['hubspot', 'salesforce']));
    expect(crm.every(({ categories }) => categories.includes('crm'))).toBe(true);
    const [first] = await catalogue.search('google', 'productivity');
    expect(first).toMatchObject({ id: expect.stringMatching(/^google-/), categories: ['productivity'] });
    expect(await catalogue.search()).toHaveLength(builtinIds().size);
    expect(await catalogue.search('   ')).toHaveLength(builtinIds().size);
    expect(await catalogue.search('xyzzyqwv')).toEqual([]);
  });
});
