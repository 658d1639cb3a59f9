/**
 * Answers on Node's own response: their body streams from its source straight into the client's connection, as fast as the
 * client takes it.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** What is sent. */
export type NodeResponse = {
  readonly status: number;
  /** Later entries win. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: AsyncIterable<Uint8Array> | string | null;
  /** Called with the reason when the body breaks off. */
  readonly onCut?: (error: unknown) => void;
};

/**
 * Sends status and headers, and the body piece by piece. A body that breaks off takes the connection along: the client
 * must not take half of it for the whole. Never rejects.
 */
export async function sendResponse(
  outgoing: ServerResponse,
  { status, headers, body, onCut }: NodeResponse,
): Promise<void> {
  try {
    outgoing.writeHead(status, Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value])));
    if (body === null || typeof body === 'string') return void outgoing.end(body ?? undefined);
    // What is there at once leaves in one packet, as most answers are short; headers do not wait for more. Answers of one
    // turn leave together: waking a client for each takes longer than writing to it. The socket is what is held back: Node
    // 22 forgets to tell of an answer held back itself that there is room again, and Node 24 sends its end before the rest.
    let begun = false;
    let whole = false;
    const { socket } = outgoing;
    socket?.cork();
    setImmediate(() => {
      begun = true;
      if (whole) outgoing.end();
      else outgoing.flushHeaders();
      socket?.uncork();
    });
    for await (const piece of body) {
      if (!outgoing.write(piece)) await writable(outgoing);
    }
    whole = true;
    if (begun) outgoing.end();
  } catch (error) {
    onCut?.(error);
    abortResponse(outgoing);
  }
}

/**
 * Runs this once, when nothing more is sent for a request: its answer is, or its connection closed. A request that came behind
 * another one on its connection never hears itself that this closed: Node gives its answer no connection before its turn.
 */
export function whenOver(outgoing: ServerResponse, end: () => void): void {
  const { socket } = outgoing.req;
  const over = () => {
    outgoing.off('close', over);
    socket.off('close', over);
    end();
  };
  if (outgoing.closed || socket.destroyed) {
    over();
  } else {
    outgoing.once('close', over);
    // As many requests as a client likes may wait on one connection.
    socket.setMaxListeners(0).once('close', over);
  }
}

/** Fires when the program goes away before it has the whole answer: what works for it need not go on then. */
export function goneSignal(outgoing: ServerResponse): AbortSignal {
  const controller = new AbortController();
  whenOver(outgoing, () => {
    if (!outgoing.writableFinished) controller.abort();
  });
  return controller.signal;
}

/**
 * Ends a connection in the middle of an answer. Without chunks, which HTTP/1.0 does not have, its end would be that of a
 * whole answer (RFC 9112 §6.3): only a reset is none.
 */
export function abortResponse(outgoing: ServerResponse): void {
  const { socket } = outgoing;
  if (outgoing.chunkedEncoding || socket === null) outgoing.destroy();
  else socket.resetAndDestroy();
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
