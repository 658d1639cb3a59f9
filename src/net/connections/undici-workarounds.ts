/** What undici 7 takes for something else, or does not take: each with the place where HTTP says what it is. */
import type { Socket } from 'node:net';

/** Must be called before undici gets the socket: whoever listens first hears first. */
export function workAround(socket: Socket): void {
  socket.on('error', resetIsNoEnd).on('end', readOn).on('readable', takeContinue);
}

/** Early Hints (RFC 8297), which undici passes over as it should. */
const passedOver = 103;

/**
 * undici ends a connection that says `100 Continue` unasked. A client must be able to read an interim answer that it does
 * not expect (RFC 9110 §15.2), and the request has been carried out.
 */
function takeContinue(this: Socket): void {
  const parser = parserOf(this);
  if (parser === null) return;
  this.off('readable', takeContinue);
  const onHeaders = parser.onHeadersComplete;
  parser.onHeadersComplete = (status, ...rest) => onHeaders.call(parser, status === 100 ? passedOver : status, ...rest);
}

/**
 * undici takes a reset for the end of an answer that has neither length nor chunks. It is a failure of the connection,
 * which leaves the answer incomplete (RFC 9112 §8); under this name undici sees it so, too.
 */
function resetIsNoEnd(error: NodeJS.ErrnoException): void {
  if (error.code === 'ECONNRESET') error.code = 'EPIPE';
}

/** What is used of undici's parser of answers. */
type Parser = {
  paused: boolean;
  readonly llhttp: { llhttp_resume(at: unknown): void };
  readonly ptr: unknown;
  resume(): void;
  onHeadersComplete(status: number, upgrade: boolean, shouldKeepAlive: boolean): number;
};

function parserOf(socket: Socket): Parser | null {
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'parser');
  return key === undefined ? null : (Reflect.get(socket, key) as Parser | null);
}

/**
 * When a service closes a connection while its answer waits for a slow reader, undici fails an assertion that nobody can
 * catch, and the process ends (nodejs/undici#5360; mended in 8, which needs Node 22). Nothing more comes from the socket
 * then, so the parser need not wait and can tell whether that was all; what it has read waits in the body as before.
 */
function readOn(this: Socket): void {
  const parser = parserOf(this);
  if (!parser?.paused) return;
  parser.resume();
  // In the middle of a body it waits again, though there is nothing to wait with.
  if (!parser.paused) return;
  parser.llhttp.llhttp_resume(parser.ptr);
  parser.paused = false;
}
