/** A service to connect: a real authorization server and a small API on one port, and the connector file for them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Api, createApi } from './servers/api-server.ts';
import { type AuthorizationServer, startAuthorizationServer } from './servers/authorization-server.ts';

export const connectorId = 'custom.acme';
export const goodApiKey = 'acme_k7Qw9ZpX2vLr8TnB4yHd';

export type World = {
  readonly server: AuthorizationServer;
  readonly api: Api;
  /** Every token and code that it has issued. */
  readonly issued: ReadonlySet<string>;
  /** Options of a Keyward that may reach it and has an OAuth client for it. */
  readonly env: Record<string, string>;
  close(): Promise<void>;
};

export type WorldOptions = {
  /** Seconds; default an hour. */
  readonly accessTokenTtl?: number;
  readonly clientSecret?: string;
  /** What the API takes besides the usual: keys, and `user:password` pairs. */
  readonly apiKeys?: readonly string[];
  readonly passwords?: readonly string[];
};

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const { clientSecret = 'keyward-secret', apiKeys = [], passwords = [], ...ttl } = options;
  let api: Api | undefined;
  const issued = new Set<string>();
  const extra = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/token') noteTokens(response, issued);
    return (await api?.handle(request, response)) ?? false;
  };
  const server = await startAuthorizationServer({
    ...ttl,
    clients: [{ client_id: 'keyward', client_secret: clientSecret }],
    extra,
  });
  api = createApi({
    issuer: server.issuer,
    clientSecret,
    apiKeys: [goodApiKey, ...apiKeys],
    passwords: ['ann:correct horse', ...passwords],
  });
  const folder = await mkdtemp(join(tmpdir(), 'keyward-connectors-'));
  await writeFile(join(folder, 'acme.json'), JSON.stringify(definition(server)));
  const env = {
    KEYWARD_CONNECTORS_DIR: folder,
    KEYWARD_EGRESS_ALLOW: `127.0.0.1:${server.port}`,
    KEYWARD_RELEASE: 'allow',
    KEYWARD_AUTH_CUSTOM_ACME_CLIENT_ID: 'keyward',
    KEYWARD_AUTH_CUSTOM_ACME_CLIENT_SECRET: clientSecret,
  };
  const close = async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { server, api, issued, env, close };
}

/** Notes every token in an answer of the token endpoint. */
function noteTokens(response: ServerResponse, issued: Set<string>): void {
  const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
  response.end = (...args: unknown[]) => {
    const found = /"(?:access|refresh|id)_token":"([^"]+)"/g;
    for (const [, token = ''] of String(args[0]).matchAll(found)) issued.add(token);
    return end(...args);
  };
}

function definition({ issuer, port }: AuthorizationServer): unknown {
  const secret = { type: 'string', writeOnly: true } as const;
  return {
    id: connectorId,
    name: 'Acme',
    categories: ['testing'],
    docsUrl: 'https://acme.example/docs',
    appUrl: 'https://acme.example/apps',
    verifiedOn: '2026-11-20',
    api: {
      baseUrl: `${issuer}/v1`,
      allowedHosts: [`127.0.0.1:${port}`],
      verify: { method: 'GET', path: '/me', accountPath: 'user.email' },
    },
    auth: [
      {
        authenticationType: 'oauth2',
        issuer,
        authorizationEndpoint: `${issuer}/auth`,
        tokenEndpoint: `${issuer}/token`,
        revocationEndpoint: `${issuer}/token/revocation`,
        deviceAuthorizationEndpoint: `${issuer}/device/auth`,
        tokenEndpointAuthMethod: 'client_secret_basic',
        appSteps: ['Under Products, add “Things”; its scopes can be chosen only then.'],
        scopes: ['openid', 'offline_access'],
        pkce: 'S256',
        authorizationParams: { prompt: 'consent' },
        refresh: { marginSeconds: 300, rotates: true },
        inject: [{ in: 'header', name: 'authorization', value: 'Bearer {accessToken}' }],
      },
      {
        authenticationType: 'oauth2_client_credentials',
        tokenEndpoint: `${issuer}/token`,
        tokenEndpointAuthMethod: 'client_secret_basic',
        scopes: [],
        inject: [{ in: 'header', name: 'authorization', value: 'Bearer {accessToken}' }],
      },
      {
        authenticationType: 'api_key',
        inputs: {
          type: 'object',
          properties: {
            apiKey: {
              ...secret,
              title: 'API key',
              pattern: '^acme_[A-Za-z0-9]{16,}$',
              examples: ['acme_0000000000000000'],
            },
          },
          required: ['apiKey'],
        },
        inject: [{ in: 'header', name: 'x-api-key', value: '{apiKey}' }],
      },
      {
        authenticationType: 'basic',
        inputs: {
          type: 'object',
          properties: { username: { type: 'string' }, password: secret },
          required: ['username', 'password'],
        },
        inject: [{ in: 'basic', username: '{username}', password: '{password}' }],
      },
    ],
  };
}
