/**
 * What a field of a definition is when the file leaves it out. The published schema shows the same values. They stand
 * apart from it because built-in files are not parsed by a schema at run time: see docs/performance.md.
 */
import type { Api, InjectRule, Inputs, JwtBearerMethod, OAuth2Method, Revocation, Verification } from '../connector.ts';

export const noInputs: Inputs = { type: 'object', properties: {} };

/** Fields of `api` that a file may leave out; `verify` has defaults of its own. */
export const apiDefaults: Pick<Api, 'protocol' | 'headers' | 'unsafeGet' | 'invalidToken' | 'git' | 'sdk'> = {
  protocol: 'http',
  headers: {},
  unsafeGet: false,
  invalidToken: [],
  git: null,
  sdk: null,
};

/** Fields of a verification call that a file may leave out. */
export const verifyDefaults: Omit<Verification, 'path'> = {
  method: 'GET',
  baseUrl: null,
  body: null,
  success: null,
  accountPath: null,
};

export const assertionDefaults = {
  subject: null,
  audience: null,
  keyId: null,
  algorithm: 'RS256',
  lifetimeSeconds: 3_600,
  scopeClaim: null,
} as const satisfies Partial<JwtBearerMethod['assertion']>;

/** Fields of every type with a token endpoint. */
export const tokenEndpointDefaults = {
  issuer: null,
  tokenEndpoint: null,
  revocationEndpoint: null,
  tokenEndpointAuthMethod: 'client_secret_basic',
  clientIdParam: 'client_id',
  bodyFormat: 'form',
  scopes: [],
  scopesInput: null,
  scopeSeparator: ' ',
  scopeParam: 'scope',
  tokenParams: {},
  tokenHeaders: {},
  inject: [{ in: 'header', name: 'authorization', value: 'Bearer {accessToken}' }],
} as const satisfies Partial<OAuth2Method>;

export const tokenResponseDefaults: OAuth2Method['tokenResponse'] = {
  tokenPath: null,
  errorPath: null,
  errorCodes: {},
  expiresInUnit: 's',
  defaultExpiresIn: null,
  refreshExpiresIn: 'refresh_token_expires_in',
  keep: [],
};

/** The rest follows the token endpoint. */
export const revocationDefaults: Pick<Revocation, 'method' | 'token' | 'tokenParam' | 'ends'> = {
  method: 'POST',
  token: 'refresh_token',
  tokenParam: 'token',
  ends: 'token',
};

export const oauth2Defaults = {
  protectedResource: null,
  authorizationEndpoint: null,
  refreshEndpoint: null,
  deviceAuthorizationEndpoint: null,
  publicClients: false,
  authorizationResponseIssParameterSupported: false,
  pkce: 'S256',
  loopbackRedirect: 'ip',
  authorizationParams: {},
  refreshParams: {},
  scopeOnRefresh: false,
  callbackParams: [],
} as const satisfies Partial<OAuth2Method>;

/**
 * What OAuth is at every MCP server (MCP 2025-11-25, authorization): the server names its authorization server (RFC 9728),
 * clients need no secret, and each request says which server the token is for (RFC 8707).
 *
 * @param asksItself the scopes are those that the server wants, since the file names none
 */
export function mcpOAuthDefaults(baseUrl: string, asksItself: boolean) {
  const forServer = { resource: '{resource}' };
  return {
    protectedResource: baseUrl,
    issuer: '{+issuer}',
    publicClients: true,
    scopesInput: asksItself ? 'scopes' : null,
    authorizationParams: forServer,
    tokenParams: forServer,
    refreshParams: forServer,
  } satisfies Partial<OAuth2Method>;
}

export const refreshDefaults: OAuth2Method['refresh'] = {
  marginSeconds: 300,
  rotates: false,
  idleLifetimeSeconds: null,
  absoluteLifetimeSeconds: null,
};

const oneSecret = (name: string, title: string): Inputs => ({
  type: 'object',
  properties: { [name]: { type: 'string', title, writeOnly: true } },
  required: [name],
});

/** Inputs and injection of the types that take a secret as it is. An API key says itself where it goes. */
export const apiKeyInputs = oneSecret('apiKey', 'API key');
export const bearerInputs = oneSecret('token', 'Access token');
export const bearerInject: readonly InjectRule[] = [{ in: 'header', name: 'authorization', value: 'Bearer {token}' }];
export const basicInputs: Inputs = {
  type: 'object',
  properties: {
    username: { type: 'string', title: 'User name' },
    password: { type: 'string', title: 'Password', writeOnly: true },
  },
  required: ['username', 'password'],
};
export const basicInject: readonly InjectRule[] = [{ in: 'basic', username: '{username}', password: '{password}' }];
export const awsSigV4Inputs: Inputs = {
  type: 'object',
  properties: {
    accessKeyId: { type: 'string', title: 'Access key ID' },
    secretAccessKey: { type: 'string', title: 'Secret access key', writeOnly: true },
    sessionToken: {
      type: 'string',
      title: 'Session token',
      description: 'Of temporary credentials only.',
      writeOnly: true,
    },
  },
  required: ['accessKeyId', 'secretAccessKey'],
};
