/** What can be connected, and what each connection needs. */
import type { Connector } from '../../connectors/definition/definition.ts';
import { KeywardError } from '../../errors.ts';
import { nameOf, type Principal } from '../../principal.ts';
import type { Broker } from '../broker.ts';
import { hasAuthConfig } from '../grants/auth-configs.ts';
import { type CredentialForm, credentialForm, type FormOptions } from '../input/forms.ts';
import { decodeCursor, defaultLimit, encodeCursor } from '../input/paging.ts';
import { quoted } from '../input/text.ts';
import { actsForOthers, authorize } from '../policy/policy.ts';

type ConnectorView = {
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
): Promise<{ connectors: ConnectorView[]; nextCursor?: string; hint?: string }> {
  await authorize(broker, principal, 'connector.read');
  const { query = '', category } = input;
  requireCategory(broker, category);
  const found = await broker.catalogue.search(query, category);
  const hint = found.length === 0 || !isCalled(found, query) ? { hint: elsewhere(broker, query, category, found) } : {};
  const [start] = input.cursor === undefined ? [0] : decodeCursor(input.cursor, [0]);
  const end = start + (input.limit ?? defaultLimit);
  const connectors = found.slice(start, end).map((connector) => viewOfConnector(broker, connector));
  return { connectors, ...(end < found.length && { nextCursor: encodeCursor([end]) }), ...hint };
}

/** One form for each authentication type of a connector. */
export async function getCredentialMetadata(
  broker: Broker,
  principal: Principal,
  input: { connectorId: string },
  audience: FormOptions['audience'],
): Promise<{ metadata: CredentialForm[] }> {
  await authorize(broker, principal, 'connector.read');
  const connector = broker.catalogue.require(input.connectorId);
  const common = {
    audience,
    userId: nameOf(principal),
    // For whom a program will connect is not known yet; a model connects the person whom it works for.
    actsForOthers: audience === 'program' && actsForOthers(principal),
    secretInput: broker.settings.secretInput,
  };
  return {
    metadata: await Promise.all(
      connector.auth.map(async (auth) => {
        // Keyward registers itself at a server that it finds; where it can't, the page asks.
        const found = 'protectedResource' in auth && auth.protectedResource !== null;
        const authConfigRequired = !found && !(await hasAuthConfig(broker, principal, connector, auth));
        return credentialForm(connector, auth, { ...common, authConfigRequired });
      }),
    ),
  };
}

/** @throws KeywardError `invalid_input` that lists the categories, for one that no connector has */
function requireCategory({ catalogue }: Broker, category: string | undefined): void {
  if (category === undefined) return;
  const known = [...new Set(catalogue.list().flatMap(({ categories }) => categories))].sort();
  if (known.includes(category)) return;
  throw new KeywardError('invalid_input', `There is no category ${quoted(category, 64)}.`, {
    hint: `The categories are ${known.join(', ')}.`,
    details: { fields: { category: `must be one of ${known.join(', ')}` } },
  });
}

/** Connectors for a service that has none of its own, by what is known of it. */
const general = {
  'generic-api-key': 'a key in a header',
  'generic-http': 'a bearer token or a password',
  'generic-oauth2': 'OAuth',
  'mcp-server': 'the address of an MCP server',
};

/** The connectors for any service by its address, each with what has to be known of it, as a part of a sentence. */
export function generalConnectors({ catalogue }: Broker): { connectorId: string; what: string }[] {
  return Object.entries(general).flatMap(([connectorId, what]) =>
    catalogue.get(connectorId) === undefined ? [] : [{ connectorId, what }],
  );
}

/** True where nothing was asked for by name, or something is called just so. */
function isCalled(found: readonly Connector[], query: string): boolean {
  const plain = (text: string) => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
  const wanted = plain(query);
  return (
    wanted === '' || found.some(({ id, name, aliases }) => [id, name, ...aliases].some((one) => plain(one) === wanted))
  );
}

/** What to do when no connector is the one that was meant. */
function elsewhere(broker: Broker, query: string, category: string | undefined, found: readonly Connector[]): string {
  if (category !== undefined && found.length === 0)
    return `Nothing in ${category} matches ${quoted(query, 64)}. Search without a category.`;
  const ways = generalConnectors(broker).map(({ connectorId, what }) => `${connectorId} (${what})`);
  const first =
    found.length === 0
      ? `No service matches ${quoted(query, 64)}. If another spelling finds nothing either,`
      : 'If none of these is the service,';
  return `${first} connect it by its address with ${ways.join(', ')}.`;
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
