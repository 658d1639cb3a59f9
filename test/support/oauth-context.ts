/** Contexts for the OAuth protocol functions, as the broker would build them. */

import type { OAuthContext } from '../../src/broker/oauth/context.ts';
import { checkDefinition } from '../../src/connectors/definition/checks.ts';
import { complete } from '../../src/connectors/definition/complete.ts';
import type { ClientCredentialsMethod, OAuth2Method } from '../../src/connectors/definition/definition.ts';
import type { Egress } from '../../src/net/egress.ts';
import { createEgress } from '../../src/net/open-egress.ts';

/** Reaches loopback, nothing else. */
export const loopbackEgress: Egress = createEgress({ allow: ['127.0.0.1'] });

type Changes = Partial<Omit<OAuthContext, 'auth' | 'connector'>> & {
  /** Fields of the authentication type, as a connector file writes them. */
  readonly auth?: Record<string, unknown>;
  readonly allowedHosts?: readonly string[];
};

/** A code, refresh and device context for a connector whose server is at `origin`; endpoints as in oidc-provider. */
export function oauth2Context(origin: string, changes: Changes = {}): OAuthContext<OAuth2Method> {
  const own = {
    issuer: origin,
    authorizationEndpoint: `${origin}/auth`,
    tokenEndpoint: `${origin}/token`,
    revocationEndpoint: `${origin}/token/revocation`,
    deviceAuthorizationEndpoint: `${origin}/device/auth`,
    scopes: ['openid', 'offline_access'],
    authorizationParams: { prompt: 'consent' },
  };
  const context = build({ authenticationType: 'oauth2', ...own, ...changes.auth }, changes);
  if (context.auth.authenticationType !== 'oauth2') throw new Error('Not reached.');
  return { ...context, auth: context.auth };
}

/** A context for the client credentials grant. */
export function clientCredentialsContext(origin: string, changes: Changes = {}): OAuthContext<ClientCredentialsMethod> {
  const own = { tokenEndpoint: `${origin}/token`, scopes: ['read'] };
  const context = build({ authenticationType: 'oauth2_client_credentials', ...own, ...changes.auth }, changes);
  if (context.auth.authenticationType !== 'oauth2_client_credentials') throw new Error('Not reached.');
  return { ...context, auth: context.auth };
}

function build(auth: Record<string, unknown>, { allowedHosts, auth: _, ...changes }: Changes): OAuthContext {
  const file = {
    id: 'custom.acme',
    name: 'Acme',
    categories: ['testing'],
    docsUrl: 'https://acme.example/docs',
    appUrl: 'https://acme.example/apps',
    inputs: {
      type: 'object',
      required: Object.keys(changes.values ?? {}),
      properties: Object.fromEntries(Object.keys(changes.values ?? {}).map((name) => [name, { type: 'string' }])),
    },
    api: { baseUrl: 'http://127.0.0.1/v1', allowedHosts: allowedHosts ?? ['127.0.0.1'] },
    // Undefined takes a field out again.
    auth: [Object.fromEntries(Object.entries(auth).filter(([, value]) => value !== undefined))],
  };
  const { definition, problems } = checkDefinition(file);
  if (!definition) throw new Error(JSON.stringify(problems));
  const connector = complete(definition);
  const [method] = connector.auth;
  if (!method || !('tokenEndpoint' in method)) throw new Error('Not an OAuth definition.');
  return {
    egress: loopbackEgress,
    connector,
    auth: method,
    values: {},
    client: { clientId: 'keyward', clientSecret: 'keyward-secret' },
    scopes: null,
    hosts: null,
    timeoutMs: 10_000,
    ...changes,
  };
}
