/**
 * Connections that name their authorization server themselves: an MCP server, or any issuer. Keyward finds the server,
 * and registers there where the server lets it, so that nobody has to.
 */
import type { Connector, OAuth2Method } from '../connectors/definition.ts';
import { serverOf } from '../connectors/kinds.ts';
import { wholeUrl, wholeVariable } from '../connectors/template.ts';
import type { Principal } from '../principal.ts';
import type { ClientRegistration } from '../vault/vault.ts';
import { clientMetadata, clientName, redirectUriFor } from './attempts/redirect-uri.ts';
import { findAuthConfig, newAuthConfig, type UsableAuthConfig } from './auth-configs.ts';
import type { Broker } from './broker.ts';
import { begin, issuerOf, type OAuthClient, type Operation } from './oauth/context.ts';
import { protectedResource } from './oauth/protected-resource.ts';
import { register } from './oauth/register.ts';
import { metadataOf } from './oauth/server.ts';
import { authorize } from './policy.ts';

type Inputs = Readonly<Record<string, string>>;

/** What a protected resource says, as inputs of the connection; the same inputs where the definition asks for none. */
export async function withServer(
  broker: Broker,
  owner: Principal,
  connector: Connector,
  auth: OAuth2Method,
  inputs: Inputs,
): Promise<Inputs> {
  if (auth.protectedResource === null) return inputs;
  await authorize(broker, owner, 'server.discover', { connectorId: connector.id });
  const name = wholeVariable(auth.protectedResource);
  const address = name === null ? new URL(auth.protectedResource) : wholeUrl(inputs, name);
  const found = await protectedResource(operationFor(broker, connector, auth, inputs), address);
  const all = { ...inputs, ...found };
  const metadata = await metadataOf(operationFor(broker, connector, auth, all), found.issuer);
  // Where a server has it, a connection without it ends with its first access token.
  const offline = metadata.scopes_supported?.includes('offline_access') === true;
  const scopes = found.scopes.split(' ');
  return offline && found.scopes !== '' && !scopes.includes('offline_access')
    ? { ...all, scopes: [...scopes, 'offline_access'].join(' ') }
    : all;
}

/**
 * The client to use at the server that the inputs name: a known one, else one that Keyward registers now. Undefined where
 * the server takes no registrations and a person has to register one.
 */
export async function clientFor(
  broker: Broker,
  owner: Principal,
  connector: Connector,
  auth: OAuth2Method,
  inputs: Inputs,
): Promise<UsableAuthConfig | undefined> {
  const server = serverOf(auth, inputs);
  const known = await findAuthConfig(broker, owner, connector.id, null, server);
  if (server === null) return known;
  const redirectUri = redirectUriFor(broker.pages.callbackOrigin, connector, auth, server);
  if (known && isUsable(known.registration, redirectUri)) return known;
  const operation = operationFor(broker, connector, auth, inputs);
  const issuer = issuerOf(operation);
  if (issuer === null) return undefined;
  await authorize(broker, owner, 'server.register', { connectorId: connector.id });
  const made = await introduce(broker, operation, issuer, redirectUri);
  if (!made) return undefined;
  const { client, registration } = made;
  const record = { ...newAuthConfig(owner, connector.id, new URL(issuer).host, client.clientId, server), registration };
  await broker.vault.commit([
    { op: 'create', kind: 'authConfig', record, secret: { clientSecret: client.clientSecret } },
  ]);
  return { id: record.id, client, scopes: null, registration };
}

/** By its own metadata document where the server reads those and can reach it, else by registration; null for neither. */
async function introduce(
  broker: Broker,
  operation: Operation,
  issuer: string,
  redirectUri: string,
): Promise<{ client: OAuthClient; registration: ClientRegistration } | null> {
  const metadata = await metadataOf(operation, issuer);
  const { callbackOrigin } = broker.pages;
  if (metadata.client_id_metadata_document_supported === true && callbackOrigin.startsWith('https:')) {
    const clientId = `${callbackOrigin}/oauth/client/${clientName(operation.connector, issuer)}`;
    return {
      client: { clientId, clientSecret: null },
      registration: { redirectUri, tokenEndpointAuthMethod: 'none', expiresAt: null },
    };
  }
  return register(operation, metadata, clientMetadata(redirectUri));
}

/** A registration is for one redirect URI, and its secret may have an end; what a person entered is the person's to know. */
function isUsable(registration: ClientRegistration | undefined, redirectUri: string): boolean {
  if (!registration) return true;
  const { expiresAt } = registration;
  return registration.redirectUri === redirectUri && (expiresAt === null || expiresAt > Date.now());
}

function operationFor(broker: Broker, connector: Connector, auth: OAuth2Method, values: Inputs): Operation {
  const client = { clientId: 'keyward', clientSecret: null };
  return begin({ egress: broker.egress, connector, auth, values, client, scopes: null });
}
