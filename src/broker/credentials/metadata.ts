/** What can be connected, and what each connection needs. */
import type { Connector } from '../../connectors/definition/definition.ts';
import type { Principal } from '../../principal.ts';
import type { Broker } from '../broker.ts';
import { hasAuthConfig } from '../grants/auth-configs.ts';
import { type CredentialForm, credentialForm, type FormOptions } from '../input/forms.ts';
import { decodeCursor, defaultLimit, encodeCursor } from '../input/paging.ts';
import { actingFor, authorize } from '../policy/policy.ts';

export type ConnectorView = {
  connectorId: string;
  name: string;
  categories: string[];
  authenticationTypes: string[];
  docsUrl: string;
  /** A file of whoever runs this Keyward describes it; Keyward's own catalogue does not. */
  custom?: true;
};

/** Connectors by relevance to the query, else by id. */
export async function listConnectors(
  broker: Broker,
  principal: Principal,
  input: {
    query?: string | undefined;
    category?: string | undefined;
    cursor?: string | undefined;
    limit?: number | undefined;
  },
): Promise<{ connectors: ConnectorView[]; nextCursor?: string }> {
  await authorize(broker, principal, 'connector.read');
  const found = await broker.catalogue.search(input.query ?? '', input.category);
  const [start] = input.cursor === undefined ? [0] : decodeCursor(input.cursor, [0]);
  const end = start + (input.limit ?? defaultLimit);
  const connectors = found.slice(start, end).map((connector) => viewOfConnector(broker, connector));
  return end < found.length ? { connectors, nextCursor: encodeCursor([end]) } : { connectors };
}

/** One form for each authentication type of a connector. */
export async function getCredentialMetadata(
  broker: Broker,
  principal: Principal,
  input: { connectorId: string; userId?: string | undefined },
  audience: FormOptions['audience'],
): Promise<{ metadata: CredentialForm[] }> {
  const owner = await actingFor(broker, principal, input.userId);
  await authorize(broker, owner, 'connector.read');
  const connector = broker.catalogue.require(input.connectorId);
  const { secretInput } = broker.settings;
  return {
    metadata: await Promise.all(
      connector.auth.map(async (auth) => {
        // Keyward registers itself at a server that it finds; where it can't, the page asks.
        const found = 'protectedResource' in auth && auth.protectedResource !== null;
        const authConfigRequired = !found && !(await hasAuthConfig(broker, owner, connector, auth));
        return credentialForm(connector, auth, { audience, authConfigRequired, secretInput });
      }),
    ),
  };
}

function viewOfConnector({ catalogue }: Broker, connector: Connector): ConnectorView {
  return {
    connectorId: connector.id,
    name: connector.name,
    categories: [...connector.categories],
    authenticationTypes: connector.auth.map((auth) => auth.authenticationType),
    docsUrl: connector.docsUrl,
    ...(catalogue.isCustom(connector.id) && { custom: true }),
  };
}
