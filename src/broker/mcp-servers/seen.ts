/**
 * What the owner of a connection saw of an MCP server's tools and prompts. One row a connection, which changes
 * together with `seenTools` of the credential: so whoever has read the credential knows whether what it remembers is
 * the newest, and reads nothing more.
 */
import { type BoundedMap, boundedMap } from '../../bounded-map.ts';
import { hasCode } from '../../errors.ts';
import type { Credential, SeenDefinitions, SeenTools, Vault, VaultChange } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { amend } from '../grants/amend.ts';
import { ownerOf } from '../grants/oauth-context.ts';
import {
  type ComparedItem,
  comparedOf,
  countingPart,
  type Definition,
  type Digests,
  digestOf,
  isCompared,
  keyOf,
  listOf,
  maxItems,
  merged,
  notedStanding,
  nothingListed,
  type Standing,
  standingOf,
} from './definitions.ts';
import type { Item } from './rules.ts';

export type { Definition, Standing } from './definitions.ts';

/** Connections whose definitions are remembered, as digests. */
const remembered = 500;

/** What is known of a connection's server, as of one version of its row. */
type Known = {
  readonly row: number;
  readonly digests: ReadonlyMap<string, Digests>;
  /** Lists that were not read to their end yet. */
  readonly unread: SeenDefinitions['unread'];
};

const knownBy = new WeakMap<Vault, BoundedMap<string, Known>>();

/**
 * How the items of a connection stand. Before its list was read an item counts as seen: nothing tells what it was, and the
 * first list is what the owner saw. A resource always does.
 */
export async function seenBy(broker: Broker, credential: Credential): Promise<(item: Item) => Standing> {
  const known = await knownOf(broker, credential);
  if (known === null) return () => 'seen';
  return (item) => {
    if (!isCompared(item)) return 'seen';
    const digests = known.digests.get(keyOf(item));
    if (digests !== undefined) return notedStanding(digests);
    return known.unread[listOf(item)] === null ? 'seen' : 'new';
  };
}

/** A text that changes with the definition of an item; what was allowed of the one before does not hold for it. */
export async function markOf(broker: Broker, credential: Credential, item: Item): Promise<string> {
  const { seen = null, now = null } = (await knownOf(broker, credential))?.digests.get(keyOf(item)) ?? {};
  return JSON.stringify([keyOf(item), now ?? seen]);
}

/**
 * Notes a list of a server, or a part of one, as it passes: the first one is what the owner saw, and of later ones it is
 * remembered what is new or changed. Answers the standing of each definition.
 *
 * @param more whether the server says that more of the list follows (`nextCursor`)
 */
export async function observe(
  broker: Broker,
  credential: Credential,
  definitions: readonly Definition[],
  more = false,
): Promise<readonly Standing[]> {
  const compared = comparedOf(definitions);
  const standings = (known: Known | null) =>
    definitions.map(({ item, definition }) =>
      isCompared(item) ? standingOf(known?.digests.get(keyOf(item)), { item, definition }) : 'seen',
    );
  const known = await knownOf(broker, credential);
  const isNoted = (one: Definition<ComparedItem>) => {
    const noted = known?.digests.get(keyOf(one.item));
    if (noted === undefined) return known !== null && known.digests.size >= maxItems;
    return (noted.now ?? noted.seen) === digestOf(countingPart(one));
  };
  const isRead = known !== null && !compared.some(({ item }) => listOf(item) in known.unread);
  if (compared.length === 0 || (isRead && compared.every(isNoted))) return standings(known);
  return standings(await note(broker, credential, (before) => merged(before, compared, { more, now: Date.now() })));
}

/**
 * Stores what `change` makes of what is known of a connection's server, and answers that. It may run again when somebody
 * else noted something at the same time.
 */
