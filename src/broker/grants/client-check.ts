/** The OAuth clients of an owner, as they have to be registered at their services. */
import { clientsAt, serverInputName } from '../../connectors/auth-kinds.ts';
import type { OAuth2Method } from '../../connectors/definition/definition.ts';
import { clientFamilies } from '../../connectors/families.ts';
import type { Principal } from '../../principal.ts';
import type { Broker } from '../broker.ts';
import { knowsRedirectUri } from '../oauth/registered.ts';
import { defaultAuthConfigId, listAuthConfigs } from './auth-configs.ts';
import { contextWith } from './oauth-context.ts';
import { redirectUriFor } from './redirect-uri.ts';

export type ClientCheck = {
  readonly authConfigId: string;
  readonly connectorId: string;
  readonly clientId: string;
  /** What must be registered, exactly so. */
  readonly redirectUri: string;
  /** Where it is registered: an address, or the host of a server. */
  readonly registeredAt: string;
  /** Whether the service knows the two together; null where it does not show that. `ended` where Keyward's own registration is over. */
  readonly known: boolean | null | 'ended';
};

/**
 * Each client that works by a redirect URI, as a function that asks its service. A client whose connector is gone, or whose
 * service takes no redirect URI of this Keyward, throws there.
 */
export async function clientChecks(
  broker: Broker,
  principal: Principal,
): Promise<(() => Promise<ClientCheck | null>)[]> {
  const { authConfigs, familyClients } = broker.settings;
  const ofFamilies = [...familyClients].map(([name, client]) => [clientFamilies[name].examples[0], client] as const);
  const defaults = [...authConfigs, ...ofFamilies].map(([connectorId, { clientId }]) => ({
    id: defaultAuthConfigId,
    connectorId,
    clientId,
    server: null,
  }));
  const stored = await listAuthConfigs(broker, principal);
  return [...defaults, ...stored].map((config) => () => checkClient(broker, config));
}

type Client = Pick<
  Awaited<ReturnType<typeof listAuthConfigs>>[number],
  'id' | 'connectorId' | 'clientId' | 'server' | 'registration'
>;

async function checkClient(broker: Broker, config: Client): Promise<ClientCheck | null> {
  const { id, connectorId, clientId, server = null, registration } = config;
  const connector = broker.catalogue.require(connectorId);
  const auth = connector.auth.find((one): one is OAuth2Method => one.authenticationType === 'oauth2');
  if (auth === undefined) return null;
  const name = serverInputName(auth);
  const inputs: Record<string, string> = name === null || server === null ? {} : { [name]: server };
  const redirectUri = registration?.redirectUri ?? redirectUriFor(broker.pages.callbackOrigin, connector, auth, server);
  const found = {
    authConfigId: id,
    connectorId,
    clientId,
    redirectUri,
    registeredAt: clientsAt(connector, auth, inputs),
  };
  const { expiresAt = null } = registration ?? {};
  if (expiresAt !== null && expiresAt <= Date.now()) return { ...found, known: 'ended' };
  const subject = { connectorId, authenticationType: auth.authenticationType, inputs };
  const context = contextWith(broker, subject, { id, client: { clientId, clientSecret: null }, scopes: null });
  return { ...found, known: await knowsRedirectUri({ ...context, auth }, redirectUri) };
}
