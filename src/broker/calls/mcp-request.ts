/** A request to an MCP server as it is given, as it goes out, and as the audit log has it. */
import { KeywardError } from '../../errors.ts';
import { readBody } from '../../net/body.ts';
import { oneLine } from '../input/text.ts';
import type { Posted } from '../mcp-servers/messages.ts';
import { readTarget } from './path.ts';
import type { ServiceCall } from './service-call.ts';

/** Largest body of a POST, in bytes: as much as the SDKs' own servers take. */
const maxPosted = 4 * 1024 * 1024;
/** Longest account of a message in the audit log, in characters. */
const maxWords = 200;

/**
 * Refuses what is no call of an MCP server.
 *
 * @throws KeywardError `invalid_input`
 */
export function checkPlace(method: string, path: string): void {
  const target = readTarget(path);
  if (target.path !== '/' || target.query !== '') {
    throw new KeywardError('invalid_input', 'An MCP server has one address, that of the connection itself.', {
      hint: 'Use the path / without a query.',
      details: { fields: { path: 'must be /' } },
    });
  }
  if (['POST', 'GET', 'DELETE'].includes(method)) return;
  throw new KeywardError('invalid_input', `An MCP server is not called with ${method}.`, {
    hint: 'POST sends a message, GET opens a stream of events, DELETE ends a session.',
    details: { fields: { method: 'must be POST, GET or DELETE' } },
  });
}

/**
 * The body as a text.
 *
 * @throws KeywardError `invalid_input` for one that is longer than allowed, or no UTF-8
 */
export async function textOf({ body = '' }: ServiceCall): Promise<string> {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body instanceof Uint8Array ? body : await whole(body);
  if (bytes.length > maxPosted) throw tooLarge();
  try {
    return utf8.decode(bytes);
  } catch {
    throw new KeywardError('invalid_input', 'The body is not UTF-8.', { hint: 'Send JSON in UTF-8.' });
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

async function whole(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  try {
    return await readBody(body, maxPosted);
  } catch (error) {
    throw error instanceof KeywardError ? tooLarge() : error;
  }
}

function tooLarge(): KeywardError {
  return new KeywardError('invalid_input', `A message to an MCP server has at most ${maxPosted} bytes.`, {
    hint: 'Send less at a time.',
  });
}

/** The call as it goes out: what was read is what is sent, and a server must not read it in another way. */
export function messageCall(call: ServiceCall, text: string, { messages }: Posted): ServiceCall {
  const { bodyLength: _, timeoutMs, silenceMs, ...rest } = withAccept(call);
  const headers = Object.entries(rest.headers).filter(([name]) => !/^content-(type|encoding|length)$/i.test(name));
  // It stays open as long as the client listens (MCP 2026-07-28).
  const listens = silenceMs !== undefined && messages.some(({ method }) => method === 'subscriptions/listen');
  return {
    ...rest,
    ...(listens
      ? { timeoutMs: Number.POSITIVE_INFINITY }
      : { ...(timeoutMs && { timeoutMs }), ...(silenceMs && { silenceMs }) }),
    headers: { ...Object.fromEntries(headers), 'content-type': 'application/json' },
    body: text,
  };
}

/** A server refuses who does not say that it takes both (MCP 2025-11-25, Streamable HTTP). */
export function withAccept(call: ServiceCall): ServiceCall {
  if (Object.keys(call.headers).some((name) => name.toLowerCase() === 'accept')) return call;
  return { ...call, headers: { ...call.headers, accept: 'application/json, text/event-stream' } };
}

/** A line for each message, or for each thing that it uses. Arguments are in none. */
export function linesOf({ messages }: Posted): string[] {
  return messages.flatMap(({ method, items }) =>
    items.length > 0 ? items.map(({ name }) => inWords(method, name)) : [inWords(method || 'response')],
  );
}

/** `tools/call create_issue`; of a long one its beginning and its end, where what a path names stands. */
export function inWords(method: string, name = ''): string {
  const text = `${method} ${name}`;
  const half = maxWords / 2;
  // Cut before it is looked at: a name can be as long as a body.
  const [head, tail] = text.length > 4 * maxWords ? [text.slice(0, 2 * maxWords), text.slice(-2 * maxWords)] : [text];
  const signs = [...(oneLine(tail === undefined ? head : `${head}${tail}`, text.length) ?? '')];
  if (signs.length <= maxWords) return signs.join('');
  return `${signs.slice(0, half - 1).join('')}…${signs.slice(-half).join('')}`;
}
