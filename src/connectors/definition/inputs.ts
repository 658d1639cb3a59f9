/**
 * What a person or program gives to connect: a small part of JSON Schema 2020-12, so that forms, tools and editors
 * read the same thing. Every value is a string.
 */
import { RE2JS } from 're2js';
import * as z from 'zod';
import { matchWith } from '../accepts.ts';

/** Names that `create_credential` uses itself; inputs stand beside them, flat. */
const reservedNames: ReadonlySet<string> = new Set([
  'connectorId',
  'authenticationType',
  'userId',
  'authConfigId',
  'redirectUri',
  'name',
  'credentialId',
  'flow',
  // Variables that a template knows besides inputs.
  'accessToken',
  'clientId',
]);

const inputName = z
  .string()
  .regex(/^[a-z][A-Za-z0-9_]*$/, { error: 'must be letters, digits and _, beginning with a small letter' })
  .refine((name) => !reservedNames.has(name), { error: 'is a name that Keyward uses itself' })
  .refine((name) => !(name in {}), { error: 'is a name that every JavaScript object has' });

const pattern = z
  .string()
  .max(1_000, { error: 'has more than 1,000 characters' })
  .refine(compiles, { error: 'must be a regular expression (ECMAScript, Unicode mode)' })
  .refine(isLinear, { error: 'must do without look-around, back references and repetitions of more than 1,000' })
  .refine((text) => text.startsWith('^') && text.endsWith('$'), { error: 'must begin with ^ and end with $' });

const property = z.strictObject({
  type: z.literal('string').describe('Every value is a string.'),
  title: z.string().min(1).exactOptional().describe('Label of the field in a form.'),
  description: z.string().min(1).exactOptional().describe('Help: what it is and where to find it.'),
  enum: z.array(z.string()).min(1).exactOptional().describe('The values to choose from.'),
  default: z.string().exactOptional().describe('Taken when nothing is given.'),
  pattern: pattern.exactOptional().describe('Whole-value pattern; it begins with ^ and ends with $.'),
  examples: z.array(z.string()).min(1).exactOptional().describe('The first one is used in sample inputs.'),
  contentMediaType: z
    .literal('application/json')
    .exactOptional()
    .describe('The value is a JSON object, such as a key file.'),
  writeOnly: z.literal(true).exactOptional().describe('A secret: sealed, never listed, typed on a page of Keyward.'),
});

/** Inputs as a JSON Schema object; unknown fields are always refused. */
export const inputsSchema = z.strictObject({
  type: z.literal('object').describe('The inputs are a JSON Schema object.'),
  properties: z
    .record(inputName, property)
    .describe('The inputs by name: letters, digits and _, beginning with a small letter.'),
  required: z.array(z.string()).exactOptional().describe('Names of the inputs that must be given.'),
});

/**
 * Whether RE2 takes the pattern, which matches it from then on: its time grows with the value alone, where the engine of
 * JavaScript may take for ever on a value that was made for the pattern.
 */
function isLinear(text: string): boolean {
  try {
    const linear = RE2JS.compile(RE2JS.translateRegExp(text));
    matchWith(text, linear);
    return true;
  } catch {
    return false;
  }
}

function compiles(text: string): boolean {
  try {
    new RegExp(text, 'u');
    return true;
  } catch {
    return false;
  }
}
