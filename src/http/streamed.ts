/**
 * Answers whose body streams from its source straight into the client's connection, as fast as the client takes it. A
 * web stream in between costs more than all else that the gateway does.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { HttpBindings } from '@hono/node-server';

/** What a handler leaves beside its `Response`, which has the status and no body. */
export type Streamed = {
  /** Headers of the `Response` win over these. */
  readonly headers: Headers;
  readonly body: AsyncIterable<Uint8Array>;
  /** Told why, when the body broke off. */
  readonly onCut: (error: unknown) => void;
};

/** What Hono knows as `c.env`. */
export type Bindings = HttpBindings & { streamed?: Streamed };

/**
 * Sends status and headers, and the body piece by piece. A body that breaks off takes the connection along: the client
 * must not take half of it for the whole. Never rejects.
 */
export async function sendStreamed(outgoing: ServerResponse, response: Response, streamed: Streamed): Promise<void> {
  try {
    outgoing.writeHead(response.status, Object.fromEntries([...streamed.headers, ...response.headers]));
    // What is there at once leaves in one packet, as most answers are short; headers do not wait for more.
    outgoing.cork();
    setImmediate(() => {
      outgoing.flushHeaders();
      outgoing.uncork();
    });
    for await (const piece of streamed.body) {
      if (!outgoing.write(piece)) await writable(outgoing);
    }
    outgoing.end();
  } catch (error) {
    streamed.onCut(error);
    breakOff(outgoing);
  }
}

/**
 * Ends a connection in the middle of an answer. Without chunks, which HTTP/1.0 does not have, its end would be that of a
 * whole answer (RFC 9112 §6.3): only a reset is none.
 */
export function breakOff(outgoing: ServerResponse): void {
  if (outgoing.chunkedEncoding) outgoing.destroy();
  else outgoing.req.socket.resetAndDestroy();
}

/** Fails when the client goes away instead. */
async function writable(outgoing: ServerResponse): Promise<void> {
  const closed = new AbortController();
  const onClose = () => closed.abort();
  outgoing.once('close', onClose);
  try {
    if (outgoing.destroyed) onClose();
    await once(outgoing, 'drain', { signal: closed.signal });
  } finally {
    outgoing.off('close', onClose);
  }
}
