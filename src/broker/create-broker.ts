/** Builds the broker, once for each process, and brings home what it still holds when it closes. */
import { createTurns } from '../vault/turns.ts';
import type { Credential, CredentialSecret } from '../vault/vault.ts';
import type { Broker, BrokerParts, UnderWay } from './broker.ts';
import { storeFresh } from './grants/fresh-tokens.ts';
import { createRefusals } from './policy/audit.ts';

/** How often secrets are looked for that can't be brought back any more. */
const sweepMs = 600_000;

/** Puts the parts together. */
export function createBroker(parts: BrokerParts): Broker {
  const refusals = createRefusals(parts.vault, parts.log);
  const sweep = setInterval(() => {
    parts.vault.purge('replacedSecret', Date.now()).catch(() => parts.log.warn('replaced_secrets_not_swept'));
  }, sweepMs).unref();
  const broker: Broker = {
    ...parts,
    refusals,
    underWay: underWay(parts.settings.maxCalls),
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

/** Enough for a program that works for many; nobody's may fill the process. */
const requests = { atOnce: 64, waiting: 256, what: 'requests' };
/** A person looks at few at once; a list and its search read everything that is theirs. */
const pages = { atOnce: 4, waiting: 32, what: 'pages' };
/** A stream costs a connection and little memory; an answer for a model is held whole. */
const streamFactor = 8;
/** A stream that only waits for what a server has to say stays open for a whole session: it must take no call's turn. */
const listenerFactor = 32;
/** Each of a user's connections may be due at once, such as after a night. */
const refreshes = { atOnce: 8, waiting: 1_000, what: 'refreshes' };
/** Each holds a request open for most of a minute. */
const waits = { atOnce: 16, waiting: 0, what: 'waiting calls' };

function underWay(maxCalls: number): UnderWay {
  const streams = maxCalls * streamFactor;
  return {
    requests: createTurns(requests),
    pages: createTurns(pages),
    calls: createTurns({ atOnce: maxCalls, waiting: 4 * maxCalls, what: 'calls' }),
    streams: createTurns({ atOnce: streams, waiting: streams, what: 'calls' }),
    listeners: createTurns({ atOnce: maxCalls * listenerFactor, waiting: 0, what: 'open streams' }),
    refreshes: createTurns(refreshes),
    waits: createTurns(waits),
  };
}

/** The last chance of a token answer that could not be stored. */
async function storeAtLast(broker: Broker, { tried, secret }: { tried: Credential; secret: CredentialSecret }) {
  try {
    await storeFresh(broker, tried, secret);
  } catch {
    broker.log.error('refresh.answer_lost', { credentialId: tried.id, connectorId: tried.connectorId });
  }
}
