import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { checkBuiltins } from '../../scripts/builtin-rules.ts';
import { publishedSchema } from '../../scripts/connector-schema.ts';
import { builtinIds, readBuiltin } from '../../src/connectors/builtin.ts';
import { checkDefinition } from '../../src/connectors/definition/checks.ts';
import type { ConnectorFile } from '../../src/connectors/definition/definition.ts';

const builtin = Array.from(builtinIds(), (id) => readBuiltin(id) as ConnectorFile);

/** The first definition with changes, as the one file of a catalogue. */
const checked = (change: Readonly<Record<string, unknown>>, name = `${builtin[0]?.id}.json`) =>
  checkBuiltins([{ name, json: { ...builtin[0], ...change } }]).problems;

describe.each(builtin.map((file) => [file.id, file] as const))('the built-in connector %s', (id, file) => {
  it('keeps every rule of a definition, and those of a built-in one', () => {
    expect(checkDefinition(file)).toMatchObject({ definition: file, problems: [] });
    expect(checkBuiltins([{ name: `${id}.json`, json: file }]).problems).toEqual([]);
  });
});

describe('the built-in connectors', () => {
  it('have ids, names and aliases of their own', () => {
    const files = builtin.map((json) => ({ name: `${json.id}.json`, json }));
    expect(checkBuiltins(files).problems).toEqual([]);
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

describe('npm run connectors:check', () => {
  const oauth2 = {
    authenticationType: 'oauth2',
    authorizationEndpoint: 'https://a.example/auth',
    tokenEndpoint: 'https://a.example/token',
    scopes: ['read'],
  };
  const api = { baseUrl: 'https://a.example', allowedHosts: ['a.example'], verify: { path: '/me' } };
  const hintedSite = (description: string) => ({
    type: 'object',
    properties: { site: { type: 'string', description } },
  });
  const bearer = { authenticationType: 'bearer' };
  const mcp = (changes: object = {}) => ({
    name: 'A MCP server',
    categories: ['data', 'mcp'],
    api: { protocol: 'mcp', baseUrl: 'https://a.example/mcp', allowedHosts: ['a.example'], ...changes },
    auth: [{ authenticationType: 'oauth2' }],
  });
  const hinted = (description: string) => ({
    type: 'object',
    properties: { token: { type: 'string', description, writeOnly: true } },
    required: ['token'],
  });

  it.each([
    ['a field of the wrong type', { name: 7 }, 'name', 'must be of type string'],
    [
      'a template variable that is not defined',
      { api: { ...api, baseUrl: 'https://a.example/{shop}' } },
      'api.baseUrl',
      expect.stringContaining('uses {shop}, which is not known there; known: '),
    ],
    [
      'a base URL off the allowed hosts',
      { api: { ...api, baseUrl: 'https://b.example' } },
      'api.baseUrl',
      'has a host that is not among allowedHosts',
    ],
    ['a page without https', { docsUrl: 'http://a.example/docs' }, 'docsUrl', 'must be https'],
    [
      'an endpoint without https',
      { api: { ...api, baseUrl: 'http://127.0.0.1/v1', allowedHosts: ['127.0.0.1'] } },
      'api.baseUrl',
      'must be https',
    ],
    ['no evidence', { evidence: [] }, 'evidence', 'is missing: name the page of the vendor'],
    ['evidence of the future', { verifiedOn: '2999-01-01' }, 'verifiedOn', 'is in the future'],
    [
      'an alias that says nothing new',
      { aliases: ['x', 'X'] },
      'aliases.1',
      'says again what id, name or another alias says',
    ],
    [
      'OAuth without a word about scopes',
      { api, auth: [{ ...oauth2, scopes: undefined }].map(({ scopes: _, ...rest }) => rest) },
      'auth.0.scopes',
      'is missing; [] says that the service has no scopes',
    ],
    [
      'no scopes where a refresh repeats them',
      { api, auth: [{ ...oauth2, scopes: [], scopeOnRefresh: true }] },
      'auth.0.scopes',
      'must not be empty: a refresh repeats them',
    ],
    [
      'nothing to verify a credential with',
      { api: { ...api, verify: null }, auth: [oauth2] },
      'auth.0.api.verify',
      'is missing: one harmless call that shows that it works',
    ],
    [
      'hosts below a suffix where anybody has a name',
      { api: { ...api, allowedHosts: ['a.example', '*.co.uk'] } },
      'auth.0.api.allowedHosts',
      'must not let a connection choose any host below co.uk',
    ],
    [
      '95. GraphQL whose GET counts as reading only',
      { api: { ...api, verify: { method: 'POST', path: '/graphql', body: { query: '{ viewer { email } }' } } } },
      'auth.0.api.unsafeGet',
      'must be true: what a GraphQL request does is in a parameter',
    ],
    [
      'an address as plain text in a hint',
      { api, auth: [{ ...bearer, inputs: hinted('Made at https://a.example/keys.') }] },
      'auth.0.inputs.properties.token.description',
      'must not name an address: keyUrl becomes a link',
    ],
    [
      'an address without https:// in a hint',
      { api, inputs: hintedSite('Shown at a.example under Sites.') },
      'inputs.properties.site.description',
      'must not name an address: keyUrl becomes a link',
    ],
    [
      'a page about OAuth for people who look for a key',
      { api, auth: [oauth2, { ...bearer, keyUrl: 'https://a.example/docs/oauth-2' }] },
      'auth.1.keyUrl',
      'must be about the key: this is a page about OAuth',
    ],
    [
      'the documentation of OAuth for people who look for a key',
      { api, docsUrl: 'https://a.example/start', auth: [oauth2, { ...bearer, keyUrl: 'https://a.example/start' }] },
      'auth.1.keyUrl',
      'must be about the key: this is a page about OAuth',
    ],
    [
      'a page about OAuth that a way with a key would take from appUrl',
      { api, appUrl: 'https://a.example/oauth/apps', auth: [bearer] },
      'auth.0.keyUrl',
      'must be about the key: this is a page about OAuth',
    ],
    [
      'a page for keys that is appUrl already',
      { api, appUrl: 'https://a.example/keys', auth: [{ ...bearer, keyUrl: 'https://a.example/keys' }] },
      'auth.0.keyUrl',
      'says again what appUrl says',
    ],
    [
      '244. an MCP server whose secret could go to a second host',
      mcp({ allowedHosts: ['a.example', 'b.example'] }),
      'auth.0.api.allowedHosts',
      'must be the host of the server alone',
    ],
    ['244. an MCP server that is called as its API is', { ...mcp(), name: 'A' }, 'name', 'must end in “MCP server”'],
    [
      '244. an MCP server that nobody finds among them',
      { ...mcp(), categories: ['data'] },
      'categories',
      'must have mcp for an MCP server, and for nothing else',
    ],
    [
      '244. an API that is found among MCP servers',
      { api, auth: [bearer], categories: ['data', 'mcp'] },
      'categories',
      'must have mcp for an MCP server, and for nothing else',
    ],
    ['a day that is none', { verifiedOn: '21.11.2026' }, 'verifiedOn', 'must be a day such as 2026-11-21'],
    [
      'a number that is too small',
      { api, auth: [{ ...oauth2, refresh: { marginSeconds: -1 } }] },
      'auth.0.refresh.marginSeconds',
      'must be at least 0',
    ],
    ['a name that is too long', { name: 'x'.repeat(81) }, 'name', 'must have at most 80 characters'],
    [
      'a misspelt variable, with those that there are',
      {
        inputs: { type: 'object', properties: { shop: { type: 'string' } }, required: ['shop'] },
        api: { ...api, baseUrl: 'https://a.example/{shp}' },
      },
      'api.baseUrl',
      'uses {shp}, which is not known there; known: {shop}',
    ],
    [
      'a category that does not exist',
      { categories: ['stuff'] },
      'categories.0',
      expect.stringContaining('must be one of ai,'),
    ],
  ])('names file, field and rule of %s', (_, change, field, rule) => {
    const file = `${builtin[0]?.id}.json`;
    expect(checked(change)).toContainEqual({ file, field, rule });
  });

  it('names a file that is not called as its connector, and two connectors of one name', () => {
    expect(checked({}, 'other.json')).toEqual([
      { file: 'other.json', field: 'id', rule: 'must be the name of the file' },
    ]);
    const twin = { ...builtin[0], id: 'twin', aliases: [builtin[1]?.name.toUpperCase()] };
    const files = [builtin[0], builtin[1], twin].map((json) => ({ name: `${json?.id}.json`, json }));
    expect(checkBuiltins(files).problems).toEqual([
      { file: 'twin.json', field: 'name', rule: `“${builtin[0]?.name}” leads to ${builtin[0]?.id} already` },
      { file: 'twin.json', field: 'aliases.0', rule: expect.stringContaining(`leads to ${builtin[1]?.id} already`) },
    ]);
  });

  it('prints what every connector supports and succeeds; with a problem it fails and prints that too', async () => {
    const good = await runCheck();
    expect(good).toMatchObject({ code: 0, stderr: '' });
    expect(good.stdout).toMatch(/^github +oauth2 +code device +S256 /m);
    expect(good.stdout).toContain(`${builtin.length} definitions, no problems`);
    const folder = await mkdtemp(join(tmpdir(), 'keyward-check-'));
    await writeFile(join(folder, 'x.json'), JSON.stringify({ ...builtin[0], id: 'x', colour: 1 }));
    await writeFile(join(folder, 'y.json'), '{\n  "id": "y",\n}');
    const bad = await runCheck(folder);
    await rm(folder, { recursive: true });
    expect(bad.code).toBe(1);
    expect(bad.stderr).toBe(
      'y.json: is not valid JSON: look at line 3\nx.json: colour is not a field of a definition\n',
    );
  });
});

async function runCheck(...args: readonly string[]) {
  const script = ['--import', './scripts/typescript.mjs', 'scripts/connectors-check.ts', ...args];
  const root = new URL('../../', import.meta.url);
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, script, { cwd: root }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}
