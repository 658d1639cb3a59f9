/** Reads what was given to connect: each field checked against its definition, secrets apart from the rest. */
import leven from 'leven';
import { accepts, jsonObject } from '../../connectors/accepts.ts';
import type { AuthMethod, Connector, InputProperty } from '../../connectors/definition/definition.ts';
import { maxSecretBytes, minSecretBytes } from '../../net/scrub/secret-forms.ts';
import { fieldsOf, offersDevice } from './fields.ts';

/** Longest input, in characters. */
const maxLength = 8_192;

/** What was given, checked and sorted. Nothing of it may be used while there are problems. */
export type GivenInputs = {
  /** Inputs that are no secret, defaults included. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly secretInputs: Readonly<Record<string, string>>;
  /** Required secrets that were not given: a person types them on a page, or a program is told. */
  readonly missingSecrets: readonly string[];
  readonly flow: 'code' | 'device';
  /** Field → what is wrong with it, worded to follow the field's name. Never quotes a value. */
  readonly problems: Readonly<Record<string, string>>;
};

/** Checks the fields that somebody gave for an authentication type, besides those that every type has. */
export function readInputs(
  connector: Connector,
  auth: AuthMethod,
  given: Readonly<Record<string, unknown>>,
): GivenInputs {
  const fields = fieldsOf(connector, auth);
  const inputs: Record<string, string> = {};
  const secretInputs: Record<string, string> = {};
  const missingSecrets: string[] = [];
  const problems = new Map<string, string>();
  const device = offersDevice(auth);

  for (const name of Object.keys(given)) {
    if (!fields.has(name) && !(name === 'flow' && device)) problems.set(name, unknownField(name, [...fields.keys()]));
  }
  for (const [name, { property, required }] of fields) {
    const value = given[name];
    const read = value === undefined || value === null ? '' : readValue(property, value);
    if (typeof read !== 'string') problems.set(name, read.problem);
    else if (property.writeOnly && isTooShort(auth, read)) problems.set(name, tooShort);
    else if (read !== '') (property.writeOnly ? secretInputs : inputs)[name] = read;
    else if (property.default !== undefined) inputs[name] = property.default;
    else if (required && property.writeOnly) missingSecrets.push(name);
    else if (required) problems.set(name, 'is missing');
  }
  const flow = device ? (given.flow ?? 'code') : 'code';
  if (flow !== 'code' && flow !== 'device') problems.set('flow', 'must be one of code, device');
  return {
    inputs,
    secretInputs,
    missingSecrets,
    flow: flow === 'device' ? flow : 'code',
    problems: Object.fromEntries(problems),
  };
}

const tooShort = `has fewer than ${minSecretBytes} characters: Keyward could not keep it out of what the service answers`;

/** True for a key that scrubbing passes over. Passwords are as short as the service lets people choose them. */
function isTooShort({ authenticationType }: AuthMethod, secret: string): boolean {
  return secret !== '' && authenticationType !== 'basic' && Buffer.byteLength(secret) < minSecretBytes;
}

/** The value to keep, empty when it counts as not given, or what is wrong with it. */
function readValue(property: InputProperty, value: unknown): string | { readonly problem: string } {
  if (typeof value !== 'string') return { problem: 'must be a string' };
  // White space comes along when people copy.
  const text = property.contentMediaType ? compact(value) : value.trim();
  if (text.length > maxLength) return { problem: `must have at most ${maxLength} characters` };
  if (property.writeOnly && Buffer.byteLength(text) > maxSecretBytes)
    return { problem: `must have at most ${maxSecretBytes} bytes` };
  if (/\p{Cc}|\p{Surrogate}/u.test(text)) return { problem: 'must be one line of text' };
  if (text === '' || accepts(property, text)) return text;
  if (property.contentMediaType) return { problem: 'must be a JSON object: the whole content of the file' };
  if (property.enum) return { problem: `must be one of ${property.enum.join(', ')}` };
  return { problem: wrongForm(property) };
}

/** A JSON text on one line, however the file was laid out; what is no JSON stays as it is. */
function compact(text: string): string {
  const object = jsonObject(text);
  return object === null ? text.trim() : JSON.stringify(object);
}

function wrongForm({ description, examples }: InputProperty): string {
  const example = examples?.[0] === undefined ? '' : `, such as ${examples[0]}`;
  return `does not have the expected form${example}${description === undefined ? '' : `. ${description.replace(/\.$/, '')}`}`;
}

/** What every type takes besides its own fields. */
const common = ['name', 'redirectUri', 'authConfigId', 'credentialId', 'userId'];

function unknownField(name: string, known: readonly string[]): string {
  const distance = (other: string) => leven(name.slice(0, 64).toLowerCase(), other.toLowerCase());
  const near = [...known, ...common].filter((other) => distance(other) <= 3);
  const [nearest] = near.sort((a, b) => distance(a) - distance(b));
  if (nearest !== undefined) return `is unknown here; did you mean ${nearest}?`;
  return known.length === 0
    ? 'is unknown here; no further fields are needed'
    : `is unknown here; the fields are ${known.join(', ')}`;
}
