/** The fields that say how a service is called, as zod schemas. */
import * as z from 'zod';
import { apiDefaults, verifyDefaults } from './defaults.ts';
import {
  answerPath,
  headerName,
  headerValue,
  hostTemplate,
  injectedName,
  keyPage,
  urlTemplate,
  valueTemplate,
} from './fields.ts';
import { inputsSchema } from './inputs.ts';

const verify = z.strictObject({
  method: z
    .enum(['GET', 'POST'])
    .exactOptional()
    .meta({ default: verifyDefaults.method })
    .describe('How it is called.'),
  baseUrl: urlTemplate
    .nullable()
    .exactOptional()
    .describe('Where this call goes when another host knows the account. Default: api.baseUrl.'),
  path: z
    .string()
    .regex(/^\/(?!\/)[^#\s\\]*$/, { error: 'must be a path that begins with one /' })
    .describe('Path (and query) below the base URL.'),
  body: z.record(z.string(), z.json()).exactOptional().describe('JSON body of a POST.'),
  success: z
    .strictObject({
      path: answerPath.describe('Where in the answer, as a dotted path: user.email.'),
      equals: z
        .union([z.string(), z.number(), z.boolean()])
        .exactOptional()
        .describe('Without it, any value but null will do.'),
    })
    .exactOptional()
    .describe('What a 2xx answer must hold, for services that answer 200 with an error.'),
  accountPath: answerPath.nullable().exactOptional().describe('Where the label of the account is in the answer.'),
});

const git = z.strictObject({
  hosts: z
    .array(z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, { error: 'must be a host' }))
    .min(1)
    .describe(
      'Hosts of its repositories. Those of a file of your own count only where they are among the hosts of the connection.',
    ),
  username: z
    .string()
    .regex(/^[!-9;-~]+$/, { error: 'must be printable ASCII without a space and a colon' })
    .describe('User name that goes with the secret as the password.'),
});

const variable = z.string().regex(/^[A-Z][A-Z0-9_]*$/, { error: 'must be capitals, digits and _' });
const sdk = z.strictObject({
  baseUrl: variable.describe('Where its API is: OPENAI_BASE_URL. It stands for api.baseUrl.'),
  key: variable.describe('The key: OPENAI_API_KEY.'),
});

/** Fields of `api`. */
export const apiFields = {
  protocol: z
    .enum(['http', 'mcp'])
    .exactOptional()
    .meta({ default: apiDefaults.protocol })
    .describe(
      'What is spoken at the base URL: http, or mcp for an MCP server (streamable HTTP), whose address is the base URL itself.',
    ),
  baseUrl: urlTemplate.describe(
    'Where calls go; {variables} come from inputs and kept fields, and {+url} is a whole URL that the connection names.',
  ),
  allowedHosts: z
    .array(hostTemplate)
    .min(1)
    .describe(
      'Hosts that a credential may be sent to: host (any port), host:port, {variable}.example.com, *.example.com, or {+url} for the host of a URL that the connection names.',
    ),
  headers: z
    .record(headerName, headerValue)
    .exactOptional()
    .describe('Headers of every call; with OAuth they may name {clientId}.'),
  unsafeGet: z
    .boolean()
    .exactOptional()
    .meta({ default: apiDefaults.unsafeGet })
    .describe(
      'A GET may change something, against RFC 9110 §9.2.1: what the service is to do is in the path or a parameter. A connection is then shared for use with a policy only.',
    ),
  invalidToken: z
    .array(
      z.strictObject({
        status: z.int().min(200).max(599).describe('Status of the answer.'),
        path: answerPath.exactOptional().describe('Where in its JSON, as a dotted path. Default: the status says it.'),
        equals: z.string().min(1).exactOptional().describe('The value there, as text. Default: any value.'),
      }),
    )
    .exactOptional()
    .meta({ default: apiDefaults.invalidToken })
    .describe(
      'Answers that say the token is no longer good, besides status 401 and a challenge with invalid_token: {"status": 403}, or a code in a body of at most 64 KiB.',
    ),
  verify: verify.nullable().exactOptional().describe('One harmless call that shows that a credential works.'),
  git: git.nullable().exactOptional().describe('How git logs in with the secret, where the vendor documents that.'),
  sdk: sdk.nullable().exactOptional().describe("Variables that the vendor's own libraries read, as it documents them."),
};

const injected = headerValue.describe('With header, query and path, a text with {variables}: `Bearer {accessToken}`.');
const place = <T extends string>(name: T) =>
  z
    .literal(name)
    .describe('A header, a query parameter, a segment between the base URL and the path, or Basic (RFC 7617).');

/** Rules for the secret. */
export const inject = z
  .array(
    z.discriminatedUnion('in', [
      z.strictObject({
        in: place('header'),
        name: injectedName.describe('With header and query, its name; `{input}` for one that the connection names.'),
        value: injected,
      }),
      z.strictObject({ in: place('query'), name: z.string().min(1), value: injected }),
      z.strictObject({ in: place('path'), value: injected }),
      z
        .strictObject({
          in: place('basic'),
          username: valueTemplate.describe('With Basic, the user name.'),
          password: valueTemplate.describe('With Basic, the password.'),
        })
        .describe('RFC 7617.'),
    ]),
  )
  .min(1)
  .describe(
    'Where the secret goes in a call. OAuth knows {accessToken}, the other types know their inputs. Default: a bearer token; with basic, Basic; with api_key there is none.',
  );

/** What requests are signed for, instead of rules for the secret. */
export const signature = z
  .strictObject({
    service: headerValue.describe(
      'Service that requests are signed for, by its signing name: s3, execute-api; or {service}.',
    ),
    region: headerValue.describe('Region that requests are signed for: us-east-1; or {region}.'),
    verifyService: headerValue
      .exactOptional()
      .describe('Service that the call of api.verify is signed for, where that is another. Default: service.'),
  })
  .describe(
    'AWS Signature Version 4 of every request, with the inputs accessKeyId, secretAccessKey and, where there is one, sessionToken.',
  );

/** The name of an authentication type. */
export const type = <T extends string>(name: T) => z.literal(name).describe('Each type once.');

/** Fields of every authentication type. */
export const common = {
  title: z.string().min(1).exactOptional().describe('What the service calls it: “Personal access token”.'),
  inputs: inputsSchema.exactOptional().describe('Inputs of this authentication type, besides those of the connector.'),
  api: z
    .strictObject({
      ...apiFields,
      baseUrl: apiFields.baseUrl.exactOptional(),
      allowedHosts: apiFields.allowedHosts.exactOptional(),
    })
    .exactOptional()
    .describe("Replaces single fields of the connector's `api` for this authentication type."),
};

/** Fields of the types that take a secret as it is, besides those of every type. */
export const keyFields = {
  ...common,
  keyUrl: keyPage
    .exactOptional()
    .describe(
      'Page where a person makes or finds what this type asks for, or reads where that is. Default: appUrl where no type of the connector is OAuth, else none.',
    ),
};
