/** Builds the broker, once for each process, and brings home what it still holds when it closes. */
import type { Credential, CredentialSecret } from '../vault/vault.ts';
import type { Broker, BrokerParts } from './broker.ts';
import { storeFresh } from './grants/amend.ts';
import { createRefusals } from './policy/audit.ts';

/** How often secrets are looked for that can't be brought back any more. */
const sweepMs = 600_000;

/** Puts the parts together. */
export function createBroker(parts: BrokerParts): Broker {
  const refusals = createRefusals(parts.vault, parts.log);
  const sweep = setInterval(() => {
    parts.vault.purgeReplacedSecrets(Date.now()).catch(() => parts.log.warn('replaced_secrets_not_swept'));
  }, sweepMs).unref();
  const broker: Broker = {
    ...parts,
    refusals,
    flights: new Map(),
    unsaved: new Map(),
    coolDowns: new Map(),
    watched: new Set(),
    async close() {
      clearInterval(sweep);
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
