/**
 * Which `tools/call` over HTTP needs no server of its own: one that holds a tool's name, its arguments and what every
 * client says about itself, as nearly every call does. Making a server of the SDK takes longer than most tools do.
 * Whatever is unusual about a request leaves it to the SDK, which knows all rules of the protocol.
 */
import {
  classifyInboundRequest,
  PROTOCOL_VERSION_META_KEY,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server';
import { boundedMap } from '../bounded-map.ts';
import { type Client, clientIn } from './client.ts';
import { tools } from './tools/index.ts';
import type { Tool } from './tools/tool.ts';

export type PlainCall = {
  /** As JSON. */
  readonly id: string;
  readonly tool: Tool;
  readonly args: Record<string, unknown>;
  readonly client: Client;
  /** The protocol's era: `modern` is revision 2026-07-28. */
  readonly era: 'modern' | 'legacy';
  readonly progressToken: string | number | undefined;
};

/** What the SDK found out about a `_meta`. */
type Sender = Pick<PlainCall, 'client' | 'era'>;
type Fields = Readonly<Record<string, unknown>>;

const method = 'tools/call';
const bodyFields = ['jsonrpc', 'id', 'method', 'params'];
const paramFields = ['name', 'arguments', '_meta'];
/** The one revision of the modern era. */
const revision = '2026-07-28';
/** A `_meta` up to this length, in characters, is remembered; a client sends the same one with each call. */
const maxMeta = 2_000;
const senders = boundedMap<string, Sender>(256);
const silent: Sender = { era: 'legacy', client: { capabilities: undefined, info: undefined } };

/** The call that this request is, or null when the SDK has to answer it. */
export function readPlainCall(header: (name: string) => string | undefined, body: Fields): PlainCall | null {
  const { jsonrpc, id, params } = body;
  if (jsonrpc !== '2.0' || body.method !== method || !isToken(id) || !isObject(params)) return null;
  const { name, arguments: args = {}, _meta: meta } = params;
  if (!onlyHas(body, bodyFields) || !onlyHas(params, paramFields) || !isObject(args)) return null;
  const tool = typeof name === 'string' ? tools.get(name) : undefined;
  if (tool === undefined) return null;
  const { progressToken, ...said } = isObject(meta) ? meta : {};
  if (progressToken !== undefined && !isToken(progressToken)) return null;
  const sender = meta === undefined ? silent : isObject(meta) ? senderOf(said) : null;
  if (sender === null || !headersFit(header, sender.era, tool.name)) return null;
  const { client, era } = sender;
  return { id: JSON.stringify(id), tool, args, client, era, progressToken };
}

/** Who sends this `_meta`, as the SDK reads it; null when it is no valid one. */
function senderOf(meta: Fields): Sender | null {
  const key = JSON.stringify(meta);
  const known = senders.get(key);
  if (known !== undefined) return known;
  if (key.length > maxMeta) return null;
  const body = { jsonrpc: '2.0', id: 0, method, params: { name: '', _meta: meta } };
  const { kind } = classifyInboundRequest({ httpMethod: 'POST', body });
  const odd = kind === 'modern' ? meta[PROTOCOL_VERSION_META_KEY] !== revision : Object.keys(meta).some(isReserved);
  if (kind === 'reject' || odd) return null;
  const sender: Sender = kind === 'modern' ? { era: 'modern', client: clientIn(meta) } : silent;
  senders.set(key, sender);
  return sender;
}

/** The headers are those that the era demands (2026-07-28: they repeat the body), as most clients write them. */
function headersFit(header: (name: string) => string | undefined, era: Sender['era'], tool: string): boolean {
  const version = header('mcp-protocol-version');
  if (era === 'modern') return version === revision && header('mcp-method') === method && header('mcp-name') === tool;
  const accept = header('accept') ?? '';
  const streams = accept.includes('application/json') && accept.includes('text/event-stream');
  return streams && (version === undefined || SUPPORTED_PROTOCOL_VERSIONS.includes(version));
}

/** What a revision keeps for itself in `_meta`. */
function isReserved(name: string): boolean {
  return name.startsWith('io.modelcontextprotocol/');
}

/** What names a request, or asks for its progress: a text or a whole number. */
function isToken(value: unknown): value is string | number {
  return typeof value === 'string' || Number.isSafeInteger(value);
}

function isObject(value: unknown): value is Fields & Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function onlyHas(object: Fields, names: readonly string[]): boolean {
  return Object.keys(object).every((name) => names.includes(name));
}
