import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { publishedSchema } from '../../../scripts/connector-schema.ts';
import { checkDefinition } from '../../../src/connectors/definition/checks.ts';
import { complete } from '../../../src/connectors/definition/complete.ts';
import { fieldPaths } from '../../support/schema-fields.ts';

const acme = await readFile(new URL('../../fixtures/acme.json', import.meta.url), 'utf8');

/** The acme definition with the value at each dotted path replaced; undefined takes the field away. */
function acmeWith(changes: Readonly<Record<string, unknown>>): unknown {
  const definition: unknown = JSON.parse(acme);
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split('.');
    const last = keys.pop() ?? '';
    const parent = keys.reduce<unknown>((at, key) => Reflect.get(Object(at), key), definition);
    if (value === undefined) Reflect.deleteProperty(Object(parent), last);
    else Reflect.set(Object(parent), last, value);
  }
  return definition;
}

/** The fields that a definition has, as the schema names them. */
function usedFields(value: unknown, path = ''): Set<string> {
  if (Array.isArray(value)) return new Set(value.flatMap((one) => [...usedFields(one, `${path}[]`)]));
  if (typeof value !== 'object' || value === null) return new Set();
  const inside = Object.entries(value).flatMap(([name, inner]) => {
    const fields = [path === '' ? name : `${path}.${name}`, `${path}.<name>`];
    return fields.flatMap((field) => [field, ...usedFields(inner, field)]);
  });
  return new Set(inside);
}

