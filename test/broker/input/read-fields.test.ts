import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { readInputs } from '../../../src/broker/input/forms.ts';
import { checkDefinition } from '../../../src/connectors/definition/checks.ts';
import { complete } from '../../../src/connectors/definition/complete.ts';
import type { AuthMethod } from '../../../src/connectors/definition/definition.ts';

const fixture = JSON.parse(await readFile(new URL('../../fixtures/acme.json', import.meta.url), 'utf8'));
const { definition } = checkDefinition(fixture);
if (!definition) throw new Error('acme.json is not valid');
const acme = complete(definition);

/** Reads fields for one authentication type of Acme. */
function read(type: AuthMethod['authenticationType'], given: Record<string, unknown>) {
  const auth = acme.auth.find((one) => one.authenticationType === type);
  if (!auth) throw new Error(`no ${type}`);
  return readInputs(acme, auth, given);
}

describe('given inputs', () => {
  it('are split into secrets and the rest, with defaults filled in', () => {
    expect(read('api_key', { apiKey: 'acme_0123456789abcdef' })).toEqual({
      inputs: { region: 'eu' },
      secretInputs: { apiKey: 'acme_0123456789abcdef' },
      missingSecrets: [],
      flow: 'code',
      problems: {},
    });
    expect(read('basic', { region: 'us', username: 'ann', password: ' p ' })).toMatchObject({
      inputs: { region: 'us', username: 'ann' },
      secretInputs: { password: 'p' },
    });
  });

  it('138. are matched in time that grows with their length alone, whatever pattern a connector file has', () => {
    const form = (pattern: string) => {
      const changed = structuredClone(fixture);
      Object.assign(changed.inputs.properties, { code: { type: 'string', pattern, examples: ['aaa'] } });
      return complete(checkDefinition(changed).definition ?? definition);
    };
    for (const pattern of ['^(a+)+$', '^(a|a)*$', '^(a|aa)+$', '^a*a*a*a*a*a*$', '^([a-z]+)*$']) {
      const connector = form(pattern);
      const auth = connector.auth.find(({ authenticationType }) => authenticationType === 'basic');
      if (!auth) throw new Error('no basic');
      const read = (code: string) => readInputs(connector, auth, { username: 'ann', password: 'p', code });
      expect(read('aaaa')).toMatchObject({ inputs: { code: 'aaaa' }, problems: {} });
      const begun = process.cpuUsage();
      expect(read(`${'a'.repeat(8_000)}!`).problems).toEqual({
        code: 'does not have the expected form, such as aaa',
      });
      const { user, system } = process.cpuUsage(begun);
      expect((user + system) / 1_000).toBeLessThan(1_000);
    }
  });

  it('may leave secrets out, and name which are missing', () => {
    expect(read('basic', { username: 'ann' })).toMatchObject({ missingSecrets: ['password'], problems: {} });
    expect(read('api_key', { apiKey: '' })).toMatchObject({ missingSecrets: ['apiKey'], problems: {} });
    expect(read('api_key', { apiKey: null })).toMatchObject({ missingSecrets: ['apiKey'], problems: {} });
    expect(read('oauth2', {})).toMatchObject({ missingSecrets: [], problems: {} });
  });

  it('67. lose the white space that copying adds', () => {
    for (const space of [' ', '\t', '\n', '\r\n', '\u00a0', '\ufeff']) {
      const given = { username: `${space}ann`, password: `${space}correct horse${space}` };
      expect(read('basic', given)).toMatchObject({ secretInputs: { password: 'correct horse' }, problems: {} });
    }
    expect(read('api_key', { apiKey: '  acme_0123456789abcdef ', region: ' us ' })).toMatchObject({
      inputs: { region: 'us' },
      secretInputs: { apiKey: 'acme_0123456789abcdef' },
    });
  });

  it.each<
    [what: string, type: AuthMethod['authenticationType'], given: Record<string, unknown>, field: string, rule: RegExp]
  >([
    ['a missing field', 'basic', { password: 'p' }, 'username', /^is missing$/],
    ['a misspelt field', 'api_key', { apikey: 'x' }, 'apikey', /did you mean apiKey\?/],
    ['an unknown field', 'api_key', { colour: 'x' }, 'colour', /the fields are region, apiKey/],
    ['a number', 'basic', { username: 7 }, 'username', /must be a string/],
    ['an object', 'basic', { username: { $gt: '' } }, 'username', /must be a string/],
    ['a value outside its enum', 'oauth2', { region: 'mars' }, 'region', /one of eu, us/],
    [
      'a value of the wrong form',
      'api_key',
      { apiKey: 'sekret-canary' },
      'apiKey',
      /expected form, such as acme_0123456789abcdef/,
    ],
    ['49. a line break', 'basic', { username: 'a\r\nx-evil: 1' }, 'username', /one line/],
    ['49. a line break in a secret', 'basic', { password: 'a\nb' }, 'password', /one line/],
    ['half a character', 'basic', { username: 'a\ud800' }, 'username', /one line/],
    ['a giant', 'basic', { username: 'a'.repeat(8_193) }, 'username', /at most 8192/],
    ['66. a giant secret', 'basic', { password: 'é'.repeat(4_097) }, 'password', /^must have at most 8192 bytes$/],
    ['another flow', 'oauth2', { flow: 'implicit' }, 'flow', /code, device/],
    ['a flow where there is none', 'api_key', { flow: 'device' }, 'flow', /unknown here/],
    [
      '48. a field named __proto__',
      'basic',
      JSON.parse('{ "__proto__": { "username": "x" } }'),
      '__proto__',
      /unknown here/,
    ],
    ['48. a field named constructor', 'basic', { constructor: 'x' }, 'constructor', /unknown here/],
  ])('are refused with %s, by field, and never quoted', (_, type, given, field, rule) => {
    const { problems } = read(type, given);
    expect(Object.hasOwn(problems, field)).toBe(true);
    expect(Object.getOwnPropertyDescriptor(problems, field)?.value).toMatch(rule);
    expect(JSON.stringify(problems)).not.toContain('canary');
  });

  it.each([
    ['bearer', '12345', /^has fewer than 6 characters: Keyward could not keep it out/],
    ['api_key', 'é€', /^has fewer than 6 characters/],
    ['bearer', '123456', undefined],
    ['bearer', '', undefined],
    // Passwords are as short as the service lets people choose them.
    ['basic', '1234', undefined],
  ] as const)(
    'of the type %s, with the secret %j: too short to be kept out of answers is refused',
    (type, pin, rule) => {
      const [auth] = acme.auth;
      const inputs = { type: 'object', properties: { pin: { type: 'string', writeOnly: true } } } as const;
      const method = { ...auth, authenticationType: type, inputs } as AuthMethod;
      const { problems } = readInputs({ ...acme, inputs: { type: 'object', properties: {} } }, method, { pin });
      if (rule === undefined) expect(problems).toEqual({});
      else expect(problems.pin).toMatch(rule);
    },
  );

  it('report every problem at once', () => {
    expect(Object.keys(read('basic', { region: 'mars', nope: 1 }).problems).sort()).toEqual([
      'nope',
      'region',
      'username',
    ]);
  });

  it('choose the device flow where the service has it', () => {
    expect(read('oauth2', { flow: 'device' })).toMatchObject({ flow: 'device', problems: {} });
    expect(read('oauth2', { flow: 'code' })).toMatchObject({ flow: 'code', inputs: { region: 'eu' } });
  });
});
