/**
 * What has to be given to connect, as JSON Schema 2020-12: for a model, for a program, and for the form of a page. The
 * same connector definition answers all three, and `readInputs` checks what comes back.
 */

import { isOAuth, serverInputName } from '../../connectors/auth-kinds.ts';
import type { AuthMethod, Connector, InputProperty } from '../../connectors/definition/definition.ts';
import { takesScopes } from './asked-scopes.ts';
import { fieldsOf, offersDevice } from './fields.ts';

export { type GivenInputs, readInputs } from './read-fields.ts';

/** One field of a form. Secrets are `writeOnly`. */
type JsonSchemaProperty = InputProperty & { readonly const?: string; readonly format?: 'uri' };

export type JsonSchemaObject = {
  readonly type: 'object';
  readonly properties: Readonly<Record<string, JsonSchemaProperty>>;
  readonly required: readonly string[];
};

/** One entry of `get_credential_metadata`. `sampleInput` validates against `inputSchema`. */
export type CredentialForm = {
  readonly authenticationType: AuthMethod['authenticationType'];
  /** Connecting needs an OAuth client and none is known yet. */
  readonly authConfigRequired: boolean;
  readonly inputSchema: JsonSchemaObject;
  readonly sampleInput: Readonly<Record<string, string>>;
  /** For a model: the page where the person makes or finds what the form asks for, if one is known. */
  readonly keyUrl?: string;
};

export type FormOptions = {
  /** A model leaves secrets out, since the person types them on a page; a program sends them all. */
  readonly audience: 'model' | 'program';
  readonly authConfigRequired: boolean;
  /** Whose connection it would be, as whoever asks names them. */
  readonly userId: string;
  /** Whoever asks connects other people: none of them could enter an OAuth client on the page. */
  readonly actsForOthers: boolean;
  /** `page`: secrets are not accepted from a model, so they are not offered to it. */
  readonly secretInput: 'any' | 'page';
};

type Field = { readonly property: JsonSchemaProperty; readonly required: boolean; readonly sample: string };

/** What `create_credential` takes for one authentication type, besides `connectorId`. */
export function credentialForm(connector: Connector, auth: AuthMethod, options: FormOptions): CredentialForm {
  const program = options.audience === 'program';
  const oauth = isOAuth(auth);
  const fields: Record<string, Field> = {
    userId: { property: text('User ID of the credential'), required: program, sample: options.userId },
    authenticationType: {
      property: { ...text(typeText(auth, program)), const: auth.authenticationType },
      required: true,
      sample: auth.authenticationType,
    },
  };
  if (auth.authenticationType === 'oauth2') {
    const property = { ...text('Redirect URI for OAuth authentication'), format: 'uri' } as const;
    fields.redirectUri = { property, required: program, sample: 'https://example.com' };
  }
  if (oauth && (!program || options.authConfigRequired)) {
    const required = options.authConfigRequired && needsAuthConfigId(auth, options);
    fields.authConfigId = {
      property: text(
        required ? 'ID of the auth config to use' : 'ID of the auth config to use; left out, Keyward picks it',
      ),
      required,
      sample: '550e8400-e29b-41d4-a716-446655440000',
    };
  }
  if (!program)
    fields.name = { property: text('Label of the credential, such as “Work GitHub”'), required: false, sample: '' };
  if (!program && takesScopes(connector, auth)) fields.scopes = { property: scopes, required: false, sample: '' };
  if (offersDevice(auth)) fields.flow = { property: flow, required: false, sample: '' };
  for (const [name, { property, required }] of fieldsOf(connector, auth)) {
    const secret = property.writeOnly === true;
    if (secret && !program && options.secretInput === 'page') continue;
    fields[name] = {
      property: secret ? { ...property, ...secretHint(property, auth, program) } : property,
      required: required && (program || !secret),
      sample: property.examples?.[0] ?? property.default ?? property.enum?.[0] ?? `example-${name}`,
    };
  }
  return {
    authenticationType: auth.authenticationType,
    authConfigRequired: oauth && options.authConfigRequired,
    inputSchema: schemaOf(fields),
    sampleInput: Object.fromEntries(
      Object.entries(fields).flatMap(([name, { required, sample }]) => (required ? [[name, sample]] : [])),
    ),
    ...(!program && auth.keyUrl !== null && { keyUrl: auth.keyUrl }),
  };
}

/**
 * True where an OAuth client has to be stored before anybody is connected, since no page will ask for it: a program's own
 * client credentials, and whatever a backend connects for its users. At a server that the connection names, Keyward may
 * be able to register itself.
 */
export function needsAuthConfigId(
  auth: AuthMethod,
  { audience, actsForOthers }: Pick<FormOptions, 'audience' | 'actsForOthers'>,
): boolean {
  const own = audience === 'program' && auth.authenticationType === 'oauth2_client_credentials';
  return isOAuth(auth) && (own || (actsForOthers && serverInputName(auth) === null));
}

/** The form that a person fills in on a page: connection inputs and secrets. */
export function pageForm(connector: Connector, auth: AuthMethod): JsonSchemaObject {
  const fields = Array.from(fieldsOf(connector, auth), ([name, field]) => [name, { ...field, sample: '' }] as const);
  return schemaOf(Object.fromEntries(fields));
}

const flow: JsonSchemaProperty = {
  type: 'string',
  enum: ['code', 'device'],
  default: 'code',
  description: '“device” when no browser can reach this computer: the person enters a short code elsewhere',
};

const scopes: JsonSchemaProperty = {
  type: 'string',
  description: 'Scopes to ask for, separated by spaces, where the person wants fewer than usual, or others',
};

/** A model is told what the service calls it; programs get the one documented text. */
function typeText(auth: AuthMethod, program: boolean): string {
  const kind = 'Type of authentication method of the connector';
  if (program) return kind;
  const found = auth.authenticationType === 'oauth2' && auth.protectedResource !== null;
  return auth.title ?? (found ? signIn : kind);
}

/** OAuth at a server that says itself who signs people in: nothing has to be known of it. */
const signIn =
  'Sign-in in the browser. The server names who signs people in, and Keyward registers itself there; where that is not taken, the page asks for an OAuth client.';

function text(description: string): JsonSchemaProperty {
  return { type: 'string', description };
}

/**
 * What a secret's description says besides. A model is told to leave it out. A program is told the page: its answer has
 * the documented fields and no other.
 */
function secretHint(
  { description, title }: InputProperty,
  { keyUrl }: AuthMethod,
  program: boolean,
): { readonly description?: string } {
  if (!program) return { description: sentences(description ?? title, leaveOut) };
  return keyUrl === null ? {} : { description: sentences(description, `See ${keyUrl}`) };
}

const leaveOut = 'Leave this out: the person types it on Keyward’s page. Never ask for it in chat.';

function sentences(first: string | undefined, second: string): string {
  return first === undefined ? second : `${first.replace(/[.\s]*$/, '.')} ${second}`;
}

function schemaOf(fields: Readonly<Record<string, Field>>): JsonSchemaObject {
  const entries = Object.entries(fields);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, { property }]) => [name, property])),
    required: entries.flatMap(([name, { required }]) => (required ? [name] : [])),
  };
}
