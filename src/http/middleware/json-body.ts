/** JSON request bodies: read up to a size, a depth, and no further. */
import type { IncomingMessage } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { KeywardError } from '../../errors.ts';

/** Longest body: a few secrets, some of them keys of several kilobytes. */
const maxBytes = 256 * 1024;
/** No request of Keyward's nests deeper than a few levels; parsers fall over at many thousands. */
const maxDepth = 32;

/** A request that can't be taken as it is: the HTTP status and why. */
export class RequestError extends Error {
  readonly status: 400 | 413 | 415;

  constructor(status: 400 | 413 | 415, message: string) {
    super(message);
    this.name = 'RequestError';
    this.status = status;
  }
}

/** The JSON object of a request's body. Throws `RequestError`; never quotes what was sent. */
export async function readJson(c: Context): Promise<Record<string, unknown>> {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw new RequestError(415, 'The body must be application/json.');
  const encoding = c.req.header('content-encoding');
  if (encoding !== undefined && encoding !== 'identity')
    throw new RequestError(415, 'The body must not be compressed.');
  const text = await readText((c.env as HttpBindings).incoming);
  if (depthOf(text) > maxDepth) throw new RequestError(400, `The body is nested deeper than ${maxDepth} levels.`);
  const content = parse(text);
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) {
    return content as Record<string, unknown>;
  }
  throw new RequestError(400, 'The body must be a JSON object.');
}

function parse(text: string): unknown {
  try {
    // The name can only be there as it is, or with an escape in it.
    if (!/__proto__|\\u/.test(text)) return JSON.parse(text);
    return JSON.parse(text, (name, value: unknown) => {
      if (name === '__proto__') throw new KeywardError('invalid_input', 'No field has that name.');
      return value;
    });
  } catch (error) {
    throw new RequestError(
      400,
      error instanceof KeywardError ? 'The body has a field that no request has.' : 'The body is no valid JSON.',
    );
  }
}

/**
 * The body as text; a length that was promised is not believed. It is read from the connection itself: making a web
 * stream of it first takes longer than all else that a small request needs.
 */
async function readText(incoming: IncomingMessage): Promise<string> {
  const bytes = await readBytes(incoming);
  try {
    return utf8.decode(bytes);
  } catch {
    throw new RequestError(400, 'The body is no valid UTF-8.');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function readBytes(incoming: IncomingMessage): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const take = (chunk: Uint8Array) => {
      size += chunk.length;
      if (size <= maxBytes) return chunks.push(chunk);
      // It is answered still, so the connection stays.
      incoming.off('data', take).pause();
      return reject(new RequestError(413, `The body is longer than ${maxBytes / 1024} KB.`));
    };
    const cut = () => {
      if (!incoming.readableEnded) reject(new RequestError(400, 'The body ended too early.'));
    };
    if (incoming.destroyed) return cut();
    incoming
      .on('data', take)
      .on('end', () => resolve(Buffer.concat(chunks)))
      .on('error', cut)
      .on('close', cut);
  });
}

const [quote, backslash, openList, openObject, closeList, closeObject] = [...'"\\[{]}'].map((sign) =>
  sign.charCodeAt(0),
);

/** How deep brackets nest outside of strings. One pass, since every request pays for it. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charCodeAt(at);
    if (sign === quote) quoted = !quoted;
    else if (quoted) at += sign === backslash ? 1 : 0;
    else if (sign === openList || sign === openObject) deepest = Math.max(deepest, ++depth);
    else if (sign === closeList || sign === closeObject) depth -= 1;
  }
  return deepest;
}
