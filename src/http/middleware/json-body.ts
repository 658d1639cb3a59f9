/** JSON request bodies: read up to a size, a depth, and no further. */
import type { IncomingMessage } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { parseJson, TooDeepError } from '../../json.ts';
import { headOfContext, type RequestHead } from '../listener/request-head.ts';

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
export function readJson(c: Context): Promise<Record<string, unknown>> {
  return readJsonOf(headOfContext(c), (c.env as HttpBindings).incoming);
}

/** Likewise, of a request that Node handed over. */
export async function readJsonOf(
  { header }: Pick<RequestHead, 'header'>,
  incoming: IncomingMessage,
): Promise<Record<string, unknown>> {
  const type = header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw new RequestError(415, 'The body must be application/json.');
  const encoding = header('content-encoding');
  if (encoding !== undefined && encoding !== 'identity')
    throw new RequestError(415, 'The body must not be compressed.');
  const text = await readText(incoming);
  const content = parseBody(text);
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) {
    return content as Record<string, unknown>;
  }
  throw new RequestError(400, 'The body must be a JSON object.');
}

function parseBody(text: string): unknown {
  try {
    const content = parseJson(text, maxDepth);
    // The name can only be there as it is, or with an escape in it.
    if (/__proto__|\\u/.test(text)) refuseProto(content);
    return content;
  } catch (error) {
    if (error instanceof RequestError) throw error;
    throw new RequestError(400, `The body ${error instanceof TooDeepError ? error.message : 'is no valid JSON'}.`);
  }
}

/** Throws for a field of this name, at whatever depth: code that copies fields would change what all objects inherit. */
function refuseProto(content: unknown): void {
  if (typeof content !== 'object' || content === null) return;
  if (Object.hasOwn(content, '__proto__')) throw new RequestError(400, 'The body has a field that no request has.');
  for (const value of Object.values(content)) refuseProto(value);
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
