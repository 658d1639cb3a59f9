/**
 * The definition of a connector: one JSON file. Names follow RFC 8414 and OpenID discovery where they have one. Every
 * field and its meaning is here; `defaults.ts` says what a field is when left out, `checks.ts` which fields must fit
 * together. The published JSON Schema is generated from this.
 */
import * as z from 'zod';
import {
  oauth2Defaults,
  refreshDefaults,
  revocationDefaults,
  tokenEndpointDefaults,
  tokenResponseDefaults,
  verifyDefaults,
} from './defaults.ts';
import {
  answerPath,
  headerName,
  headerValue,
  hostTemplate,
  issuerUrl,
  keptName,
  pageUrl,
  params,
  urlTemplate,
  valueTemplate,
} from './fields.ts';
import { inputsSchema } from './inputs.ts';

export type * from './connector.ts';

const clientAuth = z.enum(['client_secret_basic', 'client_secret_basic_raw', 'client_secret_post', 'none']);

const bodyFormat = z.enum(['form', 'json']);

const verify = z.strictObject({
  method: z.enum(['GET', 'POST']).exactOptional().meta({ default: verifyDefaults.method }),
  path: z
    .string()
    .regex(/^\/(?!\/)[^#\s\\]*$/, { error: 'must be a path that begins with one /' })
    .describe('Path (and query) below api.baseUrl.'),
  body: z.record(z.string(), z.json()).exactOptional().describe('JSON body of a POST.'),
  success: z
    .strictObject({
      path: answerPath,
      equals: z
        .union([z.string(), z.number(), z.boolean()])
        .exactOptional()
        .describe('Without it, any value but null will do.'),
    })
    .exactOptional()
    .describe('What a 2xx answer must hold, for services that answer 200 with an error.'),
  accountPath: answerPath.nullable().exactOptional().describe('Where the label of the account is in the answer.'),
});

const apiFields = {
  baseUrl: urlTemplate.describe('Where calls go; {variables} come from inputs and kept fields.'),
  allowedHosts: z
    .array(hostTemplate)
    .min(1)
    .describe(
      'Hosts that a credential may be sent to: host (any port), host:port, {variable}.example.com, *.example.com.',
    ),
  headers: z.record(headerName, headerValue).exactOptional().describe('Fixed headers of every call.'),
  verify: verify.nullable().exactOptional().describe('One harmless call that shows that a credential works.'),
};

const inject = z
  .array(
    z.discriminatedUnion('in', [
      z.strictObject({ in: z.literal('header'), name: headerName, value: headerValue }),
      z.strictObject({ in: z.literal('query'), name: z.string().min(1), value: headerValue }),
      z
        .strictObject({ in: z.literal('basic'), username: valueTemplate, password: valueTemplate })
        .describe('RFC 7617.'),
    ]),
  )
  .min(1)
  .describe('Where the secret goes in a call. OAuth knows {accessToken}; the other types know their inputs.');

/** Fields of every authentication type. */
const common = {
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

const revocation = z
  .strictObject({
    method: z.enum(['POST', 'DELETE']).exactOptional().meta({ default: revocationDefaults.method }),
    authMethod: z
      .enum([...clientAuth.options, 'bearer'])
      .exactOptional()
      .describe('How the request authenticates; `bearer` sends the token itself. Default: as at the token endpoint.'),
    token: z.enum(['refresh_token', 'access_token']).exactOptional().meta({ default: revocationDefaults.token }),
    tokenParam: z.string().min(1).nullable().exactOptional().meta({ default: revocationDefaults.tokenParam }),
    bodyFormat: bodyFormat.exactOptional().describe('Default: as at the token endpoint.'),
  })
  .describe('How the revocation request differs from RFC 7009.');

/** What both OAuth types say about the token endpoint. */
const tokenEndpointFields = {
  issuer: issuerUrl.exactOptional().describe('Issuer identifier; endpoints left out are discovered from it.'),
  tokenEndpoint: urlTemplate.exactOptional(),
  revocationEndpoint: urlTemplate.exactOptional(),
  revocation: revocation.exactOptional(),
  tokenEndpointAuthMethod: clientAuth
    .exactOptional()
    .meta({ default: tokenEndpointDefaults.tokenEndpointAuthMethod })
    .describe('`client_secret_basic_raw` is Basic without the form encoding of RFC 6749 §2.3.1.'),
  clientIdParam: z.string().min(1).exactOptional().meta({ default: tokenEndpointDefaults.clientIdParam }),
  bodyFormat: bodyFormat
    .exactOptional()
    .meta({ default: tokenEndpointDefaults.bodyFormat })
    .describe('Body of requests to the token endpoint.'),
  scopes: z.array(z.string().min(1)).exactOptional().describe('Asked for by default.'),
  scopeSeparator: z.string().min(1).exactOptional().meta({ default: tokenEndpointDefaults.scopeSeparator }),
  scopeParam: z.string().min(1).exactOptional().meta({ default: tokenEndpointDefaults.scopeParam }),
  tokenParams: params.exactOptional().describe('Extra parameters when a token is asked for the first time.'),
  tokenHeaders: z
    .record(headerName, headerValue)
    .exactOptional()
    .describe('Fixed headers of requests to the token and revocation endpoints.'),
  tokenResponse: z
    .strictObject({
      tokenPath: answerPath
        .nullable()
        .exactOptional()
        .describe('Object that holds the token fields. Null, or no token there: the answer itself.'),
      errorPath: answerPath.nullable().exactOptional().describe('Where the error code is; null: `error`.'),
      expiresInUnit: z.enum(['s', 'ms']).exactOptional().meta({ default: tokenResponseDefaults.expiresInUnit }),
      defaultExpiresIn: z
        .int()
        .positive()
        .nullable()
        .exactOptional()
        .describe('Seconds, when the answer has no lifetime; null: no expiry.'),
      keep: z.array(keptName).exactOptional().describe('Fields of the answer to keep; they become {variables}.'),
    })
    .exactOptional(),
  inject: inject.exactOptional().describe('Default: Authorization: Bearer {accessToken}.'),
};

const seconds = z.int().positive().nullable();

const oauth2 = z.strictObject({
  authenticationType: z.literal('oauth2'),
  ...common,
  ...tokenEndpointFields,
  authorizationEndpoint: urlTemplate.exactOptional(),
  refreshEndpoint: urlTemplate.exactOptional().describe('Default: the token endpoint.'),
  deviceAuthorizationEndpoint: urlTemplate.exactOptional().describe('RFC 8628.'),
  refreshAuthMethod: clientAuth.exactOptional().describe('Default: as at the token endpoint.'),
  publicClients: z
    .boolean()
    .exactOptional()
    .meta({ default: oauth2Defaults.publicClients })
    .describe('A client without secret may be registered.'),
  authorizationResponseIssParameterSupported: z
    .boolean()
    .exactOptional()
    .meta({ default: oauth2Defaults.authorizationResponseIssParameterSupported })
    .describe('RFC 9207: a callback without `iss` is refused.'),
  pkce: z
    .enum(['S256', 'public_clients', 'none'])
    .exactOptional()
    .meta({ default: oauth2Defaults.pkce })
    .describe(
      'RFC 7636. `public_clients`: only for clients without a secret; `none`: the service does not document it.',
    ),
  loopbackRedirect: z
    .enum(['ip', 'localhost', 'none'])
    .exactOptional()
    .meta({ default: oauth2Defaults.loopbackRedirect })
    .describe(
      'Loopback redirect URIs the service takes: http://127.0.0.1, only http://localhost, or none (https only).',
    ),
  authorizationParams: params.exactOptional().describe('Extra parameters of the authorization request.'),
  refreshParams: params.exactOptional().describe('Extra parameters of a refresh.'),
  scopeOnRefresh: z
    .boolean()
    .exactOptional()
    .meta({ default: oauth2Defaults.scopeOnRefresh })
    .describe('A refresh repeats the scopes.'),
  callbackParams: z
    .array(keptName)
    .exactOptional()
    .describe('Parameters of the callback to keep; they become {variables}.'),
  refresh: z
    .strictObject({
      marginSeconds: z
        .int()
        .nonnegative()
        .exactOptional()
        .meta({ default: refreshDefaults.marginSeconds })
        .describe('How long before expiry to refresh.'),
      rotates: z
        .boolean()
        .exactOptional()
        .meta({ default: refreshDefaults.rotates })
        .describe('Each refresh replaces the refresh token.'),
      idleLifetimeSeconds: seconds.exactOptional().describe('A refresh token unused for so long is dead.'),
      absoluteLifetimeSeconds: seconds.exactOptional().describe('A grant this old is dead.'),
    })
    .exactOptional(),
});

const clientCredentials = z.strictObject({
  authenticationType: z.literal('oauth2_client_credentials'),
  ...common,
  ...tokenEndpointFields,
});

const apiKey = z.strictObject({ authenticationType: z.literal('api_key'), ...common, inject });
const bearer = z.strictObject({
  authenticationType: z.literal('bearer'),
  ...common,
  inject: inject.exactOptional().describe('Default: Authorization: Bearer {token}.'),
});
const basic = z.strictObject({
  authenticationType: z.literal('basic'),
  ...common,
  inject: inject.exactOptional().describe('Default: Basic with {username} and {password}.'),
});

/** A connector file as it is written; optional fields may be left out. */
export const connectorSchema = z.strictObject({
  $schema: z.string().exactOptional(),
  id: z
    .string()
    .max(64)
    .regex(/^[a-z0-9]+([.-][a-z0-9]+)*$/, { error: 'must be small letters and digits, joined by . or -' }),
  name: z.string().min(1).max(80),
  aliases: z.array(z.string().min(1)).exactOptional().describe('Other names that people search for.'),
  categories: z.array(z.string().regex(/^[a-z]+(-[a-z]+)*$/, { error: 'must be small letters joined by -' })).min(1),
  docsUrl: pageUrl.describe('The documentation of how to authenticate.'),
  appUrl: pageUrl.describe('Where a person registers an OAuth client or makes a key.'),
  verifiedOn: z.iso.date().exactOptional().describe('Day on which the facts were last checked.'),
  evidence: z.array(pageUrl).exactOptional().describe('Pages that the facts were taken from.'),
  unverified: z.array(z.string().min(1)).exactOptional().describe('What could not be confirmed.'),
  inputs: inputsSchema
    .exactOptional()
    .describe('Connection inputs: what tells one customer of the service from another. No secrets.'),
  api: z.strictObject(apiFields),
  auth: z.array(z.discriminatedUnion('authenticationType', [oauth2, clientCredentials, apiKey, bearer, basic])).min(1),
});

export type ConnectorFile = z.output<typeof connectorSchema>;
