/**
 * A real authorization server on loopback: oidc-provider with PKCE demanded, refresh tokens that rotate (using an old
 * one kills the whole grant), device flow, client credentials, revocation, introspection and RFC 9207 `iss`.
 */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type ClientAuthMethod, type ClientMetadata, type Configuration, errors } from 'oidc-provider';
import { page, serveInteraction } from './authorization-pages.ts';
import { createGrantStore } from './grant-store.ts';

export type AuthorizationServerOptions = {
  /** Default 0: any free port. */
  readonly port?: number;
  /** Another loopback address than 127.0.0.1: browsers keep cookies by host, whatever the port. */
  readonly address?: string;
  /** Merged over one client, `keyward` with secret `keyward-secret`, that may use every grant; default: just that one. */
  readonly clients?: readonly Partial<ClientMetadata>[];
  /** Seconds; default 3,600. */
  readonly accessTokenTtl?: number;
  /** Seconds; default 14 days. */
  readonly refreshTokenTtl?: number;
  /** Makes it an issuer of JWT access tokens for this resource (RFC 8707, RFC 9068). */
  readonly resource?: Resource;
  /** Takes registrations of clients (RFC 7591). */
  readonly registration?: boolean;
  /** Reads clients' metadata documents (draft-ietf-oauth-client-id-metadata-document), from here instead of the Internet. */
  readonly documents?: (url: URL) => Promise<Response>;
  /** How its clients authenticate; default: every way that oidc-provider has by itself. */
  readonly clientAuthMethods?: readonly ClientAuthMethod[];
  /** Answers requests that belong to something else on the same port, such as an API; true when it did. */
  readonly extra?: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
};

export type Resource = {
  /** What clients ask for as `resource`, and tokens name as audience. */
  readonly audience: string;
  readonly scopes: readonly string[];
  /** Claims of a person besides `sub`, in access and ID tokens. */
  readonly claims?: (accountId: string) => Readonly<Record<string, string>>;
};

export type AuthorizationServer = {
  readonly issuer: string;
  readonly port: number;
  readonly clients: readonly ClientMetadata[];
  /** How often the token endpoint was called, by grant type, failures included. */
  readonly calls: Readonly<Record<string, number>>;
  /** How often it answered with an error, by error code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Whether an access or refresh token is good at this moment. */
  isActive(token: string): Promise<boolean>;
  /** What it signs with: with this, anybody is the issuer. */
  signingKey(): { readonly kid: string; readonly privateKey: KeyObject };
  /** From now on it signs with a new key and publishes no other. */
  rotateKeys(): void;
  close(): Promise<void>;
};

/** Client that has every grant; its redirect URIs match on any loopback port (RFC 8252 §7.3). */
export const defaultClient: ClientMetadata = {
  client_id: 'keyward',
  client_secret: 'keyward-secret',
  application_type: 'native',
  redirect_uris: ['http://127.0.0.1/oauth/callback', 'http://localhost/oauth/callback'],
  response_types: ['code'],
  grant_types: [
    'authorization_code',
    'refresh_token',
    'client_credentials',
    'urn:ietf:params:oauth:grant-type:device_code',
  ],
  token_endpoint_auth_method: 'client_secret_basic',
};

