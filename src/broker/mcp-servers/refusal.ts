/** What a client of an MCP server is answered in the server's place, as its protocol has it. */
import { type PublicError, toPublic } from '../../errors.ts';
import { isModern, type Message } from './messages.ts';

/** JSON-RPC 2.0 §5.1: parameters that can't be taken, and trouble of the server's own. */
const [invalidParams, internalError] = [-32_602, -32_603];
/** The request is none, or no JSON (JSON-RPC 2.0 §5.1). */
const invalidRequest = -32_600;
/** A header says something else than the body (MCP 2026-07-28, Streamable HTTP). */
export const headerMismatch = -32_020;

/** Codes that say that the caller asked for something else than it may have. */
const ofCaller: ReadonlySet<string> = new Set(['invalid_input', 'forbidden', 'approval_required', 'approval_denied']);

/**
 * The answer to a request that was not sent, or whose answer did not come: a tool error that a model reads for
 * `tools/call`, else a JSON-RPC error; in words, with the next step.
 */
export function errorAnswer(message: Message, error: unknown): string {
  const shown = toPublic(error);
  const { writtenId, method } = message;
  const withId = (rest: object) => `{"jsonrpc":"2.0","id":${writtenId},${JSON.stringify(rest).slice(1)}`;
  if (method !== 'tools/call') {
    const code = ofCaller.has(shown.code) ? invalidParams : internalError;
    return withId({ error: { code, message: inWords(shown), data: { code: shown.code } } });
  }
  const complete = isModern(message) ? { resultType: 'complete' } : {};
  const content = [{ type: 'text', text: inWords(shown) }];
  return withId({ result: { ...complete, content, isError: true } });
}

/** The answer to a body in which there is no request that could be answered. */
export function refusedBody(error: unknown, code = invalidRequest): string {
  const shown = toPublic(error);
  return JSON.stringify({
    jsonrpc: '2.0',
    id: null,
    error: { code, message: inWords(shown), data: { code: shown.code } },
  });
}

function inWords({ message, hint }: PublicError): string {
  return hint === undefined ? message : `${message} ${hint}`;
}
