/**
 * How Keyward becomes the client of a server that a connection names (MCP 2026-07-28, client registration): by its metadata
 * document where the server reads those, else by registration. Where neither works, a person registers a client.
 */
import type { ServerMetadata } from 'openid-client';
import type { OAuth2Method } from '../../connectors/definition/definition.ts';
import type { ClientRegistration } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import type { OAuthClient, Operation } from '../oauth/context.ts';
import { byName, register, takesKey, wantsProof } from '../oauth/register.ts';
import { knowsRedirectUri } from '../oauth/registered.ts';
import { metadataOf } from '../oauth/server.ts';
import type { UsableAuthConfig } from './auth-configs.ts';
import {
  clientMetadata,
  type DocumentMethod,
  readDocument,
  servedClientId,
  servesDocuments,
} from './client-document.ts';
import { clientKey } from './client-key.ts';
import { clientName, sharedRedirectUri } from './redirect-uri.ts';

/** A client as Keyward made it. */
type Introduced = { readonly client: OAuthClient; readonly registration: ClientRegistration };

/**
 * The client at this issuer; null where it takes no registrations of Keyward's.
 *
 * @param redirectUri the one of this server alone
 * @param byDocument false where the server has refused the client of the document
 */
export async function introduce(
  broker: Broker,
  operation: Operation<OAuth2Method>,
  about: { readonly issuer: string; readonly redirectUri: string; readonly byDocument: boolean },
): Promise<Introduced | null> {
  const metadata = await metadataOf(operation, about.issuer);
  const named = about.byDocument ? await byDocument(broker, operation, metadata, about) : null;
  if (named !== null) return named;
  return register(
    operation,
    metadata,
    clientMetadata(about.redirectUri),
    async () => (await clientKey(broker)).publicKeys,
  );
}

/**
 * True where a document can name Keyward. The one on somebody's web space has one redirect URI for every server: it is for
 * those that say who they are in each answer (RFC 9207).
 */
export function readsDocuments(broker: Broker, metadata: ServerMetadata): boolean {
  if (metadata.client_id_metadata_document_supported !== true) return false;
  if (servesDocuments(broker)) return true;
  const says = metadata.authorization_response_iss_parameter_supported === true;
  return says && broker.settings.clientMetadataUrl !== null;
}

/** The client of a document, unless the document or the server is found to refuse it before anybody is sent there. */
async function byDocument(
  broker: Broker,
  operation: Operation<OAuth2Method>,
  metadata: ServerMetadata,
  { issuer, redirectUri }: { readonly issuer: string; readonly redirectUri: string },
): Promise<Introduced | null> {
  if (!readsDocuments(broker, metadata)) return null;
  const byKey = wantsProof(metadata) && takesKey(metadata);
  const offered = servesDocuments(broker)
    ? { ...(await served(broker, clientName(operation.connector, issuer), byKey)), redirectUri }
    : await published(broker, { byKey, takesKey: takesKey(metadata) });
  if (offered === null) return null;
  const client = { clientId: offered.clientId, clientSecret: null };
  if ((await knowsRedirectUri({ ...operation, client }, offered.redirectUri)) === false) return null;
  const { redirectUri: registered, method } = offered;
  return {
    client,
    registration: { redirectUri: registered, tokenEndpointAuthMethod: method, scopes: null, expiresAt: null },
  };
}

async function served(broker: Broker, name: string, byKey: boolean) {
  const method: DocumentMethod = byKey ? 'private_key_jwt' : 'none';
  // The document shows it from now on.
  if (byKey) await clientKey(broker);
  return { clientId: servedClientId(broker, name, method), method };
}

/** The document on somebody's web space says itself how its client authenticates, and that has to fit the server. */
async function published(broker: Broker, server: { readonly byKey: boolean; readonly takesKey: boolean }) {
  const clientId = broker.settings.clientMetadataUrl ?? '';
  const { method, problems } = await readDocument(broker, clientId);
  if (problems.length > 0) broker.log.warn('client_document_unusable', { problem: problems[0] ?? '' });
  const fits = method === 'none' ? !server.byKey : server.takesKey;
  if (problems.length > 0 || !fits) return null;
  return { clientId, method, redirectUri: sharedRedirectUri(broker.pages.callbackOrigin) };
}

/**
 * A client that Keyward made is for one redirect URI, and its secret may have an end; what a person entered is the
 * person's to know.
 *
 * @param scopes what is going to be asked for; `asked` when somebody named them
 */
export function isUsable(
  { pages, settings }: Broker,
  { registration, client }: UsableAuthConfig,
  redirectUri: string,
  scopes: { readonly wanted: readonly string[]; readonly asked: boolean },
): boolean {
  if (!registration) return true;
  const ofDocument = client.clientId === settings.clientMetadataUrl ? [sharedRedirectUri(pages.callbackOrigin)] : [];
  const good = [redirectUri, byName(redirectUri), ...ofDocument].includes(registration.redirectUri);
  // Before it was noted, a client was made for what its server names by itself.
  const { scopes: registered = scopes.asked ? [] : null } = registration;
  const enough = registered === null || scopes.wanted.every((scope) => registered.includes(scope));
  return good && enough && !isEnded(registration);
}

/** True for a client that its server no longer knows, or whose secret has ended. */
export function isEnded(registration: ClientRegistration | undefined): boolean {
  const { expiresAt = null } = registration ?? {};
  return expiresAt !== null && expiresAt <= Date.now();
}
