/** The OAuth clients of a person, with what depends on each. */
import type { Owner, Principal } from '../../principal.ts';
import type { AuthConfig } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { pagesOf } from '../input/paging.ts';
import { listAuthConfigs } from './auth-configs.ts';

/** Never its secret. */
export type ClientView = Pick<AuthConfig, 'id' | 'connectorId' | 'name' | 'clientId' | 'createdAt'> & {
  /** The authorization server, where each connection names its own. */
  readonly server: string | null;
  /** True for one that Keyward registered by itself. */
  readonly registered: boolean;
  /** How many of the person's connections were made with it. */
  readonly connections: number;
};

/** Oldest first. */
export async function clientsOf(broker: Broker, principal: Principal): Promise<ClientView[]> {
  const clients = await listAuthConfigs(broker, principal);
  const uses = clients.length === 0 ? new Map<string, number>() : await usesOfClients(broker, principal);
  return clients.map(({ id, connectorId, name, clientId, createdAt, server = null, registration }) => ({
    id,
    connectorId,
    name,
    clientId,
    createdAt,
    server,
    registered: registration !== undefined,
    connections: uses.get(id) ?? 0,
  }));
}

/** How many of an owner's connections were made with each OAuth client, by its id. */
export async function usesOfClients({ vault }: Broker, owner: Owner): Promise<ReadonlyMap<string, number>> {
  const uses = new Map<string, number>();
  for await (const page of pagesOf((at) => vault.list('credential', owner, {}, at))) {
    for (const { authConfigId } of page)
      if (authConfigId !== null) uses.set(authConfigId, (uses.get(authConfigId) ?? 0) + 1);
  }
  return uses;
}
