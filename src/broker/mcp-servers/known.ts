/** What a process remembers of the MCP servers of connections: digests, which is enough to say how an item stands. */
import { createHash } from 'node:crypto';
import { type BoundedMap, boundedMap } from '../../bounded-map.ts';
import type { Credential, SeenDefinitions, Vault } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { type AnyItem, type Digests, digestOf, keyOf, notedStanding, type Standing } from './definitions.ts';

/** Items that are remembered of all connections together. */
const remembered = 50_000;
/** Connections whose writes are counted. */
const counted = 10_000;
/** A server makes Keyward write so often at once, as when a client reads a long first list page by page. */
const writesAtOnce = 20;
/** And once more after this long. */
const writeEveryMs = 30_000;

/** Which version of which row something was read from. */
type Version = Pick<NonNullable<Credential['seenTools']>, 'row' | 'mark'>;

/** What is known of a connection's server, as of one version of its row. */
export type Known = Version & {
  /** By a hash of the item: a name takes as much room as its server likes. */
  readonly digests: Map<string, Digests>;
  /** Lists that were not read to their end yet. */
  readonly unread: SeenDefinitions['unread'];
};

/** What is known where the row of this version holds this. */
export function knownAs({ row, mark }: Version, { items, unread }: SeenDefinitions): Known {
  const digests = items.map((one) => [hashOf(one), { seen: digestOf(one.seen), now: digestOf(one.now) }] as const);
  return { row, ...(mark !== undefined && { mark }), digests: new Map(digests), unread };
}

/** Nothing. */
export const unknown: Known = { row: 0, digests: new Map(), unread: {} };

/** What is known of an item. */
export function digestsOf(known: Known | null, item: AnyItem): Digests | undefined {
  return known?.digests.get(hashOf(item));
}

/** Remembers what an item is now, until the row is read again. */
export function rememberNow({ digests }: Known, item: AnyItem, now: string | null): void {
  const known = digests.get(hashOf(item));
  if (known !== undefined) digests.set(hashOf(item), { ...known, now });
}

function hashOf(item: AnyItem): string {
  return createHash('sha256').update(keyOf(item)).digest('base64url');
}

/** How many items wait for the owner to see them. */
export function waitingIn({ digests }: Known): { added: number; changed: number } {
  const standings = [...digests.values()].map(notedStanding);
  const count = (which: Standing) => standings.filter((one) => one === which).length;
  return { added: count('new'), changed: count('changed') };
}

type Memory = {
  readonly known: BoundedMap<string, Known>;
  /** When the writes that were made would all be over, one each `writeEveryMs`; in milliseconds since 1970. */
  readonly writes: BoundedMap<string, number>;
};

const memories = new WeakMap<Vault, Memory>();

/** What is remembered belongs to one vault. */
function memoryOf({ vault }: Broker): Memory {
  const memory = memories.get(vault) ?? {
    known: boundedMap<string, Known>(remembered, ({ digests }) => 1 + digests.size),
    writes: boundedMap<string, number>(counted),
  };
  memories.set(vault, memory);
  return memory;
}

/** What is known of a connection's server by connection. */
export function knownBy(broker: Broker): BoundedMap<string, Known> {
  return memoryOf(broker).known;
}

/** Whether what a server says may be written now, which then counts: a server does not decide how often that happens. */
export function takeWrite(broker: Broker, credentialId: string): boolean {
  const { writes } = memoryOf(broker);
  const now = Date.now();
  const until = Math.max(writes.get(credentialId) ?? now, now) + writeEveryMs;
  if (until - now > writesAtOnce * writeEveryMs) return false;
  writes.set(credentialId, until);
  return true;
}
