import { describe, expect, it } from 'vitest';
import { builtinIds, readBuiltin } from '../../../src/connectors/builtin.ts';
import { checkDefinition } from '../../../src/connectors/definition/checks.ts';

type Json = Record<string, unknown>;

/** A built-in definition with the value at each dotted path replaced; undefined takes the field away. */
function changed(id: string, changes: Json): unknown {
  const definition: unknown = structuredClone(readBuiltin(id));
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split('.');
    const last = keys.pop() ?? '';
    const parent = keys.reduce<unknown>((at, key) => Reflect.get(Object(at), key), definition);
    if (value === undefined) Reflect.deleteProperty(Object(parent), last);
    else Reflect.set(Object(parent), last, value);
  }
  return definition;
}

const driveAt = readBuiltin('google-drive')?.auth.findIndex((one) => one.authenticationType === 'oauth2_jwt_bearer');
const assertion = `auth.${driveAt}.assertion`;

describe('a definition whose connections name their server', () => {
  it.each([
    [
      'a whole URL among other text',
      'generic-http',
      { 'api.baseUrl': '{+baseUrl}/v1' },
      'api.baseUrl',
      /brace|https URL/,
    ],
    [
      'a whole URL that is no input',
      'generic-http',
      { 'api.baseUrl': '{+other}', 'api.allowedHosts': ['{+other}'] },
      'api.baseUrl',
      /\{other\}, which is not known/,
    ],
    [
      'a base URL whose host is not allowed',
      'generic-http',
      { 'api.allowedHosts': ['api.example.com'] },
      'api.baseUrl',
      /not among allowedHosts/,
    ],
    [
      'tokens of a fixed server for a host that the connection names',
      'generic-oauth2',
      { 'auth.0.tokenEndpoint': 'https://auth.example.com/token' },
      'api.allowedHosts.0',
      /fixed domain/,
    ],
    [
      'a token endpoint that is an optional input',
      'generic-oauth2',
      { 'inputs.required': ['baseUrl'] },
      'auth.0.tokenEndpoint',
      /must be required/,
    ],
    [
      'an issuer that nobody names',
      'mcp-server',
      { 'auth.0.issuer': '{+issuer}' },
      'auth.0.issuer',
      /\{issuer\}, which is not known/,
    ],
    [
      'scopes that nobody names',
      'generic-openid',
      { 'auth.0.scopesInput': 'scope' },
      'auth.0.scopesInput',
      /\{scope\}, which is not known/,
    ],
    [
      'a header name that nobody names',
      'generic-api-key',
      { 'auth.0.inject.0.name': '{header}' },
      'auth.0.inject.0.name',
      /\{header\}, which is not known/,
    ],
    [
      'a header name with a variable in it',
      'generic-api-key',
      { 'auth.0.inject.0.name': 'x-{headerName}' },
      'auth.0.inject.0.name',
      /header name/,
    ],
  ] as const)('is refused with %s', (_, id, changes, field, rule) => {
    const { problems } = checkDefinition(changed(id, changes));
    expect(
      problems
        .filter((one) => one.field === field)
        .map((one) => one.rule)
        .join('\n'),
    ).toMatch(rule);
  });
});

describe('a definition of a service account', () => {
  it.each([
    [
      'a key that is not secret',
      { [`auth.${driveAt}.inputs.properties.serviceAccountKey.writeOnly`]: undefined },
      `${assertion}.privateKey`,
      /secret input/,
    ],
    [
      'a part of an input that is no JSON',
      { [`${assertion}.issuer`]: 'subject.name' },
      `${assertion}.issuer`,
      /no JSON/,
    ],
    ['a part of no input', { [`${assertion}.keyId`]: 'other' }, `${assertion}.keyId`, /names no input/],
    ['an issuer that may be missing', { [`${assertion}.issuer`]: 'subject' }, `${assertion}.issuer`, /required/],
    [
      'no token endpoint',
      { [`auth.${driveAt}.tokenEndpoint`]: undefined },
      `auth.${driveAt}.tokenEndpoint`,
      /is missing/,
    ],
    [
      'an example that is no JSON',
      { [`auth.${driveAt}.inputs.properties.serviceAccountKey.examples`]: ['x'] },
      `auth.${driveAt}.inputs.properties.serviceAccountKey.examples`,
      /breaks its own/,
    ],
  ])('is refused with %s', (_, changes, field, rule) => {
    const { problems } = checkDefinition(changed('google-drive', changes));
    expect(
      problems
        .filter((one) => one.field === field)
        .map((one) => one.rule)
        .join('\n'),
    ).toMatch(rule);
  });
});

describe('a definition that puts the client’s id into calls', () => {
  it('can do so with OAuth, and with no other authentication type', () => {
    expect(checkDefinition(changed('twitch', {})).problems).toEqual([]);
    const bearer = [{ authenticationType: 'bearer' }];
    expect(checkDefinition(changed('twitch', { auth: bearer })).problems).toEqual([
      { field: 'api.headers.client-id', rule: 'uses {clientId}, which is not known there; nothing is' },
    ]);
  });
});

describe('a definition whose requests are signed', () => {
  const inputs = 'auth.0.inputs';
  it.each([
    ['a scope that nobody names', { 'auth.0.signature.region': '{zone}' }, 'auth.0.signature.region', /not known/],
    [
      'a secret in the scope',
      { 'auth.0.signature.service': '{secretAccessKey}' },
      'auth.0.signature.service',
      /secret/,
    ],
    ['no signature', { 'auth.0.signature': undefined }, 'auth.0.signature', /is missing/],
    [
      'no access key',
      { [`${inputs}.properties.accessKeyId`]: undefined, [`${inputs}.required`]: ['secretAccessKey'] },
      `${inputs}.properties.accessKeyId`,
      /is missing/,
    ],
    [
      'a key that may be left out',
      { [`${inputs}.required`]: ['accessKeyId'] },
      `${inputs}.required`,
      /secretAccessKey/,
    ],
    [
      'a key that is not secret',
      { [`${inputs}.properties.secretAccessKey.writeOnly`]: undefined },
      `${inputs}.properties.secretAccessKey.writeOnly`,
      /it is a secret/,
    ],
    [
      'a session token that is not secret',
      { [`${inputs}.properties.sessionToken.writeOnly`]: undefined },
      `${inputs}.properties.sessionToken.writeOnly`,
      /it is a secret/,
    ],
    [
      'a secret that is not signed with',
      { [`${inputs}.properties.other`]: { type: 'string', writeOnly: true } },
      `${inputs}.properties.other`,
      /no request is signed with/,
    ],
    ['rules for the secret', { 'auth.0.inject': [] }, 'auth.0.inject', /not a field/],
  ] as const)('is refused with %s', (_, changes, field, rule) => {
    const { problems } = checkDefinition(changed('aws', changes));
    const rules = problems.filter((one) => one.field === field).map((one) => one.rule);
    expect(rules.join('\n')).toMatch(rule);
  });
});

describe('the built-in connectors', () => {
  it('send every service account’s assertion to a written-out address, whatever a key file says', () => {
    const endpoints = [...builtinIds()].flatMap((id) =>
      (readBuiltin(id)?.auth ?? []).flatMap((one) =>
        one.authenticationType === 'oauth2_jwt_bearer' ? [one.tokenEndpoint] : [],
      ),
    );
    expect(endpoints.length).toBeGreaterThan(3);
    expect(endpoints.filter((endpoint) => !/^https:\/\/[a-z0-9.-]+\//.test(endpoint ?? ''))).toEqual([]);
  });
});
