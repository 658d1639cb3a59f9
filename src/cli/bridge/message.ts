/** JSON-RPC messages of MCP. They are looked at, and go on as the text that they came as: numbers and all. */
import { parseJson } from '../../json.ts';

export type Message = {
  readonly kind: 'request' | 'notification' | 'response';
  /** As it is written in JSON, so that a number keeps every digit; null for a notification. */
  readonly id: string | null;
  /** Empty for a response. */
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly result: unknown;
  readonly error: unknown;
};

/** A message, or a batch of them (until 2025-03-26), with its own text on one line. */
export type Written = { readonly text: string; readonly messages: readonly Message[] };

/** The key of `_meta` with the version of the protocol: since 2026-07-28 each request says what it is. */
const versionKey = 'io.modelcontextprotocol/protocolVersion';
const clientKey = 'io.modelcontextprotocol/clientInfo';

/** Messages may nest as deep as what they carry, which is other people's data. */
const maxDepth = 1_000;

/**
 * Reads what stands on a line of stdio, in a body, or in an event.
 *
 * @throws SyntaxError for what is no message
 */
export function readMessages(text: string): Written {
  const value = parseJson(text, maxDepth);
  const messages = (Array.isArray(value) ? value : [value]).map((one) => messageOf(one, text));
  // JSON has line breaks only where spaces may stand.
  return { text: text.replaceAll(/[\r\n]+/g, ' ').trim(), messages };
}

function messageOf(value: unknown, text: string): Message {
  if (!isRecord(value)) throw new SyntaxError('is no JSON-RPC message');
  const { id, method, params, result, error } = value;
  const parts = { params: isRecord(params) ? params : {}, result, error };
  if (typeof method === 'string') {
    const kind = id === undefined ? 'notification' : 'request';
    return { kind, id: id === undefined ? null : idText(id, text), method, ...parts };
  }
  if (id === undefined || (result === undefined && error === undefined))
    throw new SyntaxError('is no JSON-RPC message');
  return { kind: 'response', id: idText(id, text), method: '', ...parts };
}

/** An id as JSON. Of a number that JavaScript rounds, what stands in the text. */
export function idText(id: unknown, text: string): string {
  if (typeof id !== 'number' || Number.isSafeInteger(id)) return JSON.stringify(id) ?? 'null';
  const written = [...text.matchAll(/"(?:id|requestId)"\s*:\s*(-?\d[\d.eE+-]*)/g)].map(([, number = '']) => number);
  return written.find((number) => Number(number) === id) ?? String(id);
}

/** The version that a request of 2026-07-28 or later is of; null for those of a session. */
export function ownVersion({ params }: Message): string | null {
  const version = metaOf(params)[versionKey];
  return typeof version === 'string' ? version : null;
}

/** What the client calls itself: in the handshake, or with each request; undefined where it does not say. */
export function clientName({ method, params }: Message): unknown {
  const info = method === 'initialize' ? params.clientInfo : metaOf(params)[clientKey];
  return isRecord(info) ? info.name : undefined;
}

function metaOf({ _meta }: Message['params']): Readonly<Record<string, unknown>> {
  return isRecord(_meta) ? _meta : {};
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
