/** What the owner of a connection to an MCP server wants to be asked before: one message, shown as it is sent. */
import { KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { Credential } from '../../vault/vault.ts';
import { requireApproval } from '../approvals/approvals.ts';
import type { Broker } from '../broker.ts';
import { quoted } from '../input/text.ts';
import { isObject, type Message } from '../mcp-servers/messages.ts';
import { textOfHeader } from '../mcp-servers/name-headers.ts';
import type { Item } from '../mcp-servers/rules.ts';
import { markOf, seenBy } from '../mcp-servers/seen.ts';
import { about } from '../policy/access.ts';
import { auditedRefusal } from '../policy/policy.ts';

/** Longer messages and calls nobody reads, in characters. */
export const maxShown = 20_000;

/**
 * Returns when the owner of the connection said yes to this message, or for some minutes to this tool, prompt or resource
 * as it is defined now. The yes belongs to this connection and this caller, and once is once.
 *
 * @param message the JSON-RPC message, as it is sent; its id and what SDKs count with are not part of what is asked
 * @param headers those that come with it; what goes out is `askedText` with `askedHeaders`
 * @throws KeywardError `approval_required` when the owner has been asked, `approval_denied` soon after a no, `forbidden` for
 *   a message that is too long to be read
 */
export async function requireYes(
  broker: Broker,
  principal: Principal,
  credential: Credential,
  { item, message, headers = {} }: { readonly item: Item; readonly message: unknown; readonly headers?: Headers },
): Promise<void> {
  const action = 'credential.call';
  const text = shownMessage(message, headers);
  if (text.length > maxShown) {
    const error = new KeywardError(
      'forbidden',
      `The owner wants to be asked before ${quoted(item.name)} is used, and this message is too long to be shown to them.`,
      { hint: `Send at most ${maxShown} characters, or ask the owner to allow it without being asked.` },
    );
    throw await auditedRefusal(broker, principal, action, about(credential), error);
  }
  const standing = (await seenBy(broker, credential))(item);
  await requireApproval(broker, principal, {
    credential,
    action,
    act: 'call',
    details: { item: { kind: item.kind, name: item.name, standing }, message: text },
    apart: await markOf(broker, credential, item),
  });
}

/** What is sent of a message that the owner is asked about, and what of it they see. */
type Asked = {
  /** Its parameters as they go out. */
  readonly params: Readonly<Record<string, unknown>>;
  /** All of them but what says who calls, and in which version of the protocol. */
  readonly shown: Readonly<Record<string, unknown>>;
};

function askedParams({ _meta, ...rest }: Readonly<Record<string, unknown>>): Asked {
  if (_meta === undefined) return { params: rest, shown: rest };
  if (!isObject(_meta)) return { params: { ...rest, _meta }, shown: { ...rest, _meta } };
  const sent = Object.entries(_meta).filter(([name]) => !traces.has(name));
  const seen = sent.filter(([name, value]) => !ofCaller.has(name) && !isCount(name, value));
  return {
    params: { ...rest, _meta: Object.fromEntries(sent) },
    shown: seen.length === 0 ? rest : { ...rest, _meta: Object.fromEntries(seen) },
  };
}

/** Of whoever traces calls (W3C Trace Context and Baggage). They differ each time, and the call does without. */
const traces: ReadonlySet<string> = new Set(['traceparent', 'tracestate', 'baggage']);
/** What each request of revision 2026-07-28 says of its caller. */
const ofCaller: ReadonlySet<string> = new Set(
  ['protocolVersion', 'clientInfo', 'clientCapabilities'].map((name) => `io.modelcontextprotocol/${name}`),
);

/** By what a client knows to which call progress belongs. */
function isCount(name: string, value: unknown): boolean {
  return name === 'progressToken' && ['string', 'number'].includes(typeof value);
}

/** The text of the message as it goes out once its owner said yes: nothing that stands beside what they were shown. */
export function askedText({ writtenId, method, params }: Message): string {
  const rest = JSON.stringify({ method, params: askedParams(params).params });
  return `{"jsonrpc":"2.0","id":${writtenId},${rest.slice(1)}`;
}

/** The headers that go out with it: those that frame it, and those that are shown. */
export function askedHeaders(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => isFrame(name) || isShown(name)));
}

type Headers = Readonly<Record<string, string>>;

function isFrame(name: string): boolean {
  return /^(accept|content-type|mcp-(session-id|protocol-version|method|name))$/i.test(name);
}

/** `Mcp-Param-*` repeat arguments, which a server may go by instead, and others of such names are options of the server. */
function isShown(name: string): boolean {
  return /^(x-)?mcp-/i.test(name) && !isFrame(name);
}

/** Headers, method and parameters, in the order in which they are sent. */
function shownMessage(message: unknown, headers: Headers): string {
  const { method, params } = (message ?? {}) as { method?: unknown; params?: unknown };
  const shown = Object.entries(headers)
    .filter(([name]) => isShown(name))
    .map(([name, value]) => [name.toLowerCase(), textOfHeader(value)]);
  const told = shown.length === 0 ? {} : { headers: Object.fromEntries(shown) };
  return JSON.stringify({ ...told, method, params: isObject(params) ? askedParams(params).shown : params }, null, 2);
}
