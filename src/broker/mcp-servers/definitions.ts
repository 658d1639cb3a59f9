/**
 * Definitions of tools and prompts as MCP servers list them: what of one counts, whether it is still what its owner saw, and
 * how much is kept. Names are compared as they are: one that only looks like another one is another one.
 */
import { createHash } from 'node:crypto';
import {
  canonicalJson,
  type SeenDefinitions,
  type SeenItem,
  type ServedDefinition,
  type ServerList,
} from '../../vault/vault.ts';
import type { Item } from './rules.ts';

/** How an item stands to what the owner of its connection saw. */
export type Standing = 'seen' | 'new' | 'changed';

/** An item, and how its server defines it now. */
export type Definition<I extends Item = Item> = { readonly item: I; readonly definition: unknown };

/** An item whose definition tells a model what to do. */
export type ComparedItem = Item & Pick<SeenItem, 'kind'>;

/**
 * Whether an owner has to see an item before it is used. Resources are data that come and go: the rules alone, by their
 * names, say which may be read.
 */
export function isCompared(item: Item): item is ComparedItem {
  return item.kind !== 'resource';
}

/** Those definitions that are kept and compared. */
export function comparedOf(definitions: readonly Definition[]): Definition<ComparedItem>[] {
  return definitions.flatMap(({ item, definition }) => (isCompared(item) ? [{ item, definition }] : []));
}

/** Most items of a connection. */
export const maxItems = 2_000;
/** Most bytes of a connection's definitions, as JSON. */
const maxDefinitionBytes = 2 * 1024 * 1024;
/** A first list that a client reads in pieces is over after this long. */
const readingMs = 60_000;

/** The fields that tell a model what an item is. What else there is (icons, times) may differ with each list. */
const counting: Readonly<Record<ComparedItem['kind'], readonly string[]>> = {
  tool: ['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations'],
  prompt: ['name', 'title', 'description', 'arguments'],
};

/** One text for one item; no two items have the same. */
export function keyOf({ kind, name }: Item): string {
  return `${kind} ${name}`;
}

/** SHA-256 of a definition; null for none. */
export function digestOf(definition: ServedDefinition | null): string | null {
  return definition && createHash('sha256').update(canonicalJson(definition)).digest('base64url');
}

/** What of a definition counts. */
export function countingPart({ item, definition }: Definition<ComparedItem>): ServedDefinition {
  const given = typeof definition === 'object' && definition !== null ? Object.entries(definition) : [];
  return Object.fromEntries(given.filter(([name]) => counting[item.kind].includes(name)));
}

/** Digests of an item, which is enough to compare. */
export type Digests = { readonly seen: string | null; readonly now: string | null };

/** How a definition stands of whose item this much is known. */
export function standingOf(known: Digests | undefined, definition: Definition<ComparedItem>): Standing {
  if (known === undefined || known.seen === null) return 'new';
  return known.seen === digestOf(countingPart(definition)) ? 'seen' : 'changed';
}

/** The standing that was noted last. */
export function notedStanding({ seen, now }: Digests): Standing {
  if (seen === null) return 'new';
  return now === null ? 'seen' : 'changed';
}

/** The list that an item is in. */
export function listOf({ kind }: ComparedItem): ServerList {
  return kind === 'tool' ? 'tools' : 'prompts';
}

/** Nothing was listed yet. */
export const nothingListed: SeenDefinitions = {
  server: null,
  items: [],
  unread: { tools: null, prompts: null },
};

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
  found: readonly Definition<ComparedItem>[],
  { more, now }: { readonly more: boolean; readonly now: number },
): SeenDefinitions {
  const items = new Map(before.items.map((one) => [keyOf(one), one]));
  let bytes = before.items.reduce((sum, one) => sum + sizeOf(one), 0);
  const unread = { ...before.unread };
  let changed = false;
  for (const one of found) {
    const known = items.get(keyOf(one.item));
    if (known === undefined && items.size >= maxItems) continue;
    const definition = countingPart(one);
    const first = isFirstReading(before, listOf(one.item), now);
    const next = known === undefined && first ? { seen: definition, now: null } : noted(known, definition);
    const item: SeenItem = { kind: one.item.kind, name: one.item.name, ...next };
    const freed = known === undefined ? 0 : sizeOf(known);
    const fits = bytes - freed + sizeOf(item) <= maxDefinitionBytes;
    // What changed and can't be kept was not seen as it is now.
    const kept = fits ? item : known && { ...item, seen: null, now: null };
    if (kept === undefined || isSameItem(known, kept)) continue;
    changed = true;
    items.set(keyOf(item), kept);
    bytes += sizeOf(kept) - freed;
  }
  for (const list of new Set(found.map(({ item }) => listOf(item)))) {
    if (!(list in unread)) continue;
    changed = true;
    if (more && isFirstReading(before, list, now)) unread[list] ??= now;
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

function noted(known: SeenItem | undefined, definition: ServedDefinition): Pick<SeenItem, 'seen' | 'now'> {
  const seen = known?.seen ?? null;
  return { seen, now: digestOf(seen) === digestOf(definition) ? null : definition };
}

function sizeOf(item: SeenItem): number {
  return Buffer.byteLength(JSON.stringify(item));
}

/** The kind of the items in each list. */
const kinds: Readonly<Record<ServerList, ComparedItem['kind']>> = { tools: 'tool', prompts: 'prompt' };

/** The definitions in the result of a list; what has no name is none. */
export function definitionsIn(list: ServerList, result: unknown): Definition<ComparedItem>[] {
  const listed = typeof result === 'object' && result !== null ? (result as Record<string, unknown>)[list] : null;
  return (Array.isArray(listed) ? listed : []).flatMap((definition: unknown) => {
    const name = typeof definition === 'object' && definition !== null && 'name' in definition ? definition.name : null;
    return typeof name === 'string' ? [{ item: { kind: kinds[list], name }, definition }] : [];
  });
}
