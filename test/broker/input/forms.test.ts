import { readFile } from 'node:fs/promises';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { credentialForm, type FormOptions, pageForm, readInputs } from '../../../src/broker/input/forms.ts';
import { isOAuth } from '../../../src/connectors/auth-kinds.ts';
import { loadCatalogue } from '../../../src/connectors/catalogue.ts';
import { checkDefinition } from '../../../src/connectors/definition/checks.ts';
import { complete } from '../../../src/connectors/definition/complete.ts';
import type { AuthMethod, Connector } from '../../../src/connectors/definition/definition.ts';

const acmeFile = checkDefinition(
  JSON.parse(await readFile(new URL('../../fixtures/acme.json', import.meta.url), 'utf8')),
).definition;
if (!acmeFile) throw new Error('acme.json is not valid');
const connectors = [...(await loadCatalogue(null)).list(), complete(acmeFile)];

/** One authentication type of a connector. */
function methodOf(id: string, type: AuthMethod['authenticationType']): [Connector, AuthMethod] {
  const connector = connectors.find((one) => one.id === id);
  const auth = connector?.auth.find((one) => one.authenticationType === type);
  if (!connector || !auth) throw new Error(`no ${id} ${type}`);
  return [connector, auth];
}

const asked = { userId: 'ann', actsForOthers: false };
const everyOption = (['model', 'program'] as const).flatMap((audience) =>
  [true, false].flatMap((authConfigRequired) =>
    (['any', 'page'] as const).flatMap((secretInput) =>
      [true, false].map(
        (actsForOthers): FormOptions => ({ ...asked, actsForOthers, audience, authConfigRequired, secretInput }),
      ),
    ),
  ),
);
const everyMethod = connectors.flatMap((connector) =>
  connector.auth.map((auth) => [`${connector.id} ${auth.authenticationType}`, connector, auth] as const),
);

/** What every type has besides its own fields; `readInputs` does not see them. */
const common = ['userId', 'authenticationType', 'redirectUri', 'authConfigId', 'name'];

const ajv = new Ajv2020({ strict: true });
addFormats.default(ajv);
const compiled = new Map<string, ValidateFunction>();

/** Compiles a schema. Most forms are the same for several audiences, and each is compiled once. */
function compile(schema: object): ValidateFunction {
  const text = JSON.stringify(schema);
  const validate = compiled.get(text) ?? ajv.compile(schema);
  compiled.set(text, validate);
  return validate;
}

describe.each(everyMethod)('the form of %s', (_, connector, auth) => {
  it('compiles in a 2020-12 validator, and its sample validates, for every audience', () => {
    for (const options of everyOption) {
      const { inputSchema, sampleInput } = credentialForm(connector, auth, options);
      const validate = compile(inputSchema);
      expect(validate(sampleInput), JSON.stringify(validate.errors)).toBe(true);
    }
    expect(compile(pageForm(connector, auth))({})).toBe(pageForm(connector, auth).required.length === 0);
  });

  it('accepts its own sample', () => {
    for (const options of everyOption) {
      const sample = { ...credentialForm(connector, auth, options).sampleInput };
      for (const name of common) Reflect.deleteProperty(sample, name);
      const { problems, missingSecrets } = readInputs(connector, auth, sample);
      expect(problems).toEqual({});
      if (options.audience === 'program') expect(missingSecrets).toEqual([]);
    }
  });

  it('never requires a secret of a model, says that a person types it, and offers none when only pages take secrets', () => {
    const { inputSchema } = credentialForm(connector, auth, {
      ...asked,
      audience: 'model',
      authConfigRequired: true,
      secretInput: 'any',
    });
    const secrets = Object.entries(inputSchema.properties).filter(([, property]) => property.writeOnly);
    for (const [name, property] of secrets) {
      expect(inputSchema.required).not.toContain(name);
      expect(property.description).toMatch(/Leave this out: the person types it on Keyward’s page/);
    }
    // What goes through a registered client has its secret there.
    expect(secrets.length > 0).toBe(!isOAuth(auth));
    const strict = credentialForm(connector, auth, {
      ...asked,
      audience: 'model',
      authConfigRequired: true,
      secretInput: 'page',
    });
    expect(Object.values(strict.inputSchema.properties).some((property) => property.writeOnly)).toBe(false);
  });

  it('asks a person for exactly the connection’s inputs and the secrets', () => {
    const { properties } = pageForm(connector, auth);
    expect(Object.keys(properties)).toEqual([
      ...Object.keys(connector.inputs.properties),
      ...Object.keys(auth.inputs.properties),
    ]);
  });
});

