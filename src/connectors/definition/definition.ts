/**
 * The definition of a connector: one JSON file. Names follow RFC 8414 and OpenID discovery where they have one. Every
 * field and its meaning is in these schemas; `defaults.ts` says what a field is when left out, `checks.ts` which fields
 * must fit together. The published JSON Schema is generated from this.
 */
import * as z from 'zod';
import { oneLine } from '../../text.ts';
import { familyNames } from '../families.ts';
import { apiFields, inject, keyFields, signature, type } from './call-fields.ts';
import { pageUrl, plainSentence } from './fields.ts';
import { inputsSchema } from './inputs.ts';
import { clientCredentials, jwtBearer, oauth2 } from './oauth-fields.ts';

export type * from '../connector.ts';

/** What it looks like is what it is: a name must not be taken for another one, nor hide words that only a model reads. */
function visible(text: z.ZodString) {
  const error = 'must be one line of visible text';
  return text.refine((name) => oneLine(name, name.length) === name, { error });
}

const apiKey = z.strictObject({ authenticationType: type('api_key'), ...keyFields, inject });
const bearer = z.strictObject({
  authenticationType: type('bearer'),
  ...keyFields,
  inject: inject.exactOptional(),
});
const basic = z.strictObject({
  authenticationType: type('basic'),
  ...keyFields,
  inject: inject.exactOptional(),
});

const awsSigV4 = z.strictObject({ authenticationType: type('aws_sigv4'), ...keyFields, signature });

/** A connector file as it is written; optional fields may be left out. */
export const connectorSchema = z.strictObject({
  $schema: z.string().exactOptional().describe('For editors: where the schema of this file is.'),
  id: z
    .string()
    .max(64)
    .regex(/^[a-z0-9]+([.-][a-z0-9]+)*$/, { error: 'must be small letters and digits, joined by . or -' })
    .describe('Small letters and digits, joined by . or -.'),
  name: visible(z.string().min(1).max(80)).describe('What the service calls itself.'),
  aliases: z
    .array(visible(z.string().min(1)))
    .exactOptional()
    .describe('Other names that people search for.'),
  categories: z
    .array(z.string().regex(/^[a-z]+(-[a-z]+)*$/, { error: 'must be small letters joined by -' }))
    .min(1)
    .describe('What lists are narrowed by: crm, developer-tools.'),
  docsUrl: pageUrl.describe('The documentation of how to authenticate.'),
  appUrl: pageUrl.describe('Where a person registers an OAuth client, or makes a key where there is none.'),
  clientFamily: z
    .enum(familyNames)
    .exactOptional()
    .describe(
      'The vendor’s family whose OAuth clients serve this connector, too. Not for files of your own: they get no client that was entered for the vendor.',
    ),
  scopeDescriptions: z
    .record(z.string().min(1), plainSentence)
    .exactOptional()
    .describe(
      'What each scope lets Keyward do, in short words after the vendor’s own page. Not for files of your own: a page shows the scope itself there.',
    ),
  verifiedOn: z.iso
    .date({ error: 'must be a day such as 2026-11-21' })
    .exactOptional()
    .describe('Day on which the facts were last checked: 2026-11-21.'),
  evidence: z.array(pageUrl).exactOptional().describe('Pages that the facts were taken from.'),
  unverified: z.array(z.string().min(1)).exactOptional().describe('What could not be confirmed.'),
  inputs: inputsSchema
    .exactOptional()
    .describe('Connection inputs: what tells one customer of the service from another. No secrets.'),
  api: z.strictObject(apiFields).describe('How the service is called.'),
  auth: z
    .array(
      z.discriminatedUnion('authenticationType', [
        oauth2,
        clientCredentials,
        jwtBearer,
        apiKey,
        bearer,
        basic,
        awsSigV4,
      ]),
    )
    .min(1)
    .describe('The ways to authenticate, the one to recommend first.'),
});

export type ConnectorFile = z.output<typeof connectorSchema>;
