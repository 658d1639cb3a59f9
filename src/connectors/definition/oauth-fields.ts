/** The authentication types that work through a registered OAuth client, as zod schemas. */
import * as z from 'zod';
import { standardCodes } from '../error-codes.ts';
import { common, inject, keyFields, type } from './call-fields.ts';
import {
  assertionDefaults,
  oauth2Defaults,
  refreshDefaults,
  revocationDefaults,
  tokenEndpointDefaults,
  tokenResponseDefaults,
} from './defaults.ts';
import {
  answerPath,
  headerName,
  headerValue,
  issuerUrl,
  keptName,
  params,
  plainSentence,
  urlTemplate,
} from './fields.ts';

const clientAuth = z.enum(['client_secret_basic', 'client_secret_basic_raw', 'client_secret_post', 'none']);

const bodyFormat = z.enum(['form', 'json']);

const revocation = z
  .strictObject({
    method: z
      .enum(['POST', 'DELETE'])
      .exactOptional()
      .meta({ default: revocationDefaults.method })
      .describe('How it is called.'),
    authMethod: z
      .enum([...clientAuth.options, 'bearer'])
      .exactOptional()
      .describe('How the request authenticates; `bearer` sends the token itself. Default: as at the token endpoint.'),
    token: z
      .enum(['refresh_token', 'access_token'])
      .exactOptional()
      .meta({ default: revocationDefaults.token })
      .describe('Which token ends the grant.'),
    tokenParam: z
      .string()
      .min(1)
      .nullable()
      .exactOptional()
      .meta({ default: revocationDefaults.tokenParam })
      .describe('Parameter of the token; null sends none.'),
    bodyFormat: bodyFormat.exactOptional().describe('Body of the request. Default: as at the token endpoint.'),
    ends: z
      .enum(['token', 'grant'])
      .exactOptional()
      .meta({ default: revocationDefaults.ends })
      .describe(
        'What it ends: this token and what comes of it, or all that the person gave this client, however often.',
      ),
  })
  .describe('How the revocation request differs from RFC 7009.');

/** What both OAuth types say about the token endpoint. */
const tokenEndpointFields = {
  issuer: issuerUrl.exactOptional().describe('Issuer identifier; endpoints left out are discovered from it.'),
  tokenEndpoint: urlTemplate.exactOptional().describe('Where tokens come from (RFC 6749 §3.2).'),
  revocationEndpoint: urlTemplate
    .exactOptional()
    .describe('Where grants are given back (RFC 7009); without one, nothing is revoked.'),
  revocation: revocation.exactOptional(),
  tokenEndpointAuthMethod: clientAuth
    .exactOptional()
    .meta({ default: tokenEndpointDefaults.tokenEndpointAuthMethod })
    .describe(
      'How a client authenticates; `client_secret_basic_raw` is Basic without the form encoding of RFC 6749 §2.3.1.',
    ),
  clientIdParam: z
    .string()
    .min(1)
    .exactOptional()
    .meta({ default: tokenEndpointDefaults.clientIdParam })
    .describe('What the service calls `client_id`.'),
  bodyFormat: bodyFormat
    .exactOptional()
    .meta({ default: tokenEndpointDefaults.bodyFormat })
    .describe('Body of requests to the token endpoint.'),
  scopes: z.array(z.string().min(1)).exactOptional().describe('Asked for by default.'),
  scopesInput: keptName
    .exactOptional()
    .describe('Input that holds the scopes to ask for, separated by spaces, instead.'),
  scopeSeparator: z
    .string()
    .min(1)
    .exactOptional()
    .meta({ default: tokenEndpointDefaults.scopeSeparator })
    .describe('Between two scopes.'),
  scopeParam: z
    .string()
    .min(1)
    .exactOptional()
    .meta({ default: tokenEndpointDefaults.scopeParam })
    .describe('What the service calls `scope`.'),
  tokenParams: params
    .exactOptional()
    .describe(
      'Extra parameters when a token is asked for the first time; for a client that acts for itself also its own `grant_type`.',
    ),
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
      errorCodes: z
        .record(z.string().min(1), z.enum(standardCodes))
        .exactOptional()
        .describe('What the service calls the errors of RFC 6749 and its family: its own name → the standard one.'),
      expiresInUnit: z
        .enum(['s', 'ms'])
        .exactOptional()
        .meta({ default: tokenResponseDefaults.expiresInUnit })
        .describe('What `expires_in` counts.'),
      defaultExpiresIn: z
        .int()
        .positive()
        .nullable()
        .exactOptional()
        .describe('Seconds, when the answer has no lifetime; null: no expiry.'),
      refreshExpiresIn: z
        .string()
        .min(1)
        .exactOptional()
        .meta({ default: tokenResponseDefaults.refreshExpiresIn })
        .describe('Field with the seconds that the refresh token lives.'),
      keep: z.array(keptName).exactOptional().describe('Fields of the answer to keep; they become {variables}.'),
    })
    .exactOptional()
    .describe('How the answer of the token endpoint differs from RFC 6749 §5.'),
  inject: inject.exactOptional(),
};

