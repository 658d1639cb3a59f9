/** What the guards look at in a request, whether Hono has it or Node. */
import type { IncomingMessage } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';

/** One request, as far as that. */
export type Asked = {
  readonly method: string;
  /** Address of the other end of the connection; empty when that is gone already. */
  readonly peer: string;
  /** The value of a header by its name in lower case. */
  header(name: string): string | undefined;
};

/** Of a request that came through Hono, over a connection or not. */
export function askedOf(c: Context): Asked {
  const { incoming } = (c.env ?? {}) as Partial<HttpBindings>;
  const peer = incoming?.socket?.remoteAddress ?? '';
  return { method: c.req.method, peer, header: (name) => c.req.header(name) };
}

/** Of a request that Node handed over. */
export function askedBy({ method = '', socket, rawHeaders }: IncomingMessage): Asked {
  return { method, peer: socket.remoteAddress ?? '', header: (name) => headerOf(rawHeaders, name) };
}

/** All of its values, as Hono has them. Node would take the first of two hosts or tokens, and say nothing. */
function headerOf(rawHeaders: readonly string[], name: string): string | undefined {
  let found: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const given = rawHeaders[at] ?? '';
    if (given.length !== name.length || given.toLowerCase() !== name) continue;
    const value = rawHeaders[at + 1] ?? '';
    found = found === undefined ? value : `${found}, ${value}`;
  }
  return found;
}
