/** Which service a person means, and by which of its ways they connect it. */
import { closestMatch } from 'leven';
import type { Broker } from '../../broker/broker.ts';
import { getCredentialMetadata, listConnectors } from '../../broker/credentials/metadata.ts';
import { requireAuth } from '../../broker/grants/oauth-context.ts';
import type { CredentialForm } from '../../broker/input/forms.ts';
import { isOAuth } from '../../connectors/auth-kinds.ts';
import type { AuthMethod, Connector } from '../../connectors/definition/definition.ts';
import { KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';

/** One way to connect one service. */
export type Way = { readonly connector: Connector; readonly auth: AuthMethod; readonly form: CredentialForm };

/** Most services that an error names. */
const mostNamed = 5;

/**
 * The connector that a person typed the id, the name or an alias of.
 *
 * @throws KeywardError `unknown_connector` with those that are like it
 */
export async function findService(broker: Broker, principal: Principal, typed: string): Promise<Connector> {
  const exact = broker.catalogue.get(typed.toLowerCase());
  if (exact !== undefined) return exact;
  const plain = (text: string) => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
  const called = broker.catalogue
    .list()
    .filter(({ name, aliases }) => [name, ...aliases].some((one) => plain(one) === plain(typed)));
  const [only] = called;
  if (only !== undefined && called.length === 1) return only;
  const { connectors, hint } = await listConnectors(broker, principal, { query: typed, limit: mostNamed });
  const alike = called.length > 0 ? called.map(({ id }) => id) : connectors.map(({ connectorId }) => connectorId);
  const nearest = closestMatch(typed, broker.catalogue.ids(), { maxDistance: 2 });
  const meant = alike.length > 0 ? alike : nearest === undefined ? [] : [nearest];
  throw new KeywardError('unknown_connector', `There is no service ${typed}.`, {
    hint: [meant.length > 0 ? `Did you mean ${meant.join(', ')}?` : undefined, hint].filter(Boolean).join(' '),
  });
}

/** The ways of a service, the quickest first. */
export async function waysOf(broker: Broker, principal: Principal, connector: Connector): Promise<Way[]> {
  const { metadata } = await getCredentialMetadata(broker, principal, { connectorId: connector.id }, 'model');
  const ways = metadata.map((form) => ({ connector, auth: requireAuth(connector, form.authenticationType), form }));
  return ways.sort((one, other) => effort(one) - effort(other));
}

/** Signing in is a minute, a key two, and an app of one's own ten. */
function effort({ auth, form }: Way): number {
  if (!isOAuth(auth)) return 1;
  return form.authConfigRequired ? 2 : 0;
}

/** What a way takes of the person, in words. */
export function effortText({ connector, auth, form }: Way): string {
  if (!isOAuth(auth)) return `you paste what ${connector.name} gives you, such as a key`;
  return form.authConfigRequired
    ? `you register an app of your own at ${connector.name} first, which takes some ten minutes`
    : `you sign in at ${connector.name}`;
}

/** The way that was named. @throws KeywardError `invalid_input` that lists the ways */
export function wayNamed(ways: readonly Way[], type: string): Way {
  const way = ways.find(({ form }) => form.authenticationType === type);
  if (way !== undefined) return way;
  throw new KeywardError('invalid_input', `${ways[0]?.connector.name ?? 'This service'} is not connected by ${type}.`, {
    hint: `Its ways are ${ways.map(({ form }) => form.authenticationType).join(', ')}.`,
  });
}