describe('a connector definition', () => {
  it('loads acme.json as it is', () => {
    const { definition, problems } = checkDefinition(JSON.parse(acme));
    expect(problems).toEqual([]);
    expect(definition?.id).toBe('custom.acme');
  });

  it('has an example with every field once, but for those of servers that a connection names, and those of built-in connectors alone', async () => {
    const example: unknown = JSON.parse(
      await readFile(new URL('../../../examples/connector.json', import.meta.url), 'utf8'),
    );
    expect(checkDefinition(example)).toMatchObject({ problems: [] });
    const named = new Set(fieldPaths(JSON.parse(publishedSchema())));
    const used = usedFields(example);
    const left = [...named].filter((field) => !used.has(field));
    expect(left.sort()).toEqual([
      'auth[].protectedResource',
      'clientFamily',
      'inputs.properties.<name>.contentMediaType',
      'inputs.properties.<name>.writeOnly',
      'scopeDescriptions',
    ]);
  });

  it('needs little more than what no default can know', () => {
    const { definition, problems } = checkDefinition({
      id: 'tiny',
      name: 'Tiny',
      categories: ['testing'],
      docsUrl: 'https://tiny.example/docs',
      appUrl: 'https://tiny.example/keys',
      api: { baseUrl: 'https://api.tiny.example', allowedHosts: ['api.tiny.example'] },
      auth: [
        { authenticationType: 'bearer' },
        { authenticationType: 'basic' },
        {
          authenticationType: 'oauth2',
          authorizationEndpoint: 'https://tiny.example/authorize',
          tokenEndpoint: 'https://tiny.example/token',
        },
        { authenticationType: 'oauth2_client_credentials', issuer: 'https://tiny.example' },
      ],
    });
    expect(problems).toEqual([]);
    const connector = definition && complete(definition);
    expect(connector?.auth[0]?.inject).toEqual([{ in: 'header', name: 'authorization', value: 'Bearer {token}' }]);
    expect(connector?.auth[2]).toMatchObject({
      pkce: 'S256',
      tokenEndpointAuthMethod: 'client_secret_basic',
      refreshAuthMethod: 'client_secret_basic',
      refresh: { marginSeconds: 300, rotates: false },
      revocation: { method: 'POST', authMethod: 'client_secret_basic', bodyFormat: 'form', tokenParam: 'token' },
      api: { baseUrl: 'https://api.tiny.example', verify: null },
    });
  });

  it('sends people who look for a key to the page about it, never to the one for OAuth clients', () => {
    const keyUrls = (auth: readonly unknown[], baseUrl = 'https://api.tiny.example') => {
      const { definition, problems } = checkDefinition({
        id: 'tiny',
        name: 'Tiny',
        categories: ['testing'],
        docsUrl: 'https://tiny.example/docs',
        appUrl: 'https://tiny.example/apps',
        inputs: { type: 'object', properties: { baseUrl: { type: 'string' } }, required: ['baseUrl'] },
        api: { baseUrl, allowedHosts: [baseUrl === '{+baseUrl}' ? baseUrl : 'api.tiny.example'] },
        auth,
      });
      expect(problems).toEqual([]);
      return definition && complete(definition).auth.map(({ keyUrl }) => keyUrl);
    };
    const key = { authenticationType: 'bearer', keyUrl: 'https://tiny.example/keys' };
    const silent = { authenticationType: 'basic' };
    const client = { authenticationType: 'oauth2_client_credentials', issuer: 'https://tiny.example' };
    expect(keyUrls([key, silent])).toEqual(['https://tiny.example/keys', 'https://tiny.example/apps']);
    expect(keyUrls([client, key, silent])).toEqual([null, 'https://tiny.example/keys', null]);
    // Nobody knows where the keys of a service are made that a connection names.
    expect(keyUrls([silent], '{+baseUrl}')).toEqual([null]);
  });

  it('lets an authentication type replace single fields of api', () => {
    const { definition } = checkDefinition(
      acmeWith({
        'auth.2.api': {
          baseUrl: 'https://keys.acme.example',
          allowedHosts: ['keys.acme.example'],
          verify: { path: '/whoami' },
        },
      }),
    );
    const connector = definition && complete(definition);
    expect(connector?.auth[2]?.api).toEqual({
      protocol: 'http',
      baseUrl: 'https://keys.acme.example',
      allowedHosts: ['keys.acme.example'],
      headers: { 'x-acme-version': '2' },
      unsafeGet: false,
      invalidToken: [],
      git: null,
      sdk: null,
      verify: { method: 'GET', baseUrl: null, path: '/whoami', body: null, success: null, accountPath: null },
    });
    expect(connector?.auth[0]?.api).toEqual(connector?.api);
  });

  it('lets refresh and revocation authenticate like the exchange, or in another way', () => {
    const post = checkDefinition(acmeWith({ 'auth.0.tokenEndpointAuthMethod': 'client_secret_post' })).definition;
    expect(post && complete(post).auth[0]).toMatchObject({
      refreshAuthMethod: 'client_secret_post',
      revocation: { authMethod: 'client_secret_post' },
    });
    const { definition } = checkDefinition(
      acmeWith({ 'auth.0.refreshAuthMethod': 'client_secret_post', 'auth.0.revocation': { authMethod: 'bearer' } }),
    );
    expect(definition && complete(definition).auth[0]).toMatchObject({
      tokenEndpointAuthMethod: 'client_secret_basic',
      refreshAuthMethod: 'client_secret_post',
      revocation: { authMethod: 'bearer' },
    });
  });

  const secretApiKey = { type: 'string', writeOnly: true };
  const bad: readonly [what: string, changes: Record<string, unknown>, field: string, rule: RegExp][] = [
    ['an unknown field', { colour: 'red' }, 'colour', /not a field/],
    ['an unknown field deep inside', { 'auth.0.refresh.margin': 5 }, 'auth.0.refresh.margin', /not a field/],
    ['a missing field', { name: undefined }, 'name', /is missing/],
    ['a wrong type', { aliases: 'acme' }, 'aliases', /of type array/],
    ['an id that is no id', { id: 'Custom Acme' }, 'id', /small letters/],
    ['an id that climbs out', { id: '../github' }, 'id', /small letters/],
    ['an empty list', { categories: [] }, 'categories', /empty/],
    [
      'a page for keys that is not https',
      { 'auth.2.keyUrl': 'http://acme.example/keys' },
      'auth.2.keyUrl',
      /must be an https URL/,
    ],
    [
      'a page for keys at a host of an input',
      { 'auth.2.keyUrl': 'https://{region}.acme.example/keys' },
      'auth.2.keyUrl',
      /without \{variables\}/,
    ],
    [
      'a page for keys that runs a script',
      { 'auth.2.keyUrl': 'javascript:alert(1)' },
      'auth.2.keyUrl',
      /must be an https URL/,
    ],
    [
      'a page for keys with OAuth, which has none',
      { 'auth.0.keyUrl': 'https://acme.example/keys' },
      'auth.0.keyUrl',
      /not a field/,
    ],
    ['a page that runs a script', { docsUrl: 'javascript:alert(1)' }, 'docsUrl', /http or https/],
    ['a date that is none', { verifiedOn: '2026-02-30' }, 'verifiedOn', /such as 2026-11-21/],
    [
      'an unknown authentication type',
      { 'auth.3.authenticationType': 'magic' },
      'auth.3.authenticationType',
      /one of "oauth2"/,
    ],
    ['no authentication type at all', { auth: [] }, 'auth', /empty/],
    [
      'one authentication type twice',
      { 'auth.3.authenticationType': 'api_key' },
      'auth.3.authenticationType',
      /already defined by auth\.2/,
    ],
    [
      'an endpoint without https',
      { 'auth.0.tokenEndpoint': 'http://acme.example/token' },
      'auth.0.tokenEndpoint',
      /https/,
    ],
    ['a base URL without https', { 'api.baseUrl': 'http://acme.example' }, 'api.baseUrl', /https/],
    ['a base URL of another kind', { 'api.baseUrl': 'ftp://acme.example' }, 'api.baseUrl', /https URL/],
    [
      'a user name in a URL',
      { 'auth.0.tokenEndpoint': 'https://u@acme.example/token' },
      'auth.0.tokenEndpoint',
      /https URL/,
    ],
    [
      'a fragment in a URL',
      { 'auth.0.tokenEndpoint': 'https://acme.example/token#x' },
      'auth.0.tokenEndpoint',
      /https URL/,
    ],
    ['an issuer without https', { 'auth.0.issuer': 'http://acme.example' }, 'auth.0.issuer', /https/],
    ['a host that is a URL', { 'api.allowedHosts': ['https://127.0.0.1/'] }, 'api.allowedHosts.0', /must be a host/],
    [
      'a wildcard for a whole top-level domain',
      { 'api.allowedHosts': ['127.0.0.1', '*.com'] },
      'api.allowedHosts.1',
      /two labels/,
    ],
    [
      'an endpoint whose variable host is off the allowed hosts',
      { 'auth.0.tokenEndpoint': 'https://{region}.elsewhere.example/token' },
      'auth.0.tokenEndpoint',
      /variable host that is not among allowedHosts/,
    ],
    [
      'a base URL off the allowed hosts',
      { 'api.allowedHosts': ['acme.example'] },
      'api.baseUrl',
      /not among allowedHosts/,
    ],
    ['an unclosed variable', { 'api.baseUrl': 'http://127.0.0.1:9411/{region/v1' }, 'api.baseUrl', /brace/],
    [
      'a variable nobody defines',
      { 'api.headers': { 'x-tenant': '{tenant}' } },
      'api.headers.x-tenant',
      /\{tenant\}, which is not known/,
    ],
    [
      'a variable that may have no value',
      { 'inputs.properties.region.default': undefined },
      'api.baseUrl',
      /\{region\}, which must be required/,
    ],
    [
      'a kept field before it is there',
      { 'auth.0.authorizationParams.a': '{instance_url}' },
      'auth.0.authorizationParams.a',
      /\{instance_url\}/,
    ],
    [
      'a callback parameter before the callback',
      { 'auth.0.authorizationEndpoint': 'http://127.0.0.1/{realmId}' },
      'auth.0.authorizationEndpoint',
      /\{realmId\}/,
    ],
    [
      'a secret in a URL',
      { 'api.verify.path': '/me?key={apiKey}' },
      'api.verify.path',
      /must not hold the secret \{apiKey\}/,
    ],
    [
      'a secret in a fixed header',
      { 'api.headers': { 'x-key': '{apiKey}' } },
      'api.headers.x-key',
      /must not hold the secret/,
    ],
    [
      'a secret that nothing uses',
      { 'auth.2.inject.0.value': 'Key' },
      'auth.2.inject',
      /never uses the secret \{apiKey\}/,
    ],
    [
      'a token that nothing uses',
      { 'auth.1.inject.0.value': 'Bearer' },
      'auth.1.inject',
      /never uses the secret \{accessToken\}/,
    ],
    [
      'inputs without a secret',
      { 'auth.2.inputs.properties.apiKey.writeOnly': undefined },
      'auth.2.inputs',
      /no secret/,
    ],
    [
      'a line break in a header',
      { 'auth.2.inject.0.value': '{apiKey}\r\nx-evil: 1' },
      'auth.2.inject.0.value',
      /one line/,
    ],
    [
      'a header of the connection',
      { 'auth.2.inject.0.name': 'Transfer-Encoding' },
      'auth.2.inject.0.name',
      /connection itself/,
    ],
    ['a header name with a space', { 'api.headers': { 'x acme': '2' } }, 'api.headers.x acme', /header name/],
    [
      'a secret among the connection inputs',
      { 'inputs.properties.secret': secretApiKey },
      'inputs.properties.secret.writeOnly',
      /without OAuth/,
    ],
    [
      'a secret input beside OAuth',
      { 'auth.0.inputs': { type: 'object', properties: { apiSecret: secretApiKey } } },
      'auth.0.inputs.properties.apiSecret.writeOnly',
      /without OAuth/,
    ],
    [
      'an input that has the name of a parameter',
      { 'inputs.properties.userId': { type: 'string' } },
      'inputs.properties.userId',
      /Keyward uses itself/,
    ],
    [
      'an input that has the name of a prototype',
      { 'inputs.properties.constructor': { type: 'string' } },
      'inputs.properties.constructor',
      /every JavaScript object/,
    ],
    [
      'an input of both levels',
      { 'auth.3.inputs.properties.region': { type: 'string' } },
      'auth.3.inputs.properties.region',
      /already/,
    ],
    [
      'a kept field that is an input',
      { 'auth.0.tokenResponse.keep': ['region'] },
      'auth.0.tokenResponse.keep.0',
      /already/,
    ],
    [
      'a kept refresh token, which its owner could read and any template could send',
      { 'auth.0.tokenResponse.keep': ['refresh_token'] },
      'auth.0.tokenResponse.keep.0',
      /no template/,
    ],
    ['a kept code of the callback', { 'auth.0.callbackParams': ['code'] }, 'auth.0.callbackParams.0', /no template/],
    [
      'an input that is no text',
      { 'inputs.properties.region.type': 'number' },
      'inputs.properties.region.type',
      /"string"/,
    ],
    [
      'a default outside its enum',
      { 'inputs.properties.region.default': 'mars' },
      'inputs.properties.region.default',
      /breaks its own/,
    ],
    [
      'an example that breaks the pattern',
      { 'auth.2.inputs.properties.apiKey.examples': ['nope'] },
      'auth.2.inputs.properties.apiKey.examples',
      /breaks its own/,
    ],
    [
      '138. a pattern with a look-around',
      { 'auth.2.inputs.properties.apiKey.pattern': '^(?=acme)acme_.*$' },
      'auth.2.inputs.properties.apiKey.pattern',
      /without look-around/,
    ],
    [
      '138. a pattern with a back reference',
      { 'auth.2.inputs.properties.apiKey.pattern': '^(.)\\1+$' },
      'auth.2.inputs.properties.apiKey.pattern',
      /back references/,
    ],
    [
      'a pattern without an example',
      { 'auth.2.inputs.properties.apiKey.examples': undefined },
      'auth.2.inputs.properties.apiKey.examples',
      /needed beside a pattern/,
    ],
    [
      'a pattern that does not compile',
      { 'auth.2.inputs.properties.apiKey.pattern': '^($' },
      'auth.2.inputs.properties.apiKey.pattern',
      /regular expression/,
    ],
    [
      'a pattern without ends',
      { 'auth.2.inputs.properties.apiKey.pattern': 'acme' },
      'auth.2.inputs.properties.apiKey.pattern',
      /begin with \^/,
    ],
    [
      'a secret with a default',
      { 'auth.2.inputs.properties.apiKey.default': 'acme_0123456789abcdef' },
      'auth.2.inputs.properties.apiKey.default',
      /not for secrets/,
    ],
    ['a required field that does not exist', { 'inputs.required': ['shop'] }, 'inputs.required.0', /no property/],
    [
      'OAuth without endpoint and issuer',
      { 'auth.0.issuer': undefined, 'auth.0.authorizationEndpoint': undefined },
      'auth.0.authorizationEndpoint',
      /or an issuer/,
    ],
    ['a body sent with GET', { 'api.verify.body': { query: '{ me }' } }, 'api.verify.body', /POST/],
    [
      'a verification call off the allowed hosts',
      { 'api.verify.baseUrl': 'https://login.acme.example' },
      'api.verify.baseUrl',
      /not among allowedHosts/,
    ],
    [
      'a verification call whose address nobody defines',
      { 'api.verify.baseUrl': 'http://127.0.0.1/{tenant}' },
      'api.verify.baseUrl',
      /\{tenant\}, which is not known/,
    ],
    ['a verification path that is a host', { 'api.verify.path': '//evil.example/me' }, 'api.verify.path', /path/],
    [
      'too many steps for the app',
      { 'auth.0.appSteps': Array(5).fill('Do it.') },
      'auth.0.appSteps',
      /at most 4 entries/,
    ],
    ['no step for the app', { 'auth.0.appSteps': [] }, 'auth.0.appSteps', /empty/],
    [
      'steps for the app that are long',
      { 'auth.0.appSteps': [`A${'a'.repeat(200)}`] },
      'auth.0.appSteps.0',
      /at most 200 characters/,
    ],
    ...[
      'Open <b>this</b>.',
      'Open this.\n\nKeyward: now that.',
      'Open this.\u2028Now that.',
      'Turn \u202ethis around.',
      'Hide\u200bden.',
      '\u00a0',
      'Clear \u001b[2J.',
      '{accessToken}',
      '[this](that)',
    ].map((step): [string, Record<string, unknown>, string, RegExp] => [
      `a step for the app that is more than a plain sentence (${JSON.stringify(step)})`,
      { 'auth.0.appSteps': [step] },
      'auth.0.appSteps.0',
      /plain punctuation/,
    ]),
    ...[
      'Paste it at paste.evil.example.',
      'Open https://1/',
      'Open 192.0.2.7 now.',
      'Open //evil/x or javascript://x',
    ].map((step): [string, Record<string, unknown>, string, RegExp] => [
      `a step for the app that names an address (${step})`,
      { 'auth.0.appSteps': [step] },
      'auth.0.appSteps.0',
      /must not name an address/,
    ]),
    [
      'steps for the app where nobody registers one',
      { 'auth.2.appSteps': ['Do it.'] },
      'auth.2.appSteps',
      /not a field/,
    ],
    ['a negative margin', { 'auth.0.refresh.marginSeconds': -1 }, 'auth.0.refresh.marginSeconds', /at least 0/],
  ];

  it.each(bad)('is refused with %s, naming field and rule', (_, changes, field, rule) => {
    const { definition, problems } = checkDefinition(acmeWith(changes));
    expect(definition).toBeNull();
    expect(
      problems
        .filter((problem) => problem.field === field)
        .map((problem) => problem.rule)
        .join('\n'),
    ).toMatch(rule);
  });

  it('may not let an input choose the whole host that OAuth sends secrets to', () => {
    const host = { type: 'object', properties: { host: { type: 'string' } }, required: ['host'] };
    const changes = { inputs: host, 'api.baseUrl': 'https://{host}/v1', 'api.allowedHosts': ['{host}'] };
    expect(checkDefinition(acmeWith(changes)).problems).toContainEqual({
      field: 'api.allowedHosts.0',
      rule: 'must end in a fixed domain, because OAuth sends secrets there',
    });
    // With a key alone the person decides, and sees, where it goes.
    const keysOnly = JSON.parse(acme).auth.slice(2);
    expect(checkDefinition(acmeWith({ ...changes, auth: keysOnly })).problems).toEqual([]);
  });

  it('reports every problem of a file at once', () => {
    const { problems } = checkDefinition(acmeWith({ id: 'A', name: undefined, colour: 'red' }));
    expect(problems.map(({ field }) => field).sort()).toEqual(['colour', 'id', 'name']);
  });

  it.each([[null], [[]], ['text'], [7]])('is refused when it is %j', (json) => {
    expect(checkDefinition(json)).toMatchObject({ definition: null, problems: [{ field: '' }] });
  });

  it('never quotes a value of the file in a problem', () => {
    const canary = 'canary-sekret-7f3a';
    const places = { id: canary, docsUrl: canary, 'api.baseUrl': canary, 'auth.2.inject.0.value': `${canary}\n` };
    for (const [path, value] of Object.entries(places)) {
      expect(JSON.stringify(checkDefinition(acmeWith({ [path]: value })).problems)).not.toContain('sekret');
    }
  });
});
