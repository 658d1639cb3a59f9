/** How a connection to a service ends, where undici 7 takes it for something else. */
import type { Socket } from 'node:net';

/** Must be called before undici gets the socket: whoever listens first hears first. */
export function endAsItShould(socket: Socket): void {
  socket.on('error', resetIsNoEnd).on('end', readOn);
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
};

/**
 * When a service closes a connection while its answer waits for a slow reader, undici fails an assertion that nobody can
 * catch, and the process ends (nodejs/undici#5360; mended in 8, which needs Node 22). Nothing more comes from the socket
 * then, so the parser need not wait and can tell whether that was all; what it has read waits in the body as before.
 */
function readOn(this: Socket): void {
  const key = Object.getOwnPropertySymbols(this).find(({ description }) => description === 'parser');
  const parser = key === undefined ? null : (Reflect.get(this, key) as Parser | null);
  if (!parser?.paused) return;
  parser.resume();
  // In the middle of a body it waits again, though there is nothing to wait with.
  if (!parser.paused) return;
  parser.llhttp.llhttp_resume(parser.ptr);
  parser.paused = false;
}
