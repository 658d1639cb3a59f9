/**
 * A connector as the rest of Keyward reads it: every default in place. The meaning of each field stands once, in
 * `definition.ts`; here is only the shape.
 */
import type { StandardCode } from './error-codes.ts';
import type { ClientFamily } from './families.ts';

/** Part of JSON Schema 2020-12; every value is a string, unknown fields are refused. */
export type Inputs = {
  readonly type: 'object';
  readonly properties: Readonly<Record<string, InputProperty>>;
  readonly required?: readonly string[];
};

export type InputProperty = {
  readonly type: 'string';
  readonly title?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly default?: string;
  readonly pattern?: string;
  readonly examples?: readonly string[];
  /** A JSON object as text, such as a key file. */
  readonly contentMediaType?: 'application/json';
  /** A secret. */
  readonly writeOnly?: true;
};

export type Verification = {
  readonly method: 'GET' | 'POST';
  readonly baseUrl: string | null;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>> | null;
  readonly success: { readonly path: string; readonly equals?: string | number | boolean } | null;
  readonly accountPath: string | null;
};

export type Api = {
  /** `mcp`: the base URL is an MCP server, and each request carries its messages. */
  readonly protocol: 'http' | 'mcp';
  readonly baseUrl: string;
  readonly allowedHosts: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly unsafeGet: boolean;
  /** Without `path` every answer of that status; without `equals` any value there. */
  readonly invalidToken: readonly { readonly status: number; readonly path?: string; readonly equals?: string }[];
  readonly verify: Verification | null;
  /** How git logs in with this secret. */
  readonly git: { readonly hosts: readonly string[]; readonly username: string } | null;
  /** Names of the environment variables that the vendor's own libraries read. */
  readonly sdk: { readonly baseUrl: string; readonly key: string } | null;
};

export type InjectRule =
  | { readonly in: 'header'; readonly name: string; readonly value: string }
  | { readonly in: 'query'; readonly name: string; readonly value: string }
  | { readonly in: 'path'; readonly value: string }
  | { readonly in: 'basic'; readonly username: string; readonly password: string };

/** How a client authenticates. A definition never says `private_key_jwt`: Keyward registers itself with that. */
export type ClientAuth =
  | 'client_secret_basic'
  | 'client_secret_basic_raw'
  | 'client_secret_post'
  | 'private_key_jwt'
  | 'none';
export type BodyFormat = 'form' | 'json';

/** Fields of every authentication type. `api` is the connector's with this type's own fields in place. */
type Common = {
  readonly title: string | null;
  /** Null with OAuth, and where no page is known. */
  readonly keyUrl: string | null;
  readonly inputs: Inputs;
  readonly api: Api;
  readonly inject: readonly InjectRule[];
};

type TokenResponse = {
  readonly tokenPath: string | null;
  readonly errorPath: string | null;
  readonly errorCodes: Readonly<Record<string, StandardCode>>;
  readonly expiresInUnit: 's' | 'ms';
  readonly defaultExpiresIn: number | null;
  readonly refreshExpiresIn: string;
  readonly keep: readonly string[];
};

export type Revocation = {
  readonly method: 'POST' | 'DELETE';
  readonly authMethod: ClientAuth | 'bearer';
  readonly token: 'refresh_token' | 'access_token';
  readonly tokenParam: string | null;
  readonly bodyFormat: BodyFormat;
  readonly ends: 'token' | 'grant';
};

/** What every type with tokens says about the token endpoint. Endpoints that are null are discovered from `issuer`. */
type TokenEndpoint = Common & {
  readonly issuer: string | null;
  readonly tokenEndpoint: string | null;
  readonly tokenEndpointAuthMethod: ClientAuth;
  readonly revocationEndpoint: string | null;
  readonly revocation: Revocation;
  readonly clientIdParam: string;
  readonly bodyFormat: BodyFormat;
  readonly scopes: readonly string[];
  readonly scopesInput: string | null;
  readonly scopeSeparator: string;
  readonly scopeParam: string;
  readonly tokenParams: Readonly<Record<string, string>>;
  readonly tokenHeaders: Readonly<Record<string, string>>;
  readonly tokenResponse: TokenResponse;
};

/** The types whose client a person registers at the service. */
type Registered = TokenEndpoint & { readonly appSteps: readonly string[] };

export type OAuth2Method = Registered & {
  readonly authenticationType: 'oauth2';
  readonly protectedResource: string | null;
  readonly authorizationEndpoint: string | null;
  readonly refreshEndpoint: string | null;
  readonly deviceAuthorizationEndpoint: string | null;
  readonly refreshAuthMethod: ClientAuth;
  readonly publicClients: boolean;
  readonly authorizationResponseIssParameterSupported: boolean;
  readonly pkce: 'S256' | 'unannounced' | 'public_clients' | 'none';
  readonly loopbackRedirect: 'ip' | 'localhost' | 'none';
  readonly authorizationParams: Readonly<Record<string, string>>;
  readonly refreshParams: Readonly<Record<string, string>>;
  readonly scopeOnRefresh: boolean;
  readonly callbackParams: readonly string[];
  readonly refresh: {
    readonly marginSeconds: number;
    readonly rotates: boolean;
    readonly idleLifetimeSeconds: number | null;
    readonly absoluteLifetimeSeconds: number | null;
  };
};

export type ClientCredentialsMethod = Registered & { readonly authenticationType: 'oauth2_client_credentials' };
/** Where the parts of an assertion are among the inputs, and what it says besides (RFC 7523 §3). */
type Assertion = {
  readonly issuer: string;
  readonly subject: string | null;
  readonly audience: string | null;
  readonly privateKey: string;
  readonly keyId: string | null;
  readonly algorithm: 'RS256' | 'PS256' | 'ES256';
  readonly lifetimeSeconds: number;
  readonly scopeClaim: string | null;
};

export type JwtBearerMethod = TokenEndpoint & {
  readonly authenticationType: 'oauth2_jwt_bearer';
  readonly assertion: Assertion;
};
type ApiKeyMethod = Common & { readonly authenticationType: 'api_key' };
type BearerMethod = Common & { readonly authenticationType: 'bearer' };
type BasicMethod = Common & { readonly authenticationType: 'basic' };
/** What requests are signed for: parts of the credential scope of AWS Signature Version 4. */
type SignatureScope = {
  readonly service: string;
  readonly region: string;
  readonly verifyService: string | null;
};
/** Nothing is injected: each request carries a signature instead of the secret. */
export type AwsSigV4Method = Common & { readonly authenticationType: 'aws_sigv4'; readonly signature: SignatureScope };

/** The types whose tokens come from a token endpoint. */
export type TokenMethod = OAuth2Method | ClientCredentialsMethod | JwtBearerMethod;
export type AuthMethod = TokenMethod | ApiKeyMethod | BearerMethod | BasicMethod | AwsSigV4Method;

export type Connector = {
  readonly id: string;
  readonly name: string;
  readonly aliases: readonly string[];
  readonly categories: readonly string[];
  readonly docsUrl: string;
  readonly appUrl: string;
  /** Ask `familyOf` for it: a connector file belongs to none. */
  readonly clientFamily: ClientFamily | null;
  /** Scope → what it lets Keyward do. */
  readonly scopeDescriptions: Readonly<Record<string, string>>;
  readonly verifiedOn: string | null;
  readonly evidence: readonly string[];
  readonly unverified: readonly string[];
  readonly inputs: Inputs;
  readonly api: Api;
  readonly auth: readonly AuthMethod[];
};
