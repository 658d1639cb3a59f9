/** What the guards look at in a request, whether Hono has it or Node. */
import type { IncomingMessage } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { KeywardError } from '../../errors.ts';

/** The parts of a request that the guards read. */
export type RequestHead = {
  readonly method: string;
  /** Address of the other end of the connection; empty when that is gone already. */
  readonly peer: string;
  /** The value of a header by its name in lower case. */
  header(name: string): string | undefined;
  /** Every value that the header was sent with, as bytes in Latin-1. */
  values(name: string): readonly string[];
};

/** The head of a request that came through Hono, over a connection or not. */
export function headOfContext(c: Context): RequestHead {
  const { incoming } = (c.env ?? {}) as Partial<HttpBindings>;
  const peer = incoming?.socket?.remoteAddress ?? '';
  const header = (name: string) => c.req.header(name);
  const values = (name: string) => (incoming ? valuesOf(incoming.rawHeaders, name) : [header(name) ?? []].flat());
  return { method: c.req.method, peer, header, values };
}

/** The head of a request that Node handed over. */
export function headOfNode({ method = '', socket, rawHeaders }: IncomingMessage): RequestHead {
  const header = (name: string) => {
    // Node would take the first of two hosts or tokens, and say nothing. Hono has all of them, as here.
    const values = valuesOf(rawHeaders, name);
    return values.length === 0 ? undefined : values.join(', ');
  };
  return { method, peer: socket.remoteAddress ?? '', header, values: (name) => valuesOf(rawHeaders, name) };
}

function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const given = rawHeaders[at] ?? '';
    if (given.length === name.length && given.toLowerCase() === name) found.push(rawHeaders[at + 1] ?? '');
  }
  return found;
}

/** Where a backend that acts for its users names the user, at every door. */
export const userHeader = 'x-alloy-userid';

/**
 * A header that says who is meant. A name may have any letters, so its bytes are read as UTF-8. Sent twice it means
 * nobody, also with the same name: what stands between might have taken either.
 *
 * @throws KeywardError `invalid_input`
 */
export function readIdentity({ values }: Pick<RequestHead, 'values'>, name: string): string | undefined {
  const [value, ...others] = values(name);
  if (value === undefined) return undefined;
  if (others.length > 0) throw invalidHeader(name, 'must be there once');
  try {
    return utf8.decode(Buffer.from(value, 'latin1'));
  } catch {
    throw invalidHeader(name, 'must be UTF-8');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function invalidHeader(name: string, rule: string): KeywardError {
  return new KeywardError('invalid_input', `${name} ${rule}.`, { details: { fields: { [name]: rule } } });
}
