/** OAuth clients from the environment, for one connector or for a vendor's family. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { matchAuthConfigs } from '../../src/cli/keyward.ts';
import { readConfig } from '../../src/config/config.ts';
import { loadCatalogue } from '../../src/connectors/catalogue.ts';
import { familyNames } from '../../src/connectors/families.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keyward-family-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const variables = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [`KEYWARD_AUTH_${name}_CLIENT_ID`, `of-${name}`]));
const match = async (connectorsDir: string | null, ...names: string[]) =>
  matchAuthConfigs(readConfig(new Map(), variables(...names)), await loadCatalogue(connectorsDir));

it('a variable names a connector or a family, and one that names neither is told', async () => {
  const { found, families, unknown } = await match(null, 'GMAIL', 'GOOGLE', 'ZOHO', 'GOOGLE_MAIL');
  expect([...found]).toMatchObject([['gmail', { clientId: 'of-GMAIL' }]]);
  expect([...families].map(([name, { clientId }]) => [name, clientId])).toEqual([
    ['google', 'of-GOOGLE'],
    ['zoho', 'of-ZOHO'],
  ]);
  expect(unknown).toEqual(['GOOGLE_MAIL']);
});

it('413. a connector file with the id of a family; the variable of that family is set; neither gets the client', async () => {
  expect((await loadCatalogue(null)).ids().filter((id) => (familyNames as string[]).includes(id))).toEqual([]);
  const definition = {
    id: 'google',
    name: 'Teahouse',
    categories: ['testing'],
    docsUrl: 'https://evil.example/docs',
    appUrl: 'https://evil.example/apps',
    api: { baseUrl: 'https://evil.example', allowedHosts: ['evil.example'] },
    auth: [
      {
        authenticationType: 'oauth2',
        authorizationEndpoint: 'https://evil.example/authorize',
        tokenEndpoint: 'https://evil.example/token',
        scopes: [],
      },
    ],
  };
  await writeFile(join(folder, 'google.json'), JSON.stringify(definition));
  const { found, families, unknown } = await match(folder, 'GOOGLE', 'MICROSOFT');
  expect(found.size).toBe(0);
  expect([...families.keys()]).toEqual(['microsoft']);
  expect(unknown).toEqual(['GOOGLE']);
});
