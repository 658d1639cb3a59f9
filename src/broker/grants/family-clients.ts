/** Which OAuth clients a connector may use: those that were entered for it, and those of its vendor's family. */

import { familyOf } from '../../connectors/builtin.ts';
import type { AuthMethod, Connector } from '../../connectors/definition/definition.ts';
import type { ClientFamily } from '../../connectors/families.ts';
import type { Owner } from '../../principal.ts';
import type { AuthConfig } from '../../vault/vault.ts';
import type { Broker, DefaultAuthConfig } from '../broker.ts';
import { allOf } from '../input/paging.ts';

/** What a client is wanted for: a connector, and how it is connected. */
type Use = { readonly connector: Connector; readonly auth: Pick<AuthMethod, 'authenticationType'> };

/**
 * The family that lends its clients. Only a person who agrees at the vendor uses a client of another service. Where the
 * client alone is enough (`oauth2_client_credentials`), nobody would see that what was entered for one opens another.
 */
function lendingFamily({ connector, auth }: Use): ClientFamily | null {
  return auth.authenticationType === 'oauth2' ? familyOf(connector) : null;
}

/** The client that the environment has for this connector, else for its family. */
export function environmentClient({ settings }: Broker, use: Use): DefaultAuthConfig | undefined {
  const [{ connector }, family] = [use, lendingFamily(use)];
  return settings.authConfigs.get(connector.id) ?? (family === null ? undefined : settings.familyClients.get(family));
}

/**
 * True where a stored client may be used so: it was entered for this connector, or for another service of its family.
 * A row says only what it was entered for; which family that is, the built-in definition says. So a client from before
 * there were families serves them, too: the vendor knows it by its id, and its secret goes to the same hosts.
 */
export function isEnteredFor({ catalogue }: Broker, stored: Pick<AuthConfig, 'connectorId'>, use: Use): boolean {
  if (stored.connectorId === use.connector.id) return true;
  const family = lendingFamily(use);
  const other = family === null ? undefined : catalogue.get(stored.connectorId);
  return other !== undefined && familyOf(other) === family;
}

/**
 * The holder's clients that were entered for this connector or its family, the one to prefer last: those of the connector
 * itself come after those of its family, and of each kind the newest comes last.
 */
export async function clientsFor(broker: Broker, holder: Owner, use: Use): Promise<AuthConfig[]> {
  const { connector } = use;
  const filter = lendingFamily(use) === null ? { connectorId: connector.id } : {};
  const all = await allOf((page) => broker.vault.list('authConfig', holder, filter, page));
  const usable = all.filter((one) => isEnteredFor(broker, one, use));
  const isOwn = ({ connectorId }: AuthConfig) => connectorId === connector.id;
  return [...usable.filter((one) => !isOwn(one)), ...usable.filter(isOwn)];
}
