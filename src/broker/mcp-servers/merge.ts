/** What is known of an MCP server once it listed something: what its owner saw first, and what waits for them since. */
import type { SeenDefinitions, SeenItem, ServedDefinition, ServerList } from '../../vault/vault.ts';
import {
  type ComparedItem,
  comparedOf,
  type Definition,
  digestOf,
  isOne,
  keyOf,
  type Listed,
  listedIn,
  listOf,
  maxItems,
  sizeOf,
} from './definitions.ts';

/** Most bytes of a connection's definitions, as JSON. */
const maxDefinitionBytes = 2 * 1024 * 1024;
/** A first list that a client reads in pieces is over after this long. */
const readingMs = 60_000;

/** Nothing was listed yet. */
export const nothingListed: SeenDefinitions = {
  server: null,
  items: [],
  unread: { tools: null, prompts: null, server: null },
};

/** Something was listed, and nothing of it counts as seen. */
export const noneSeen: SeenDefinitions = { server: null, items: [], unread: {} };

/** Whether what this list holds is what its owner sees first. */
function isFirstReading({ unread }: SeenDefinitions, list: ServerList, now: number): boolean {
  const since = unread[list];
  return since === null || (since !== undefined && since <= now && now - since < readingMs);
}

/**
 * What is known once these definitions were listed: of a first reading they are what the owner saw, else they wait where
 * they are new or changed. What has no room is left out, and stays new. Answers `before` itself where nothing is news.
 *
 * @param more whether the server says that more of these lists follows
 */
export function merged(
  before: SeenDefinitions,
  found: readonly Definition[],
  { more, now }: { readonly more: boolean; readonly now: number },
): SeenDefinitions {
  const items = new Map(before.items.map((one) => [keyOf(one), one]));
  let bytes = before.items.reduce((sum, one) => sum + sizeOf(one), 0);
  const unread = { ...before.unread };
  let changed = false;
  const listed = listedIn(found);
  for (const [key, one] of listed) {
    const known = items.get(key);
    if (known === undefined && items.size >= maxItems) continue;
    const isSeen = known === undefined && isOne(one) && isFirstReading(before, listOf(one.item), now);
    const item: SeenItem = {
      ...one.item,
      ...(isSeen ? { seen: comparedOf(one, null), now: null } : noted(known, one)),
    };
    const freed = known === undefined ? 0 : sizeOf(known);
    const fits = bytes - freed + sizeOf(item) <= maxDefinitionBytes;
    // What changed and can't be kept was not seen as it is now.
    const kept = fits ? item : known && { ...item, seen: null, now: null };
    if (kept === undefined || isSameItem(known, kept)) continue;
    changed = true;
    items.set(key, kept);
    bytes += sizeOf(kept) - freed;
  }
  for (const list of new Set([...listed.values()].map(({ item }) => listOf(item)))) {
    if (!(list in unread)) continue;
    const goesOn = more && isFirstReading(before, list, now);
    changed ||= !goesOn || unread[list] === null;
    if (goesOn) unread[list] ??= now;
    else delete unread[list];
  }
  return changed ? { ...before, items: [...items.values()], unread } : before;
}

/**
 * What is known once a whole server was listed. What waited, and is gone from the server, waits no longer; what was seen
 * stays known, so that it can't come back as something else.
 */
export function mergedWhole(
  before: SeenDefinitions,
  found: readonly Definition<ComparedItem>[],
  server: string,
): SeenDefinitions {
  const listed = new Set(found.map(({ item }) => keyOf(item)));
  const items = before.items.filter((one) => one.seen !== null || listed.has(keyOf(one)));
  const next = merged({ ...before, items }, found, { more: false, now: Date.now() });
  const isNews = next.items !== items || items.length < before.items.length || before.server !== server;
  return isNews || Object.keys(before.unread).length > 0 ? { server, items: next.items, unread: {} } : before;
}

function isSameItem(one: SeenItem | undefined, other: SeenItem): boolean {
  return one !== undefined && digestOf(one.seen) === digestOf(other.seen) && digestOf(one.now) === digestOf(other.now);
}

function noted(known: SeenItem | undefined, listed: Listed): Pick<SeenItem, 'seen' | 'now'> {
  const seen = known?.seen ?? null;
  const definition: ServedDefinition = comparedOf(listed, digestOf(seen));
  return { seen, now: digestOf(seen) === digestOf(definition) ? null : definition };
}
