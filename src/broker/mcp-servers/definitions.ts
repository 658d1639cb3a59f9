/**
 * Definitions of tools and prompts as MCP servers list them, and of a server's own instructions: what of one counts, and
 * whether it is still what its owner saw. Names are compared as they are: one that only looks like another one is another
 * one.
 */
import { createHash } from 'node:crypto';
import { canonicalJson, type SeenItem, type ServedDefinition, type ServerList } from '../../vault/vault.ts';
import type { Item } from './rules.ts';

/** How an item stands to what the owner of its connection saw. */
export type Standing = 'seen' | 'new' | 'changed';

/** An item whose definition tells a model what to do. */
export type ComparedItem = Pick<SeenItem, 'kind' | 'name'>;

/** What a message uses, or what a server tells of itself. */
export type AnyItem = Item | ComparedItem;

/** An item, and how its server defines it now. */
export type Definition<I extends AnyItem = AnyItem> = { readonly item: I; readonly definition: unknown };

/**
 * Whether an owner has to see an item before it is used. Resources are data that come and go: the rules alone, by their
 * names, say which may be read.
 */
export function isCompared(item: AnyItem): item is ComparedItem {
  return item.kind !== 'resource';
}

/** Most items of a connection. */
export const maxItems = 2_000;
/** Longest name of an item that an owner can have seen, in characters. */
const maxName = 1_024;

/** Whether an item can be kept: nobody reads a longer name. */
export function isNameable({ name }: ComparedItem): boolean {
  return name.length <= maxName;
}

/** One text for one item; no two items have the same. */
export function keyOf({ kind, name }: AnyItem): string {
  return `${kind} ${name}`;
}

/** What is computed of a definition once, however often it is compared. */
type Measure = { readonly digest: string; readonly bytes: number };
const measures = new WeakMap<ServedDefinition, Measure>();

function measureOf(definition: ServedDefinition): Measure {
  const known = measures.get(definition);
  if (known !== undefined) return known;
  const text = canonicalJson(definition);
  const digest = createHash('sha256').update(text).digest('base64url');
  const measure = { digest, bytes: Buffer.byteLength(text) };
  measures.set(definition, measure);
  return measure;
}

/** SHA-256 of a definition; null for none. */
export function digestOf(definition: ServedDefinition | null): string | null {
  return definition && measureOf(definition).digest;
}

/** What an item takes, in bytes. */
export function sizeOf({ name, seen, now }: SeenItem): number {
  const each = [seen, now].map((one) => (one === null ? 4 : measureOf(one).bytes));
  return each.reduce((sum, bytes) => sum + bytes, Buffer.byteLength(name) + itemBytes);
}

/** What stands around the definitions of an item. */
const itemBytes = 50;

/**
 * What of a definition counts: every member, for nobody knows which of them a client gives to its model. Only the web
 * addresses of pictures do not: a client draws what is there, and a server may sign them anew for each list.
 */
function countingPart(definition: unknown): ServedDefinition {
  if (typeof definition !== 'object' || definition === null) return {};
  const given = definition as ServedDefinition;
  return Array.isArray(given.icons) ? { ...given, icons: given.icons.map(countingIcon) } : given;
}

function countingIcon(icon: unknown): unknown {
  const isWeb =
    typeof icon === 'object' && icon !== null && 'src' in icon && /^https?:\/\/[!-~]+$/.test(String(icon.src));
  return isWeb ? { ...icon, src: null } : icon;
}

/** A name in a list, and everything that the list says under it: a client could show any of it. */
export type Listed = { readonly item: ComparedItem; readonly definitions: readonly ServedDefinition[] };

/** The names of a list by key, each once and no more than are kept. */
export function listedIn(definitions: readonly Definition[]): ReadonlyMap<string, Listed> {
  const listed = new Map<string, { item: ComparedItem; definitions: ServedDefinition[] }>();
  for (const { item, definition } of definitions) {
    if (!isCompared(item) || !isNameable(item)) continue;
    const key = keyOf(item);
    const known = listed.get(key);
    if (known !== undefined) known.definitions.push(countingPart(definition));
    else if (listed.size < maxItems) listed.set(key, { item, definitions: [countingPart(definition)] });
  }
  return listed;
}

/** What is compared of a name: the first of its definitions that is not this one, which its owner saw. */
export function comparedOf({ definitions }: Listed, seen: string | null): ServedDefinition {
  return definitions.find((one) => digestOf(one) !== seen) ?? definitions[0] ?? {};
}

/** Whether a list says one and the same under a name. */
export function isOne({ definitions: [first = {}, ...others] }: Listed): boolean {
  return others.every((one) => digestOf(one) === digestOf(first));
}

/** Digests of an item, which is enough to compare. */
export type Digests = { readonly seen: string | null; readonly now: string | null };

/** How a name of a list stands of whose item this much is known. */
export function standingOf(known: Digests | undefined, listed: Listed): Standing {
  if (known === undefined || known.seen === null) return 'new';
  return digestOf(comparedOf(listed, known.seen)) === known.seen ? 'seen' : 'changed';
}

/** The standing that was noted last. */
export function notedStanding({ seen, now }: Digests): Standing {
  if (seen === null) return 'new';
  return now === null ? 'seen' : 'changed';
}

const listsOf: Readonly<Record<ComparedItem['kind'], ServerList>> = {
  tool: 'tools',
  prompt: 'prompts',
  server: 'server',
};

/** The list that an item is in. */
export function listOf({ kind }: ComparedItem): ServerList {
  return listsOf[kind];
}

/**
 * The definitions in the result of a list; what has no name is none. Of `server`, the result of `initialize` or
 * `server/discover`, they are its instructions, which clients give to their model.
 */
export function definitionsIn(list: ServerList, result: unknown): Definition<ComparedItem>[] {
  if (typeof result !== 'object' || result === null) return [];
  if (list === 'server') {
    const instructions = 'instructions' in result ? result.instructions : null;
    const item = { kind: 'server', name: 'instructions' } as const;
    return typeof instructions === 'string' ? [{ item, definition: { instructions } }] : [];
  }
  const listed = (result as Record<string, unknown>)[list];
  const kind = list === 'tools' ? 'tool' : 'prompt';
  return (Array.isArray(listed) ? listed : []).flatMap((definition: unknown) => {
    const name = typeof definition === 'object' && definition !== null && 'name' in definition ? definition.name : null;
    return typeof name === 'string' ? [{ item: { kind, name }, definition }] : [];
  });
}
