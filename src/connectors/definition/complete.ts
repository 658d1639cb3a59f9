/** From a definition as it is written to a connector with every default in place. */
import { isOAuthType } from '../auth-kinds.ts';
import type { Api, AuthMethod, Connector, Verification } from '../connector.ts';
import { wholeVariable } from '../template.ts';
import {
  apiDefaults,
  apiKeyInputs,
  assertionDefaults,
  awsSigV4Inputs,
  basicInject,
  basicInputs,
  bearerInject,
  bearerInputs,
  mcpOAuthDefaults,
  noInputs,
  oauth2Defaults,
  refreshDefaults,
  revocationDefaults,
  tokenEndpointDefaults,
  tokenResponseDefaults,
  verifyDefaults,
} from './defaults.ts';
import type { ConnectorFile } from './definition.ts';

type FileMethod = ConnectorFile['auth'][number];
type FileOAuth = Extract<
  FileMethod,
  { authenticationType: 'oauth2' | 'oauth2_client_credentials' | 'oauth2_jwt_bearer' }
>;
type OAuth2File = Extract<FileMethod, { authenticationType: 'oauth2' }>;

/** Puts the defaults in place. Assumes that the file keeps the schema: built-ins are checked by tests, others at load. */
export function complete(file: ConnectorFile): Connector {
  const api: Api = { ...apiDefaults, ...file.api, verify: completeVerify(file.api.verify ?? null) };
  return {
    id: file.id,
    name: file.name,
    aliases: file.aliases ?? [],
    categories: file.categories,
    docsUrl: file.docsUrl,
    appUrl: file.appUrl,
    clientFamily: file.clientFamily ?? null,
    scopeDescriptions: file.scopeDescriptions ?? {},
    verifiedOn: file.verifiedOn ?? null,
    evidence: file.evidence ?? [],
    unverified: file.unverified ?? [],
    inputs: file.inputs ?? noInputs,
    api,
    auth: file.auth.map((method) => completeMethod(method, api, keyPageOf(method, file))),
  };
}

function completeVerify(verify: NonNullable<ConnectorFile['api']['verify']> | null): Verification | null {
  return verify && { ...verifyDefaults, ...verify };
}

/**
 * Where a person finds the key that this type asks for. Beside OAuth, `docsUrl` and `appUrl` are about OAuth clients; and
 * nobody knows a page of a service that the connection names.
 */
function keyPageOf(method: FileMethod, { auth, api, appUrl }: ConnectorFile): string | null {
  if (isOAuthType(method.authenticationType)) return null;
  if ('keyUrl' in method) return method.keyUrl;
  const oauth = auth.some(({ authenticationType }) => isOAuthType(authenticationType));
  return oauth || wholeVariable(api.baseUrl) !== null ? null : appUrl;
}

function completeMethod(method: FileMethod, shared: Api, keyUrl: string | null): AuthMethod {
  const { verify = shared.verify, ...own } = method.api ?? {};
  const base = {
    title: method.title ?? null,
    keyUrl,
    api: { ...shared, ...own, verify: verify && { ...verifyDefaults, ...verify } },
  };
  switch (method.authenticationType) {
    case 'oauth2':
      return {
        inputs: noInputs,
        appSteps: [],
        refreshAuthMethod: method.tokenEndpointAuthMethod ?? tokenEndpointDefaults.tokenEndpointAuthMethod,
        ...tokenEndpointDefaults,
        ...oauth2Defaults,
        ...(isFound(method, base.api) && mcpOAuthDefaults(base.api.baseUrl, method.scopes === undefined)),
        ...method,
        ...base,
        ...completeTokenEndpoint(method),
        refresh: { ...refreshDefaults, ...method.refresh },
      };
    case 'oauth2_client_credentials':
      return {
        inputs: noInputs,
        appSteps: [],
        ...tokenEndpointDefaults,
        ...method,
        ...base,
        ...completeTokenEndpoint(method),
      };
    case 'oauth2_jwt_bearer':
      return {
        inputs: noInputs,
        ...tokenEndpointDefaults,
        ...method,
        ...base,
        ...completeTokenEndpoint(method),
        assertion: { ...assertionDefaults, ...method.assertion },
      };
    case 'api_key':
      return { inputs: apiKeyInputs, ...method, ...base };
    case 'bearer':
      return { inputs: bearerInputs, inject: bearerInject, ...method, ...base };
    case 'basic':
      return { inputs: basicInputs, inject: basicInject, ...method, ...base };
    case 'aws_sigv4':
      return {
        inputs: awsSigV4Inputs,
        inject: [],
        ...method,
        ...base,
        signature: { verifyService: null, ...method.signature },
      };
  }
}

/** An MCP server says itself which authorization server it trusts, unless the file knows one. */
function isFound({ issuer, authorizationEndpoint, tokenEndpoint }: OAuth2File, { protocol }: Api): boolean {
  return protocol === 'mcp' && [issuer, authorizationEndpoint, tokenEndpoint].every((one) => one === undefined);
}

function completeTokenEndpoint(method: FileOAuth) {
  return {
    tokenResponse: { ...tokenResponseDefaults, ...method.tokenResponse },
    revocation: {
      ...revocationDefaults,
      authMethod: method.tokenEndpointAuthMethod ?? tokenEndpointDefaults.tokenEndpointAuthMethod,
      bodyFormat: method.bodyFormat ?? tokenEndpointDefaults.bodyFormat,
      ...method.revocation,
    },
  };
}
