/** Builds the broker, once for each process, and brings home what it still holds when it closes. */
import type { Credential, CredentialSecret } from '../vault/vault.ts';
import type { Broker, BrokerParts } from './broker.ts';
import { storeFresh } from './grants/amend.ts';
import { createRefusals } from './policy/audit.ts';

/** Puts the parts together. */
export function createBroker(parts: BrokerParts): Broker {
  const refusals = createRefusals(parts.vault, parts.log);
  const broker: Broker = {
    ...parts,
    refusals,
    flights: new Map(),
    unsaved: new Map(),
    coolDowns: new Map(),
    watched: new Set(),
    async close() {
      await Promise.allSettled(broker.flights.values());
      await Promise.all(Array.from(broker.unsaved.values(), (lost) => storeAtLast(broker, lost)));
      await refusals.flush();
    },
  };
  return broker;
}

/** The last chance of a token answer that could not be stored. */
async function storeAtLast(broker: Broker, { tried, secret }: { tried: Credential; secret: CredentialSecret }) {
  try {
    await storeFresh(broker, tried, secret);
  } catch {
    broker.log.error('refresh.answer_lost', { credentialId: tried.id, connectorId: tried.connectorId });
  }
}
