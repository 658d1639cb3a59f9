/**
 * How long the body of a request may take to arrive. Node has one limit for a whole server; here most bodies are small,
 * and those of the gateway may be long. A slow sender holds a connection, so neither kind is waited for without end.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpBindings } from '@hono/node-server';
import { closeWith } from './connection-refusals.ts';
import { abortResponse } from './node-response.ts';

/** A body arrives whole within this time, unless it may be slow. */
const wholeWithinMs = 15_000;
/** A slow body must deliver `paceBytes` in each `paceMs`: half a minute in which nothing moves is the end. */
const paceMs = 30_000;
const paceBytes = 1_024;

/** The clock of a body that has not arrived yet. */
const clocks = new WeakMap<IncomingMessage, NodeJS.Timeout>();
/** Requests whose connection was cut for their body. */
const late = new WeakSet<IncomingMessage>();

/** Cuts the connection, after a 408, when the body of this request is not there in 15 seconds. */
export function limitBodyTime(request: HttpBindings): void {
  const { incoming } = request;
  const { 'content-length': length, 'transfer-encoding': chunked } = incoming.headers;
  if (chunked === undefined && Number(length ?? 0) === 0) return;
  clocks.set(incoming, setTimeout(cut, wholeWithinMs, request, incoming.socket).unref());
  incoming.once('close', () => clearTimeout(clocks.get(incoming)));
}

/** Lets this body take longer while it keeps coming. Only for a caller who has proved who they are. */
export function allowSlowBody(request: HttpBindings): void {
  const { incoming } = request;
  if (!clocks.has(incoming)) return;
  clearTimeout(clocks.get(incoming));
  const { socket } = incoming;
  let seen = socket.bytesRead;
  const check = () => {
    const arrived = socket.bytesRead - seen;
    seen = socket.bytesRead;
    // What lies here unread waits for the service, not for the sender.
    if (arrived < paceBytes && incoming.readableLength === 0) cut(request, socket);
  };
  clocks.set(incoming, setInterval(check, paceMs).unref());
}

/**
 * The status of a request whose body never arrived whole, whatever became of it further in: 408 when it took too long,
 * 400 when the client went away. Null for any other, and for one that did not come over a connection.
 *
 * @param env what Hono knows as `c.env`
 */
export function brokenOff(env: unknown): 400 | 408 | null {
  const { incoming } = (env ?? {}) as Partial<HttpBindings>;
  if (incoming === undefined || incoming.complete || !incoming.destroyed) return null;
  return late.has(incoming) ? 408 : 400;
}

/** @param socket as the request came with it: undici takes it away from a body that it lets go of */
function cut({ incoming, outgoing }: HttpBindings, socket: Socket): void {
  clearTimeout(clocks.get(incoming));
  if (incoming.complete) return;
  late.add(incoming);
  // As late headers are answered.
  if (outgoing.writableFinished) socket.destroy();
  else if (outgoing.headersSent) abortResponse(outgoing);
  else closeWith(socket, 408);
}
