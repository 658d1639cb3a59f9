/** Which OAuth clients a connector may use: those that were entered for it, and those of its vendor's family. */

import { familyOf } from '../../connectors/builtin.ts';
import type { Connector } from '../../connectors/definition/definition.ts';
import type { Owner } from '../../principal.ts';
import type { AuthConfig } from '../../vault/vault.ts';
import type { Broker, DefaultAuthConfig } from '../broker.ts';
import { allOf } from '../input/paging.ts';

/** The client that the environment has for this connector, else for its family. */
export function environmentClient({ settings }: Broker, connector: Connector): DefaultAuthConfig | undefined {
  const family = familyOf(connector);
  return settings.authConfigs.get(connector.id) ?? (family === null ? undefined : settings.familyClients.get(family));
}

/**
 * True where a stored client may be used for this connector: it was entered for it, or for another service of its family.
 * A row says only what it was entered for; which family that is, the built-in definition says. So a client from before
 * there were families serves them, too: the vendor knows it by its id, and its secret goes to the same hosts.
 */
export function isEnteredFor(
  { catalogue }: Broker,
  stored: Pick<AuthConfig, 'connectorId'>,
  connector: Connector,
): boolean {
  if (stored.connectorId === connector.id) return true;
  const family = familyOf(connector);
  const other = family === null ? undefined : catalogue.get(stored.connectorId);
  return other !== undefined && familyOf(other) === family;
}

/**
 * The holder's clients that were entered for this connector or its family, the one to prefer last: those of the connector
 * itself come after those of its family, and of each kind the newest comes last.
 */
export async function clientsFor(broker: Broker, holder: Owner, connector: Connector): Promise<AuthConfig[]> {
  const filter = familyOf(connector) === null ? { connectorId: connector.id } : {};
  const all = await allOf((page) => broker.vault.list('authConfig', holder, filter, page));
  const usable = all.filter((one) => isEnteredFor(broker, one, connector));
  const isOwn = ({ connectorId }: AuthConfig) => connectorId === connector.id;
  return [...usable.filter((one) => !isOwn(one)), ...usable.filter(isOwn)];
}