/** What a page tells a person who registers a client there. */
const appSteps = z
  .array(plainSentence)
  .min(1)
  .max(4)
  .describe(
    'What a person has to do with the app at the service besides the redirect URI and the scopes, or it does not work: one plain sentence each, without addresses. Shown where the OAuth client is asked for.',
  );

const seconds = z.int().positive().nullable();

/** Authorization code, and device authorization where the service has it. */
export const oauth2 = z.strictObject({
  authenticationType: type('oauth2'),
  ...common,
  ...tokenEndpointFields,
  appSteps: appSteps.exactOptional(),
  protectedResource: urlTemplate
    .exactOptional()
    .describe(
      'URL whose metadata (RFC 9728), or else whose origin, names the authorization server: it gives {issuer}, {resource} and {scopes}.',
    ),
  authorizationEndpoint: urlTemplate.exactOptional().describe('Where the person consents (RFC 6749 §3.1).'),
  refreshEndpoint: urlTemplate.exactOptional().describe('Where tokens are refreshed. Default: the token endpoint.'),
  deviceAuthorizationEndpoint: urlTemplate
    .exactOptional()
    .describe('Where the code for another device comes from (RFC 8628).'),
  refreshAuthMethod: clientAuth
    .exactOptional()
    .describe('How a client authenticates to refresh. Default: as at the token endpoint.'),
  publicClients: z
    .boolean()
    .exactOptional()
    .meta({ default: oauth2Defaults.publicClients })
    .describe('A client without secret may be registered.'),
  authorizationResponseIssParameterSupported: z
    .boolean()
    .exactOptional()
    .meta({ default: oauth2Defaults.authorizationResponseIssParameterSupported })
    .describe('A callback without `iss` is refused (RFC 9207).'),
  pkce: z
    .enum(['S256', 'unannounced', 'public_clients', 'none'])
    .exactOptional()
    .meta({ default: oauth2Defaults.pkce })
    .describe(
      'Proof that a code is the client’s own (RFC 7636). A discovered server must announce S256; `unannounced`: may be silent about it where the client has a secret. `public_clients`: only for clients without a secret; `none`: the service does not document it.',
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
        .describe(
          'A refresh replaces the refresh token, or may. Told to whoever reads the file: the newest that comes is kept either way.',
        ),
      idleLifetimeSeconds: seconds.exactOptional().describe('A refresh token unused for so long is dead.'),
      absoluteLifetimeSeconds: seconds.exactOptional().describe('A grant this old is dead.'),
    })
    .exactOptional()
    .describe('How long tokens and grants last.'),
});

/** A client that acts for itself (RFC 6749 §4.4). */
export const clientCredentials = z.strictObject({
  authenticationType: type('oauth2_client_credentials'),
  ...common,
  ...tokenEndpointFields,
  appSteps: appSteps.exactOptional(),
});

/** A service account that signs for itself (RFC 7523 §2.1): no person, no refresh token. */
export const jwtBearer = z.strictObject({
  authenticationType: type('oauth2_jwt_bearer'),
  ...keyFields,
  ...tokenEndpointFields,
  assertion: z
    .strictObject({
      issuer: answerPath.describe(
        'Where the issuer (`iss`) is: an input, or a member of a JSON one, as in keyFile.client_email.',
      ),
      subject: answerPath
        .exactOptional()
        .describe('The same for the subject (`sub`); left out when the input is empty.'),
      audience: z.string().min(1).exactOptional().describe('Audience (`aud`). Default: the token endpoint.'),
      privateKey: answerPath.describe('Where the private key is, in PEM.'),
      keyId: answerPath.exactOptional().describe('Where the key id (`kid`) is.'),
      algorithm: z
        .enum(['RS256', 'PS256', 'ES256'])
        .exactOptional()
        .meta({ default: assertionDefaults.algorithm })
        .describe('Signature algorithm (RFC 7518).'),
      lifetimeSeconds: z
        .int()
        .positive()
        .exactOptional()
        .meta({ default: assertionDefaults.lifetimeSeconds })
        .describe('How long an assertion is good.'),
      scopeClaim: z.string().min(1).exactOptional().describe('Claim for the scopes, where they are no parameter.'),
    })
    .describe('What the service account signs (RFC 7523 §3).'),
});
