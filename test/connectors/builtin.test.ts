import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { publishedSchema } from '../../scripts/connector-schema.ts';
import { builtinIds, readBuiltin } from '../../src/connectors/builtin.ts';
import { checkDefinition } from '../../src/connectors/checks.ts';
import { complete } from '../../src/connectors/complete.ts';
import type { ConnectorFile } from '../../src/connectors/definition.ts';

const builtin = Array.from(builtinIds(), (id) => readBuiltin(id) as ConnectorFile);

const categories = [
  'ai',
  'commerce',
  'communication',
  'crm',
  'data',
  'design',
  'developer-tools',
  'documents',
  'finance',
  'marketing',
  'productivity',
  'project-management',
  'storage',
];

describe.each(builtin.map((file) => [file.id, file] as const))('the built-in connector %s', (id, file) => {
  it('keeps every rule of a definition', () => {
    expect(checkDefinition(file)).toMatchObject({ definition: file, problems: [] });
    expect(id).toMatch(/^[a-z0-9-]+$/);
  });

  it('says where its facts come from, when they were checked, and how a credential is verified', () => {
    const connector = complete(file);
    expect(connector.evidence.length).toBeGreaterThan(0);
    expect(connector.verifiedOn).toMatch(/^20\d\d-/);
    expect(categories).toEqual(expect.arrayContaining([...connector.categories]));
    for (const url of [connector.docsUrl, connector.appUrl, ...connector.evidence]) expect(url).toMatch(/^https:/);
    for (const auth of connector.auth) expect(auth.api.verify).not.toBeNull();
  });

  it('sends nothing anywhere but over https', () => {
    const { unverified: _, ...facts } = file;
    expect(JSON.stringify(facts)).not.toContain('http://');
  });
});

describe('the built-in connectors', () => {
  it('have names and aliases of their own', () => {
    const names = builtin.flatMap((file) => [...new Set([file.id, file.name.toLowerCase(), ...(file.aliases ?? [])])]);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('are each in the file that is named after it', () => {
    expect(builtin.map(({ id }) => id)).toEqual([...builtinIds()]);
    expect(builtin.length).toBeGreaterThanOrEqual(20);
  });

  it('have the schema in force as the published one (run npm run connectors)', async () => {
    const published = await readFile(new URL('../../schema/connector.schema.json', import.meta.url), 'utf8');
    expect(published).toBe(publishedSchema());
  });

  it('are valid under the published schema, as acme.json is, and a typo is not', async () => {
    const read = async (path: string) => JSON.parse(await readFile(new URL(`../../${path}`, import.meta.url), 'utf8'));
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    addFormats.default(ajv);
    const validate = ajv.compile(await read('schema/connector.schema.json'));
    for (const file of [...builtin, await read('test/fixtures/acme.json')]) {
      expect(validate(file), JSON.stringify(validate.errors)).toBe(true);
    }
    expect(validate({ ...builtin[0], naem: 'x' })).toBe(false);
  });
});
