/** What else the page of an attempt offers: beginning anew, and other ways of the same service. */
import type { Attempt } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { type Way, waysOf } from '../credentials/ways.ts';
import { personOf } from './finish.ts';
import { needsAuthConfig } from './state.ts';

/**
 * True where the person may begin anew without whoever asked: not for a program's own call, nor for a link that a backend
 * vouched for, which is used up by its browser.
 */
export function mayBeginAgain({ obtainedBy, startedBy }: Pick<Attempt, 'obtainedBy' | 'startedBy'>): boolean {
  return obtainedBy !== 'rest' && (startedBy ?? null) === null;
}

/** The other ways that the page of an attempt offers while it waits for an OAuth client: those that need none. */
export async function otherWays(broker: Broker, attempt: Attempt): Promise<Way[]> {
  // A connection that is made again stays of its kind.
  if (!needsAuthConfig(attempt) || attempt.reconnects !== null || !mayBeginAgain(attempt)) return [];
  const ways = await waysOf(broker, personOf(attempt), broker.catalogue.require(attempt.connectorId));
  return ways.filter(({ form }) => form.authenticationType !== attempt.authenticationType && !form.authConfigRequired);
}