export async function startAuthorizationServer(options: AuthorizationServerOptions = {}): Promise<AuthorizationServer> {
  const { address = '127.0.0.1' } = options;
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, address, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const issuer = `http://${address}:${port}`;
  const clients = (options.clients ?? [{}]).map((client) => ({ ...defaultClient, ...client }));
  const adapter = createGrantStore();
  const cookieKeys = [randomBytes(32).toString('base64url')];

  const calls: Record<string, number> = {};
  const failures: Record<string, number> = {};
  const count = (table: Record<string, number>, name: unknown) => {
    table[String(name)] = (table[String(name)] ?? 0) + 1;
  };
  let signingKey = newKey();
  const createProvider = (): Provider => {
    const { kid, privateKey } = signingKey;
    const jwks = { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid }] };
    const cookies = { keys: cookieKeys };
    const made = new Provider(issuer, { ...configuration(options, clients), adapter, cookies, jwks });
    made.on('grant.success', (ctx) => count(calls, ctx.oidc.params?.grant_type));
    made.on('grant.error', (ctx, error) => {
      count(calls, ctx.oidc?.params?.grant_type);
      count(failures, error.error);
    });
    return made;
  };
  let provider = createProvider();
  let answer = provider.callback();
  server.on('request', async (request, response) => {
    try {
      if (request.url?.startsWith('/interaction/')) await serveInteraction(provider, request, response);
      else if (!(await options.extra?.(request, response))) await answer(request, response);
    } catch {
      // An interaction that expired or never was.
      response.writeHead(400).end();
    }
  });

  return {
    issuer,
    port,
    clients,
    calls,
    errors: failures,
    async isActive(token) {
      const found = await Promise.all([
        provider.AccessToken.find(token),
        provider.RefreshToken.find(token),
        provider.ClientCredentials.find(token),
      ]);
      return found.some((one) => one?.isValid);
    },
    signingKey: () => signingKey,
    rotateKeys() {
      signingKey = newKey();
      provider = createProvider();
      answer = provider.callback();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function newKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { kid: randomBytes(6).toString('base64url'), privateKey };
}

function configuration(options: AuthorizationServerOptions, clients: ClientMetadata[]): Configuration {
  const { resource, documents, clientAuthMethods } = options;
  return {
    clients,
    ...(clientAuthMethods && { clientAuthMethods: [...clientAuthMethods] }),
    ...(documents && { fetch: (url: string | URL | Request) => documents(new URL(String(url))) }),
    clientBasedCORS: () => false,
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    scopes: ['openid', 'offline_access', 'email', 'read', 'write'],
    claims: { openid: ['sub', ...Object.keys(resource?.claims?.('') ?? {})], email: ['email'] },
    // Claims that Keyward reads are in the ID token itself, as issuers that serve one do it.
    conformIdTokenClaims: false,
    extraTokenClaims: (_ctx, token) => ('accountId' in token ? resource?.claims?.(token.accountId) : undefined),
    findAccount: (_ctx, accountId) => ({
      accountId,
      claims: () => ({ sub: accountId, email: `${accountId}@example.com`, ...resource?.claims?.(accountId) }),
    }),
    pkce: { required: () => true },
    issueRefreshToken: (_ctx, client, code) =>
      client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
    rotateRefreshToken: true,
    expiresWithSession: () => false,
    ttl: {
      AccessToken: options.accessTokenTtl ?? 3600,
      ClientCredentials: options.accessTokenTtl ?? 3600,
      RefreshToken: options.refreshTokenTtl ?? 14 * 24 * 3600,
      AuthorizationCode: 60,
      DeviceCode: 600,
      Grant: 30 * 24 * 3600,
      IdToken: 3600,
      Interaction: 600,
      Session: 24 * 3600,
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    renderError: (ctx, out) => {
      ctx.type = 'html';
      ctx.body = page('Something went wrong', `<p>${out.error}</p>`);
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      clientIdMetadataDocument: { enabled: documents !== undefined, ack: 'draft-02' },
      registration: { enabled: options.registration === true },
      revocation: { enabled: true, allowedPolicy: () => true },
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: resourceIndicators(resource),
      deviceFlow: {
        enabled: true,
        userCodeInputSource: (ctx, form) => {
          ctx.body = page('Enter the code', `${form}<button type="submit" form="op.deviceInputForm">Go on</button>`);
        },
        userCodeConfirmSource: (ctx, form) => {
          ctx.body = page(
            'Is this your code?',
            `${form}<button type="submit" form="op.deviceConfirmForm">Yes</button>`,
          );
        },
        successSource: (ctx) => {
          ctx.body = page('Done', '<p>You can close this page.</p>');
        },
      },
    },
  };
}

/** Access tokens for the resource are JWTs; no other resource exists. */
function resourceIndicators(resource: Resource | undefined) {
  if (resource === undefined) return { enabled: false };
  return {
    enabled: true,
    useGrantedResource: () => true,
    getResourceServerInfo: (_ctx: unknown, asked: string) => {
      if (asked !== resource.audience) throw new errors.InvalidTarget();
      return {
        scope: resource.scopes.join(' '),
        audience: resource.audience,
        accessTokenFormat: 'jwt' as const,
        jwt: { sign: { alg: 'ES256' as const } },
      };
    },
  };
}