export async function note(
  broker: Broker,
  credential: Credential,
  change: (before: SeenDefinitions) => SeenDefinitions,
): Promise<Known> {
  let made: Known = unknown;
  const store = (keep: boolean) =>
    amend(broker, credential, async (now) => {
      const row = await rowOf(broker, now);
      const before = await definitionsOf(broker, now, row);
      const next = keep ? change(before) : noneSeen;
      if (next === before && row !== undefined) {
        made = knownAs(row.version, next);
        return null;
      }
      made = knownAs(keep ? (row?.version ?? 0) + 1 : 0, next);
      const { id, tenant, owner } = now;
      const kept: VaultChange = row
        ? { op: 'update', kind: 'seenTools', record: row, secret: next }
        : { op: 'create', kind: 'seenTools', record: { id, tenant, owner }, secret: next };
      const waiting = waitingIn(made);
      const noRoom = row ? [{ op: 'delete', kind: 'seenTools', record: row } as const] : [];
      return { record: { ...now, seenTools: { row: made.row, ...waiting } }, alongside: keep ? [kept] : noRoom };
    });
  try {
    await store(true);
  } catch (error) {
    // Without room for them nothing was seen: to call it anyway would be to trust what nobody looked at.
    if (!hasCode(error, 'limit_reached')) throw error;
    await store(false);
  }
  rememberedBy(broker).set(credential.id, made);
  return made;
}

/** What is known of a connection's server, with the definitions; null before anything was listed. */
export async function readSeen(broker: Broker, credential: Credential): Promise<SeenDefinitions | null> {
  return credential.seenTools ? definitionsOf(broker, credential, await rowOf(broker, credential)) : null;
}

/** The change that ends what was seen, for the commit that ends its credential, or takes that to another server. */
export async function forgetSeen(broker: Broker, credential: Credential): Promise<VaultChange[]> {
  const row = await rowOf(broker, credential);
  return row ? [{ op: 'delete', kind: 'seenTools', record: row }] : [];
}

function rowOf(broker: Broker, credential: Credential): Promise<SeenTools | undefined> {
  return broker.vault.get('seenTools', ownerOf(credential), credential.id);
}

/** Something was listed, and nothing of it counts as seen. */
const noneSeen: SeenDefinitions = { server: null, items: [], unread: {} };

/** A row that does not open, or is gone, says that nothing was seen; so does one that its credential knows nothing of. */
async function definitionsOf(
  broker: Broker,
  { seenTools }: Credential,
  row: SeenTools | undefined,
): Promise<SeenDefinitions> {
  if (!seenTools) return nothingListed;
  if (row === undefined) return noneSeen;
  return broker.vault.open('seenTools', row).catch((error: unknown) => {
    if (hasCode(error, 'vault_damaged', 'not_found')) return noneSeen;
    throw error;
  });
}

async function knownOf(broker: Broker, credential: Credential): Promise<Known | null> {
  if (!credential.seenTools) return null;
  const cached = rememberedBy(broker).get(credential.id);
  if (cached?.row === credential.seenTools.row) return cached;
  const row = await rowOf(broker, credential);
  const known = knownAs(row?.version ?? 0, await definitionsOf(broker, credential, row));
  rememberedBy(broker).set(credential.id, known);
  return known;
}

function knownAs(row: number, { items, unread }: SeenDefinitions): Known {
  const digests = items.map((one) => [keyOf(one), { seen: digestOf(one.seen), now: digestOf(one.now) }] as const);
  return { row, digests: new Map(digests), unread };
}

const unknown: Known = { row: 0, digests: new Map(), unread: {} };

/** How many items wait for the owner to see them. */
function waitingIn({ digests }: Known): { added: number; changed: number } {
  const standings = [...digests.values()].map(notedStanding);
  const count = (which: Standing) => standings.filter((one) => one === which).length;
  return { added: count('new'), changed: count('changed') };
}

/** What is remembered belongs to one vault. */
function rememberedBy({ vault }: Broker): BoundedMap<string, Known> {
  const known = knownBy.get(vault) ?? boundedMap<string, Known>(remembered);
  knownBy.set(vault, known);
  return known;
}
