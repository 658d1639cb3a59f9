/** From a stored record to what the OAuth protocol functions work on. */

import { usesTokenEndpoint } from '../../connectors/auth-kinds.ts';
import { isBuiltin } from '../../connectors/builtin.ts';
import type { Api } from '../../connectors/connector.ts';
import type { Connector, TokenMethod } from '../../connectors/definition/definition.ts';
import { KeywardError } from '../../errors.ts';
import type { Owner } from '../../principal.ts';
import type { Broker } from '../broker.ts';
import type { OAuthClient, OAuthContext } from '../oauth/context.ts';
import { findAuthConfig, type UsableAuthConfig } from './auth-configs.ts';
import { clientKey } from './client-key.ts';
import { withDefaults } from './current-inputs.ts';

/** The fields that credentials and attempts share. */
type Subject = {
  readonly tenant: string;
  readonly owner: string;
  readonly connectorId: string;
  readonly authenticationType: string;
  readonly authConfigId: string | null;
  readonly authConfigOwner?: string | null;
  readonly inputs: Readonly<Record<string, string>>;
  readonly askedScopes?: readonly string[] | null;
};

/** The owner of a record. */
export function ownerOf(record: { readonly tenant: string; readonly owner: string }): Owner {
  return { tenant: record.tenant, user: record.owner };
}

/** The connector's entry for an authentication type; `invalid_input` names the ones it has. */
export function requireAuth(connector: Connector, authenticationType: string): Connector['auth'][number] {
  const auth = connector.auth.find((one) => one.authenticationType === authenticationType);
  if (auth) return auth;
  const types = connector.auth.map((one) => one.authenticationType).join(', ');
  throw new KeywardError('invalid_input', `${connector.name} has no authentication type ${authenticationType}.`, {
    hint: `Use one of: ${types}.`,
    details: { fields: { authenticationType: `must be one of ${types}` } },
  });
}

/** The connector's entry for a stored credential; undefined when its connector file is gone. */
export function findAuth(
  broker: Pick<Broker, 'catalogue'>,
  { connectorId, authenticationType }: Pick<Subject, 'connectorId' | 'authenticationType'>,
): Connector['auth'][number] | undefined {
  return broker.catalogue.get(connectorId)?.auth.find((one) => one.authenticationType === authenticationType);
}

/** What is spoken at the service of a credential; of one whose connector file is gone, nothing but HTTP is known. */
export function serviceOf(
  broker: Broker,
  credential: Parameters<typeof findAuth>[1],
): Pick<Api, 'protocol' | 'unsafeGet'> {
  return findAuth(broker, credential)?.api ?? { protocol: 'http', unsafeGet: true };
}

/**
 * Builds the context of an OAuth request for a credential or an attempt; `not_found` when its auth config is gone.
 *
 * @param serverHosts the hosts that the credential's tokens were made for; without them those of its auth config count
 */
export async function oauthContext(
  broker: Broker,
  subject: Subject,
  serverHosts?: readonly string[],
): Promise<OAuthContext> {
  const { tenant, owner, connectorId, authConfigId, authConfigOwner } = subject;
  const connector = broker.catalogue.require(connectorId);
  const auth = requireAuth(connector, subject.authenticationType);
  const inputs = withDefaults(connector, auth, subject.inputs);
  // A service account is nobody's client.
  if (auth.authenticationType === 'oauth2_jwt_bearer') return contextWith(broker, subject, noClient, serverHosts);
  const holder = { tenant, user: authConfigOwner ?? owner };
  const config = await findAuthConfig(broker, holder, { connector, auth, inputs }, authConfigId);
  if (!config) {
    throw new KeywardError('not_found', `There is no auth config for ${subject.connectorId} any more.`, {
      hint: 'Connect again: the page asks for the OAuth client.',
    });
  }
  return contextWith(broker, subject, config, serverHosts);
}

/** Stands where no client is known, or none is needed. */
export const noClient: UsableAuthConfig = { id: '', client: { clientId: 'keyward', clientSecret: null }, scopes: null };

/** Builds the context of an OAuth request with an auth config at hand. */
export function contextWith(
  broker: Broker,
  subject: Pick<Subject, 'connectorId' | 'authenticationType' | 'inputs' | 'askedScopes'>,
  config: UsableAuthConfig,
  serverHosts?: readonly string[],
): OAuthContext {
  const connector = broker.catalogue.require(subject.connectorId);
  const auth = requireAuth(connector, subject.authenticationType);
  if (!usesTokenEndpoint(auth)) {
    throw new KeywardError('internal', 'An OAuth request was made for an authentication type without OAuth.');
  }
  return {
    egress: broker.egress,
    connector,
    auth: asRegistered(auth, config),
    values: withDefaults(connector, auth, subject.inputs),
    client: asRegisteredClient(broker, config),
    // Where an input holds them, what the person chose on the page is there.
    scopes: (auth.scopesInput === null ? subject.askedScopes : null) ?? config.scopes,
    // A built-in moves with the service that it describes: its word is Keyward's own.
    hosts: isBuiltin(connector.id) ? null : (serverHosts ?? config.hosts ?? null),
  };
}

/** The client, with Keyward's key where it was registered with that. */
function asRegisteredClient(broker: Broker, { client, registration }: UsableAuthConfig): OAuthClient {
  if (registration?.tokenEndpointAuthMethod !== 'private_key_jwt') return client;
  return { ...client, key: () => clientKey(broker) };
}

/** A client that registered itself authenticates as it was registered. */
function asRegistered<Method extends TokenMethod>(auth: Method, { registration }: UsableAuthConfig): Method {
  if (!registration) return auth;
  const authMethod = registration.tokenEndpointAuthMethod;
  return {
    ...auth,
    tokenEndpointAuthMethod: authMethod,
    refreshAuthMethod: authMethod,
    revocation: { ...auth.revocation, authMethod },
  };
}
