/** Connector files that would be taken for a built-in one, or that hide what their name is. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { builtinIds, readBuiltin } from '../../src/connectors/builtin.ts';
import { loadCatalogue } from '../../src/connectors/catalogue.ts';
import { skeletonOf } from '../../src/connectors/lookalike.ts';

const acme = JSON.parse(await readFile(new URL('../fixtures/acme.json', import.meta.url), 'utf8'));

async function load(changes: Record<string, unknown>) {
  const folder = await mkdtemp(join(tmpdir(), 'keyward-lookalike-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'file.json'), JSON.stringify({ ...acme, ...changes }));
  return loadCatalogue(folder);
}

describe('a connector file', () => {
  it.each([
    ['GitHub', 'as it is'],
    ['Git Hub', 'with a space'],
    ['GITHUB®', 'with a mark'],
    ['GіtHub', 'with a Cyrillic і'],
    ['GitНub', 'with a Cyrillic Н'],
    ['G1tHub', 'with a digit'],
    ['GltHub', 'with an l'],
    ['Ｇｉｔｈｕｂ', 'in full width'],
    ['𝐆𝐢𝐭𝐡𝐮𝐛', 'in mathematical bold'],
    ['Gíthub', 'with an accent'],
  ])('78. named “%s” (%s) is taken for the built-in GitHub, so it is refused', async (name) => {
    const catalogue = await load({ name });
    expect(catalogue.get(acme.id)).toBeUndefined();
    expect(catalogue.problems).toEqual([
      {
        file: expect.stringContaining('file.json'),
        field: 'name',
        rule: expect.stringContaining('reads like the built-in connector github'),
      },
    ]);
  });

  it.each(['git-hub', 'g1thub', 'google.drive', 'googledrive', 'slacк'])(
    '78. with the id %s beside a built-in one is refused',
    async (id) => {
      const catalogue = await load({ id });
      expect(catalogue.get(id)).toBeUndefined();
      expect(catalogue.problems).toMatchObject([{ field: 'id' }]);
    },
  );

  it.each(['Acme\u202e', 'Ac\u200bme', 'Acme\u2028Inc', 'Acme\u{e0041}', ' Acme'])(
    '78. with the name %j is refused',
    async (name) => {
      expect((await load({ name })).problems).toMatchObject([
        { field: 'name', rule: 'must be one line of visible text' },
      ]);
      expect((await load({ aliases: [name] })).problems).toMatchObject([{ rule: 'must be one line of visible text' }]);
    },
  );

  it('of another service is used, and marked as one that is not Keyward’s own', async () => {
    for (const name of ['Acme', 'GitHub Enterprise of Acme', 'Акме', '日本の会社']) {
      const catalogue = await load({ name });
      expect(catalogue.problems).toEqual([]);
      expect(catalogue.isCustom(acme.id)).toBe(true);
    }
    expect((await load({})).isCustom('github')).toBe(false);
  });
});

it('no two built-in connectors are taken for each other', () => {
  const seen = new Map<string, string>();
  for (const id of builtinIds()) {
    for (const text of new Set([id, readBuiltin(id)?.name ?? ''].map(skeletonOf))) {
      expect(`${text}: ${seen.get(text) ?? id}`).toBe(`${text}: ${id}`);
      seen.set(text, id);
    }
  }
});
