/** Which service a person means, and which of its ways. */
import { closestMatch } from 'leven';
import type { Broker } from '../../broker/broker.ts';
import { listConnectors } from '../../broker/credentials/metadata.ts';
import type { Way } from '../../broker/credentials/ways.ts';
import type { Connector } from '../../connectors/definition/definition.ts';
import { KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';

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

/** The way that was named. @throws KeywardError `invalid_input` that lists the ways */
export function wayNamed(ways: readonly Way[], type: string): Way {
  const way = ways.find(({ form }) => form.authenticationType === type);
  if (way !== undefined) return way;
  throw new KeywardError('invalid_input', `${ways[0]?.connector.name ?? 'This service'} is not connected by ${type}.`, {
    hint: `Its ways are ${ways.map(({ form }) => form.authenticationType).join(', ')}.`,
  });
}
