/** What every request to `/mcp` has to pass behind the bearer check, whichever way it came in. */
import type { IncomingMessage } from 'node:http';
import type { Broker } from '../../broker/broker.ts';
import { actingFor } from '../../broker/policy/policy.ts';
import { toPublic } from '../../errors.ts';
import type { Principal, Scope } from '../../principal.ts';
import type { Bearer, Refusal } from '../auth/bearer.ts';
import { type RequestHead, readIdentity, userHeader } from '../listener/request-head.ts';
import { RequestError, readJsonOf } from '../middleware/json-body.ts';

/** Clients write it with and without the slash. */
export const paths: readonly string[] = ['/mcp', '/mcp/'];

type Body = Record<string, unknown>;

/** Who asks, and the id under which the log knows the request. */
type Caller = { readonly principal: Principal; readonly requestId: string };

/** What a call can do while it runs. */
export type Meanwhile = {
  /** Fires when the client goes away. */
  readonly signal: AbortSignal;
  /** Tells the client something before the answer: a JSON-RPC message. */
  notify(message: string): void;
};

/** A call that needs nothing but its answer. */
export type Call = {
  /** Its client reads a stream of events, else JSON unless something is told before the answer. */
  readonly streams: boolean;
  /** Answers the response, as JSON. */
  run(caller: Caller, meanwhile: Meanwhile): Promise<string>;
};

/** The protocol, as the MCP side provides it. */
export type Protocol = {
  /** The call that a request is, if it needs no more than its answer; null for everything else. */
  callIn(header: RequestHead['header'], body: Body): Call | null;
  answer(request: Request, body: Body | undefined, caller: Caller): Promise<Response>;
  toolOf(body: Body): { readonly name: string; readonly scope: Scope } | null;
};

export type McpParts = { readonly broker: Broker; readonly bearer: Bearer; readonly protocol: Protocol };

/** What is answered instead. */
export type Refused = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly content: object;
};

/** A request that the protocol may see. Without a body it is no POST. */
export type Asked = { readonly caller: Caller; readonly body: Body | undefined };

/** Reads a request of this principal, or answers why the protocol does not see it. */
export async function readRequest(
  { broker, bearer, protocol }: McpParts,
  head: RequestHead,
  incoming: IncomingMessage,
  { principal: asking, requestId }: Caller,
): Promise<Asked | Refused> {
  const principal = await actingFor(broker, asking, readIdentity(head, userHeader), userHeader);
  const caller = { principal, requestId };
  if (head.method !== 'POST') return { caller, body: undefined };
  try {
    const body = await readJsonOf(head, incoming);
    const tool = protocol.toolOf(body);
    // Step-up: the client may come back with a token that has the scope.
    if (tool === null || principal.scopes.has(tool.scope)) return { caller, body };
    return refusedBy(await bearer.lacking(principal, `tool.${tool.name}`, tool.scope));
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return { status: error.status, headers: {}, content: invalidRequest(error.message) };
  }
}

/** The bearer check's answer. */
export function refusedBy({ status, headers, error }: Refusal): Refused {
  return { status, headers, content: { error: toPublic(error) } };
}

/**
 * A request whose client takes anything (RFC 9110 §12.5.1: no `Accept`, or one with `*\/*`), in the form that the protocol
 * looks for. Its body was read before.
 */
export function withAccept(request: Request): Request {
  const accept = request.headers.get('accept') ?? '*/*';
  if (!/(^|[\s,])\*\/\*(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(accept)) return request;
  const headers = new Headers(request.headers);
  headers.set('accept', 'application/json, text/event-stream');
  return new Request(request.url, { method: request.method, headers, signal: request.signal });
}

/** JSON-RPC 2.0 §5.1: no id, since nothing was read. */
function invalidRequest(message: string) {
  return { jsonrpc: '2.0', id: null, error: { code: -32600, message } };
}
