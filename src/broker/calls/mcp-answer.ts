/** What an MCP server answers, message by message: lists show what may be used, and an answer is one to this request. */
import { KeywardError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import { readBody } from '../../net/body.ts';
import type { Definition } from '../mcp-servers/definitions.ts';
import { createEventReader, eventWith, type ServerEvent, withData } from '../mcp-servers/events.ts';
import { entriesOf, hasTwins, keepEntries, membersOf } from '../mcp-servers/json-parts.ts';
import { comparedNames, isObject, isReadOneWay } from '../mcp-servers/messages.ts';
import type { Item } from '../mcp-servers/rules.ts';

/** Largest message of a server that is read, decoded, in bytes. */
const maxMessage = 16 * 1024 * 1024;

/** A list of a server, and what its entries are. */
type Listed = Definition;

export type Lens = {
  /** Which of these entries of one list are shown; `more` says whether the list goes on. */
  readonly shows: (listed: readonly (Listed | null)[], more: boolean) => Promise<readonly boolean[]>;
  /** Whether this response may pass. */
  readonly answers: (response: Readonly<Record<string, unknown>>) => boolean;
  /** True for what clients ask for anew when its stream ends. */
  readonly isAskedAnew?: boolean;
};

/** The lists of a result, by the member that holds them, and how an entry of each is named. */
const lists: Readonly<Record<string, readonly [kind: Item['kind'], name: string]>> = {
  tools: ['tool', 'name'],
  prompts: ['prompt', 'name'],
  resources: ['resource', 'uri'],
  resourceTemplates: ['resource', 'uriTemplate'],
};

/** Names that mean something in a message, in its result, and in an entry of a list. */
const namesOfMessages = comparedNames(['jsonrpc', 'id', 'method', 'params', 'result', 'error']);
const namesOfResults = comparedNames([...Object.keys(lists), 'nextCursor', 'instructions']);
const namesOfEntries = comparedNames([
  ...['name', 'uri', 'uriTemplate', 'title', 'description'],
  ...['inputSchema', 'outputSchema', 'annotations', 'arguments'],
]);

/**
 * The text of a message, or of a batch, as the client may have it; the very same where there is nothing to take out. Null
 * for what the client must not have: what can't be read here might be read there, and an answer to somebody else's request.
 *
 * @param withheld called where the client does not have all
 */
async function throughLens(text: string, lens: Lens, withheld = () => {}): Promise<string | null> {
  const value = parsed(text);
  if (!Array.isArray(value)) {
    const passed = value === undefined ? null : await messageThrough(text, value, lens);
    if (passed === null) withheld();
    return passed;
  }
  const entries = entriesOf(text);
  const texts: string[] = [];
  let same = true;
  for (const [index, { start, end }] of entries.entries()) {
    const one = text.slice(start, end);
    const passed = await messageThrough(one, value[index], lens);
    same &&= passed === one;
    if (passed === null) withheld();
    else texts.push(passed);
  }
  if (same) return text;
  return texts.length === 0 ? null : `[${texts.join(',')}]`;
}

/** A whole body through the lens; null as there. */
export async function bodyThrough(body: AsyncIterable<Uint8Array>, lens: Lens): Promise<Body> {
  const bytes = await readBody(body, maxMessage);
  const written = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  if (written.trim() === '') return { bytes, passed: true, written };
  const text = await throughLens(written, lens);
  if (text === null) return { bytes, passed: false, written };
  return { bytes: text === written ? bytes : Buffer.from(text), passed: true, written };
}

type Body = { readonly bytes: Uint8Array; readonly passed: boolean; readonly written: string };

/**
 * A stream of events through the lens.
 *
 * @param failed the messages that take the place of what did not come, when a message is too large or can't be judged,
 *   or the stream ends without an answer that could still be resumed; null where nobody waits for one
 */
export async function* eventsThrough(
  body: AsyncIterable<Uint8Array>,
  lens: Lens,
  service: string,
  failed: ((error: KeywardError) => readonly string[]) | null,
): AsyncGenerator<Uint8Array> {
  const reader = createEventReader(maxMessage);
  let over = false;
  let resumable = lens.isAskedAnew === true;
  let complete = true;
  const withheld = () => {
    complete = false;
  };
  const pass = async (cut: () => readonly ServerEvent[]): Promise<Uint8Array> => {
    const parts: Uint8Array[] = [];
    try {
      for (const event of cut()) {
        resumable ||= Boolean(event.id);
        parts.push(await eventThrough(event, lens, withheld));
      }
    } catch (error) {
      if (failed === null || !(error instanceof KeywardError)) throw error;
      over = true;
      parts.push(...failed(error).map(eventWith));
    }
    const [only] = parts;
    return only !== undefined && parts.length === 1 ? only : Buffer.concat(parts);
  };
  for await (const piece of body) {
    const bytes = await pass(() => reader.read(piece));
    if (bytes.length > 0) yield bytes;
    if (over) return;
  }
  const bytes = await pass(() => reader.rest());
  if (bytes.length > 0) yield bytes;
  if (failed === null || over || (resumable && complete)) return;
  yield* failed(complete ? endedEarly() : noAnswer(service)).map(eventWith);
}

function endedEarly(): KeywardError {
  return new KeywardError('provider_unavailable', 'The MCP server ended its answer before it was complete.', {
    hint: 'It may have done what was asked. Look before you call it again.',
    details: { ambiguous: true },
  });
}

/** What somebody is told who waits for an answer that does not come. */
export function noAnswer(service: string): KeywardError {
  return new KeywardError('provider_garbled', `${service} answered with something else than an answer to this.`, {
    hint: 'Check that the address of the connection is that of an MCP server.',
    details: { ambiguous: true },
  });
}

async function eventThrough(event: ServerEvent, lens: Lens, withheld: () => void): Promise<Uint8Array> {
  const { data, type, bytes, isPlain } = event;
  if (data === null || data === '') return isPlain ? bytes : withData(event, data);
  // Clients read no message in an event of another type.
  if (isPlain && type !== '' && type !== 'message' && !looksLikeJson(data)) return bytes;
  const text = await throughLens(data, lens, withheld);
  return isPlain && text === data ? bytes : withData(event, text);
}

async function messageThrough(text: string, value: unknown, lens: Lens): Promise<string | null> {
  if (!isObject(value) || !isReadOneWay(text, 0, namesOfMessages)) return null;
  const { result } = value;
  const inResult = isObject(result) ? membersOf(text).find(({ name }) => name === 'result') : undefined;
  if (inResult !== undefined && !isReadOneWay(text, inResult.start, namesOfResults)) return null;
  const isRequest = typeof value.method === 'string';
  if (isRequest ? 'result' in value || 'error' in value : !lens.answers(value)) return null;
  if (inResult === undefined || !isObject(result)) return text;
  const more = typeof result.nextCursor === 'string';
  let left = text;
  // From the last to the first: what is taken out moves what stands behind it.
  for (const { name, start, end } of membersOf(text, inResult.start).reverse()) {
    // Clients give them to their model, as they do descriptions.
    if (name === 'instructions' && typeof result.instructions === 'string') {
      const [shown] = await lens.shows([instructionsOf(result.instructions)], false);
      if (!shown) left = `${left.slice(0, start)}""${left.slice(end)}`;
    }
    const list = Object.hasOwn(lists, name) ? lists[name] : undefined;
    if (list === undefined) continue;
    const entries = entriesOf(text, start);
    const listed = entries.map((entry) => listedAs(list, text.slice(entry.start, entry.end)));
    const shown = await lens.shows(listed, more);
    if (!shown.every(Boolean)) left = keepEntries(left, entries, shown);
  }
  return left;
}

function instructionsOf(instructions: string): Listed {
  return { item: { kind: 'server', name: 'instructions' }, definition: { instructions } };
}

/** Null for an entry without a name, which nobody could use, and for one that could be read in two ways. */
function listedAs([kind, field]: readonly [Item['kind'], string], text: string): Listed | null {
  if (!isReadOneWay(text, 0, namesOfEntries) || hasTwins(text)) return null;
  const definition = parseJson(text);
  const name = isObject(definition) ? definition[field] : undefined;
  return typeof name === 'string' ? { item: { kind, name }, definition } : null;
}

/** True for what somebody could read as JSON; what is none at all has no list in it. */
export function looksLikeJson(text: string): boolean {
  return /^\s*[[{]/.test(text);
}

/** Undefined for what is no JSON, or nests deeper than anybody's message. */
function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