describe('the form for programs', () => {
  it('has the documented shape for Slack with a default auth config', () => {
    const form = credentialForm(...methodOf('slack', 'oauth2'), {
      ...asked,
      audience: 'program',
      authConfigRequired: false,
      secretInput: 'any',
    });
    expect(form).toEqual({
      authenticationType: 'oauth2',
      authConfigRequired: false,
      inputSchema: {
        type: 'object',
        properties: {
          userId: { type: 'string', description: 'User ID of the credential' },
          authenticationType: {
            type: 'string',
            description: 'Type of authentication method of the connector',
            const: 'oauth2',
          },
          redirectUri: { type: 'string', format: 'uri', description: 'Redirect URI for OAuth authentication' },
        },
        required: ['userId', 'authenticationType', 'redirectUri'],
      },
      sampleInput: { userId: expect.any(String), authenticationType: 'oauth2', redirectUri: 'https://example.com' },
    });
  });

  it('says in the words of a secret where it is made, and has no field of its own for that', () => {
    const options = { ...asked, audience: 'program', authConfigRequired: false, secretInput: 'page' } as const;
    const form = credentialForm(...methodOf('github', 'bearer'), options);
    expect(Object.keys(form)).toEqual(['authenticationType', 'authConfigRequired', 'inputSchema', 'sampleInput']);
    expect(form.inputSchema.properties.token?.description).toMatch(/ See https:\/\/github\.com\/settings\/tokens$/);
  });

  it('requires secrets and connection inputs, and offers an auth config when none is known', () => {
    const options = {
      ...asked,
      ...asked,
      audience: 'program',
      authConfigRequired: true,

      secretInput: 'page',
    } as const;
    const jira = credentialForm(...methodOf('jira', 'basic'), options);
    expect(jira.authConfigRequired).toBe(false);
    expect(jira.inputSchema.required).toEqual(['userId', 'authenticationType', 'site', 'email', 'apiToken']);
    expect(jira.inputSchema.properties).not.toHaveProperty('redirectUri');
    const shopify = credentialForm(...methodOf('shopify', 'oauth2'), options);
    expect(shopify.authConfigRequired).toBe(true);
    expect(shopify.inputSchema.properties).toHaveProperty('authConfigId');
    expect(shopify.inputSchema.required).toEqual(['userId', 'authenticationType', 'redirectUri', 'shop']);
    expect(shopify.sampleInput.shop).toBe('my-shop');
  });
});

describe('the form for models', () => {
  it('asks for nothing that Keyward knows by itself', () => {
    const options = { ...asked, audience: 'model', authConfigRequired: false, secretInput: 'any' } as const;
    expect(credentialForm(...methodOf('slack', 'oauth2'), options).sampleInput).toEqual({
      authenticationType: 'oauth2',
    });
    const token = credentialForm(...methodOf('github', 'bearer'), options);
    expect(token.inputSchema.properties.authenticationType?.description).toBe('Personal access token');
    const { inputSchema } = credentialForm(...methodOf('github', 'oauth2'), options);
    expect(inputSchema.required).toEqual(['authenticationType']);
    expect(Object.keys(inputSchema.properties)).toEqual([
      'userId',
      'authenticationType',
      'redirectUri',
      'authConfigId',
      'name',
      'scopes',
      'flow',
    ]);
    expect(credentialForm(...methodOf('custom.acme', 'oauth2'), options).inputSchema.properties.region).toMatchObject({
      default: 'eu',
    });
  });

  it('names the page for keys beside the form, also where only pages take secrets', () => {
    const options = { ...asked, audience: 'model', authConfigRequired: false, secretInput: 'page' } as const;
    expect(credentialForm(...methodOf('github', 'bearer'), options).keyUrl).toBe('https://github.com/settings/tokens');
    // OAuth needs no key, and nobody knows where the one of a service of the person's own is made.
    for (const known of [methodOf('github', 'oauth2'), methodOf('generic-api-key', 'api_key')])
      expect(credentialForm(...known, options)).not.toHaveProperty('keyUrl');
  });
});
