/** What a page says of OAuth clients that serve several services of one vendor. */

import { familyOf } from '../../connectors/builtin.ts';
import type { Catalogue } from '../../connectors/catalogue.ts';
import type { Connector, OAuth2Method } from '../../connectors/definition/definition.ts';
import { clientFamilies } from '../../connectors/families.ts';
import type { Attempt } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';

/** The vendor, the names of some other services that its app serves, and how many there are besides. */
export type Family = { readonly vendor: string; readonly examples: readonly string[]; readonly more: number };

/** A client that was entered for the service with this name, and what this one needs of the app besides. */
export type BorrowedClient = {
  readonly enteredFor: string;
  /** The vendor's page for apps. */
  readonly appUrl: string;
  readonly appSteps: readonly string[];
};

/** The other services that the client of this one serves. */
export function familyAround(catalogue: Catalogue, connector: Connector): Family | null {
  const family = familyOf(connector);
  if (family === null) return null;
  const { name: vendor, examples: known } = clientFamilies[family];
  const others = catalogue.list().filter((one) => one.id !== connector.id && familyOf(one) === family);
  const examples = known.filter((id) => id !== connector.id).map((id) => catalogue.require(id).name);
  return { vendor, examples, more: others.length - examples.length };
}

/** Null where the client was entered for this very connector, or comes from the environment: whoever set that sees no page. */
export async function borrowedClient(
  broker: Broker,
  { tenant, owner, authConfigId, authConfigOwner }: Attempt,
  connector: Connector,
  { appSteps }: OAuth2Method,
): Promise<BorrowedClient | null> {
  if (authConfigId === null || familyOf(connector) === null) return null;
  const config = await broker.vault.get('authConfig', { tenant, user: authConfigOwner ?? owner }, authConfigId);
  if (config === undefined || config.connectorId === connector.id) return null;
  const { name: enteredFor } = broker.catalogue.require(config.connectorId);
  return { enteredFor, appUrl: connector.appUrl, appSteps };
}
