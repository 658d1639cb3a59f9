/** Headers of streamable HTTP that say of a message what stands in it, or which session it is of. */
import { nameOf } from '../../broker/mcp-servers/messages.ts';
import { isRecord, type Message, ownVersion, type Written } from './message.ts';

/** A session, as far as its messages name it. */
type SessionNames = { readonly id: string | null; readonly version: string | null };

/** Header name → its value. */
type Headers = Readonly<Record<string, string>>;

const posted = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

/** Of a message of a session (2025-11-25, Streamable HTTP), or of none yet. */
export function sessionHeaders(session: SessionNames | null): Headers {
  return {
    ...(session?.id && { 'mcp-session-id': session.id }),
    ...(session?.version && { 'mcp-protocol-version': session.version }),
  };
}

/** Of a POST with these messages. One that says its own version is of no session (2026-07-28, Streamable HTTP). */
export function postHeaders(written: Written, session: SessionNames | null, marks: Marks): Headers {
  const [only] = written.messages;
  const version = only === undefined || written.messages.length > 1 ? null : ownVersion(only);
  if (only === undefined || version === null) return { ...posted, ...sessionHeaders(session) };
  const name = nameOf(only);
  return {
    ...posted,
    'mcp-protocol-version': version,
    'mcp-method': only.method,
    ...(typeof name === 'string' && { 'mcp-name': fieldValue(name) }),
    ...(only.method === 'tools/call' && marks.headers(only)),
  };
}

/** An argument of a tool that goes into a header, too. */
type Mark = { readonly header: string; readonly path: readonly string[] };

/** Which arguments of which tools go into headers, too (2026-07-28, `x-mcp-header`). */
type Marks = {
  /** Learns from a list of tools that passes. */
  learn(result: unknown): void;
  headers(call: Message): Headers;
};

/** Most tools that are remembered, and levels of a schema that are looked at. */
const [mostTools, mostLevels] = [2_000, 20];

export function createMarks(): Marks {
  const ofTools = new Map<string, readonly Mark[]>();
  return {
    learn(result) {
      if (!isRecord(result) || !Array.isArray(result.tools)) return;
      for (const tool of result.tools) {
        if (!isRecord(tool) || typeof tool.name !== 'string') continue;
        const found = marksIn(tool.inputSchema, []);
        ofTools.delete(tool.name);
        if (found.length > 0 && ofTools.size < mostTools) ofTools.set(tool.name, found);
      }
    },
    headers({ params }) {
      const pairs = (ofTools.get(String(params.name)) ?? []).flatMap(({ header, path }) => {
        const value = path.reduce<unknown>((all, key) => (isRecord(all) ? all[key] : undefined), params.arguments);
        const text = typeof value === 'number' && !Number.isSafeInteger(value) ? undefined : value;
        return ['string', 'number', 'boolean'].includes(typeof text)
          ? [[`mcp-param-${header.toLowerCase()}`, fieldValue(String(text))]]
          : [];
      });
      return Object.fromEntries(pairs);
    },
  };
}

/** The marked properties of a schema; they are reached by `properties` alone. */
function marksIn(schema: unknown, path: readonly string[]): Mark[] {
  if (!isRecord(schema) || !isRecord(schema.properties) || path.length === mostLevels) return [];
  return Object.entries(schema.properties).flatMap(([name, property]) => {
    const inside = [...path, name];
    const header = isRecord(property) ? property['x-mcp-header'] : undefined;
    const own = typeof header === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(header) ? [{ header, path: inside }] : [];
    return [...own, ...marksIn(property, inside)];
  });
}

/** A text as the value of a header; one that HTTP would not leave as it is goes in base64 (2026-07-28, Value Encoding). */
function fieldValue(text: string): string {
  const plain = /^[\t\x20-\x7e]+$/.test(text) && text === text.trim() && !/^=\?base64\?.*\?=$/.test(text);
  return plain ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`;
}
