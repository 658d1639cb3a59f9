/** What the client is told when its message did not get through, or the server refused it: what is wrong, and what to do. */
import type { ServiceAnswer } from '../../broker/calls/call-service.ts';
import { KeywardError, toPublic } from '../../errors.ts';
import { peek } from '../../net/body.ts';
import { quoted } from '../../text.ts';
import { isRecord, type Message, ownVersion, readMessages } from './message.ts';

/** An answer with an error status is read this far, in bytes. */
const lookedInto = 65_536;

/** JSON-RPC's codes: a text that is no message, a server's own trouble. */
const [parseError, serverError] = [-32_700, -32_000];

/** An answer that is not what was asked for. */
type Refusal = {
  readonly status: number;
  /** The beginning of the body. */
  readonly text: string;
  /** The error in it, where it holds one of JSON-RPC. */
  readonly error: Readonly<Record<string, unknown>> | null;
};

/** Reads an answer whose status is an error; null for any other, which is still to be read. */
export async function readRefusal(answer: ServiceAnswer): Promise<Refusal | null> {
  if (answer.status >= 200 && answer.status < 300) return null;
  const { beginning, body } = await peek(answer.body, lookedInto);
  await body[Symbol.asyncIterator]().return?.();
  const text = await answer.scrub(Buffer.from(beginning).toString());
  return { status: answer.status, text, error: errorIn(text) };
}

function errorIn(text: string): Refusal['error'] {
  try {
    const error = readMessages(text).messages[0]?.error;
    return isRecord(error) && Number.isInteger(error.code) && typeof error.message === 'string' ? error : null;
  } catch {
    return null;
  }
}

/** True where the server no longer knows the session that the request named: nothing was done. */
export function isForgotten({ status, text }: Refusal): boolean {
  // 404 is what the specification says; servers that start again answer 400 to what is no handshake.
  return status === 404 || (status === 400 && /session|initializ/i.test(text));
}

/**
 * The refusal in words.
 *
 * @param service name of the service
 */
export function inWords({ status, text, error }: Refusal, service: string): KeywardError {
  const said = quoted(typeof error?.message === 'string' ? error.message : text, 200);
  return new KeywardError('provider_refused', `${service} refused the message with status ${status}: ${said}.`, {
    hint: [404, 405].includes(status)
      ? 'Is its address that of a server with streamable HTTP? Those of the older transport, which often end in /sse, are not supported: connect the newer address, which often ends in /mcp.'
      : 'See what the service says.',
    details: { status },
  });
}

/**
 * The answer to a request that has none of the server: for a tool one that a model reads, for everything else an error of
 * JSON-RPC.
 */
export function failedAnswer(request: Message, error: unknown): string {
  const { code, message, hint } = toPublic(error);
  const words = [message, hint].filter(Boolean).join(' ');
  if (request.method !== 'tools/call')
    return errorAnswer(request.id, { code: serverError, message: words, data: { code } });
  const own = ownVersion(request) === null ? {} : { resultType: 'complete' };
  const result = { ...own, content: [{ type: 'text', text: words }], isError: true };
  return `{"jsonrpc":"2.0","id":${request.id},"result":${JSON.stringify(result)}}`;
}

/** The server's own error, for the request that it is about: some servers answer it without an id. */
export function errorAnswer(id: string | null, error: Readonly<Record<string, unknown>>): string {
  return `{"jsonrpc":"2.0","id":${id ?? 'null'},"error":${JSON.stringify(error)}}`;
}

/** The answer to what is no message. */
export function unreadable(): string {
  return errorAnswer(null, { code: parseError, message: 'The line is no JSON-RPC message of at most 16 MB.' });
}
