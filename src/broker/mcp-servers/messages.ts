/**
 * The JSON-RPC messages that a client sends to an MCP server: what each is, and which tools, prompts and resources it uses.
 * A server must not be able to read another message than Keyward does, so a message that could be read in two ways is none.
 */
import { KeywardError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import { entriesOf, membersOf } from './json-parts.ts';
import type { Item } from './rules.ts';

/** Most messages in one batch (revision 2025-03-26; later ones have none). */
const maxBatch = 100;

/** A request has an id, a notification has none, and a response answers a request of the server. */
export type Message = {
  readonly kind: 'request' | 'notification' | 'response';
  /** Of a request; null for the others. JavaScript rounds numbers, so two ids can be one here. */
  readonly id: string | number | null;
  /** The id as it is written, which is JSON: an answer has to carry this very one. */
  readonly writtenId: string;
  /** Empty for a response. */
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** What it uses, by the specification's methods. */
  readonly items: readonly Item[];
};

/** The body of one POST. */
export type Posted = { readonly batch: boolean; readonly messages: readonly Message[] };

/**
 * The messages of a body.
 *
 * @throws KeywardError `invalid_input` for what is no JSON-RPC message, or could be read in two ways
 */
export function readMessages(text: string): Posted {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    throw unreadable('it is not JSON in UTF-8');
  }
  if (!Array.isArray(value)) {
    return { batch: false, messages: [readMessage(value, text, 0)] };
  }
  if (value.length === 0 || value.length > maxBatch) throw unreadable(`a batch has 1 to ${maxBatch} messages`);
  const entries = entriesOf(text);
  return { batch: true, messages: value.map((one, at) => readMessage(one, text, entries[at]?.start ?? 0)) };
}

/** True for a request of revision 2026-07-28 or later, each of which says its revision itself. */
export function isModern({ params }: Message): boolean {
  return isObject(params._meta) && params._meta['io.modelcontextprotocol/protocolVersion'] !== undefined;
}

/** What the header `Mcp-Name` repeats of a request, where that has such a value (revision 2026-07-28, and its tasks). */
export function nameOf({ method, params }: Pick<Message, 'method' | 'params'>): unknown {
  return Object.hasOwn(named, method) ? params[named[method] ?? ''] : undefined;
}

const named: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

/** What a request of each of these methods uses; undefined where what it names is no text. */
const uses: Readonly<Record<string, (params: Message['params']) => (Item | undefined)[]>> = {
  'tools/call': ({ name }) => [itemOf('tool', name)],
  'prompts/get': ({ name }) => [itemOf('prompt', name)],
  'resources/read': ({ uri }) => [itemOf('resource', uri)],
  'resources/subscribe': subscribed,
  'resources/unsubscribe': subscribed,
  'completion/complete': ({ ref }) => {
    if (!isObject(ref)) return [undefined];
    if (ref.type === 'ref/prompt') return [itemOf('prompt', ref.name)];
    return [ref.type === 'ref/resource' ? itemOf('resource', ref.uri) : undefined];
  },
  'subscriptions/listen': ({ notifications }) => {
    const uris = isObject(notifications) ? (notifications.resourceSubscriptions ?? []) : [];
    return Array.isArray(uris) ? uris.map((uri) => itemOf('resource', uri)) : [undefined];
  },
};

/** Revision 2026-07-28 has neither method: a client that asks for one by its name alone is told so by the server. */
function subscribed({ uri }: Message['params']): (Item | undefined)[] {
  return uri === undefined ? [] : [itemOf('resource', uri)];
}

function itemOf(kind: Item['kind'], name: unknown): Item | undefined {
  return typeof name === 'string' ? { kind, name } : undefined;
}

/** Null stands for what is absent, as many clients write it. */
function readMessage(value: unknown, text: string, at: number): Message {
  if (!isObject(value) || value.jsonrpc !== '2.0') throw unreadable('a message is an object with "jsonrpc": "2.0"');
  checkNames(text, at, meanings.message);
  const method = value.method ?? undefined;
  const response = 'result' in value || 'error' in value;
  const answers = (value.result ?? value.error ?? null) !== null;
  const idless = { id: null, writtenId: 'null', items: [] };
  if (method === undefined && response) return { kind: 'response', method: '', params: {}, ...idless };
  if (typeof method !== 'string' || answers) throw unreadable('a message has either a method, or a result or an error');
  const [id, params] = [value.id ?? null, value.params ?? {}];
  if (!isObject(params)) throw unreadable('params must be an object');
  const members = membersOf(text, at);
  // Of other methods nobody here knows what a name means.
  if (Object.hasOwn(uses, method) || Object.hasOwn(named, method)) {
    for (const { name, start } of members) if (name === 'params') checkNames(text, start, meanings.params);
  }
  const items = Object.hasOwn(uses, method) ? (uses[method]?.(params) ?? []) : [];
  const known = items.filter((item) => item !== undefined);
  if (known.length < items.length) throw unreadable(`${method} does not say what it uses`);
  if (id === null) {
    if (known.length > 0) throw unreadable(`${method} needs an id`);
    return { kind: 'notification', method, params, ...idless };
  }
  if (typeof id !== 'string' && typeof id !== 'number') throw unreadable('an id is a text or a number');
  const { start, end } = members.find(({ name }) => name === 'id') ?? { start: 0, end: 0 };
  return { kind: 'request', id, writtenId: text.slice(start, end), method, params, items: known };
}

/** Names that mean something in an object, each with those that mean something within it. */
type Meanings = { readonly [name: string]: Meanings };

const none: Meanings = {};
const meanings: Readonly<Record<'message' | 'params', Meanings>> = {
  message: { jsonrpc: none, id: none, method: none, params: none, result: none, error: none },
  params: {
    ...{ name: none, uri: none, taskId: none, arguments: none, _meta: none },
    ref: { type: none, name: none, uri: none },
    notifications: { resourceSubscriptions: none },
  },
};

function checkNames(text: string, at: number, meaning: Meanings): void {
  if (!isReadOneWay(text, at, comparedNames(Object.keys(meaning))))
    throw unreadable('a name could be read in two ways');
  for (const { name, start } of membersOf(text, at)) {
    const inner = Object.hasOwn(meaning, name) ? meaning[name] : undefined;
    if (inner !== undefined && inner !== none) checkNames(text, start, inner);
  }
}

/**
 * Whether all read these names of the object that begins at `at` alike. Some libraries take the first of two members of
 * one name, some the last, and some don't mind capital letters.
 */
export function isReadOneWay(text: string, at: number, names: ReadonlyMap<string, string>): boolean {
  const seen = new Set<string>();
  return membersOf(text, at).every(({ name }) => {
    const plain = name.normalize('NFKC').toLowerCase();
    const written = names.get(plain);
    if (written === undefined) return true;
    const once = !seen.has(plain) && name === written;
    seen.add(plain);
    return once;
  });
}

/** Names by the form in which lenient libraries compare them. */
export function comparedNames(names: readonly string[]): ReadonlyMap<string, string> {
  return new Map(names.map((name) => [name.toLowerCase(), name]));
}

/** True for an object that is no list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unreadable(why: string): KeywardError {
  return new KeywardError('invalid_input', `The body is no message that an MCP server can be sent: ${why}.`, {
    hint: 'Send JSON-RPC 2.0 as the Model Context Protocol has it.',
  });
}
