/** Reading a response body: decoded while it comes, and never more of it than allowed. */
import { pipeline, type Readable } from 'node:stream';
import { createGunzip, createInflate, type Gunzip, type Inflate } from 'node:zlib';
import { KeywardError } from '../errors.ts';

type Decoder = Gunzip | Inflate;

/** Those that remember 32 KiB of what they decoded. With br and zstd a service could have 16 MiB and more held per answer. */
const decoders: Readonly<Record<string, () => Decoder>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
};

/**
 * What `accept-encoding` says. Servers write `deflate` in two ways (RFC 9110 §8.4.1.2), so it is read where it comes and
 * not asked for.
 */
export const acceptedEncodings = 'gzip';

/**
 * The body, decoded piece by piece as fast as it is read: what nobody reads stays at the service. What fails here is
 * ambiguous: the service did answer.
 *
 * @param encoding value of `content-encoding`, if any
 * @param framed a length or chunks show where the body ends, so that an empty one is known to be whole
 * @throws KeywardError `provider_garbled` for an encoding that is unknown, stacked or broken; the stream's own error when
 *   the connection fails
 */
export function decodedBody(body: Readable, encoding: string | null, framed: boolean): AsyncIterable<Uint8Array> {
  let streamError: unknown;
  // Whoever reads hears of a failure by exception; after that, undici still emits it for the rest.
  body.on('error', (error) => {
    streamError = error;
  });
  const decoder = decoderFor(body, encoding);
  if (decoder === null) return body;
  pipeline(body, decoder, () => {});
  return decoded(decoder, () => streamError, framed);
}

async function* decoded(decoder: Decoder, streamError: () => unknown, framed: boolean): AsyncGenerator<Uint8Array> {
  try {
    yield* decoder;
  } catch (error) {
    // Services say `gzip` of bodies that are empty, such as those of 201. There is nothing to decode then.
    const empty = decoder.bytesWritten === 0 && (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR';
    if (framed && empty && streamError() === undefined) return;
    throw streamError() ?? garbledEncoding('The answer could not be decompressed.');
  }
}

/**
 * The whole body. Bytes are counted after decoding: 300 KB of gzip can hold 300 MB.
 *
 * @throws KeywardError `egress_too_large`, and what reading throws
 */
export async function readBody(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new KeywardError('egress_too_large', `The answer is larger than ${maxBytes} bytes.`, {
        hint: 'Ask the service for less at a time.',
        details: { ambiguous: true },
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The first bytes of a body, and the whole of it as a stream. More than `maxBytes` are read only in whole pieces. */
export async function peek(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<{ readonly beginning: Uint8Array; readonly body: AsyncIterable<Uint8Array> }> {
  const source = body[Symbol.asyncIterator]();
  const pieces: Uint8Array[] = [];
  let size = 0;
  let ended = false;
  while (size < maxBytes && !ended) {
    const { value, done } = await source.next();
    if (done) ended = true;
    else {
      pieces.push(value);
      size += value.length;
    }
  }
  return { beginning: Buffer.concat(pieces), body: resume(pieces, source) };
}

async function* resume(pieces: readonly Uint8Array[], source: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces;
    for (let read = await source.next(); !read.done; read = await source.next()) yield read.value;
  } finally {
    await source.return?.();
  }
}

function decoderFor(body: Readable, encoding: string | null): Decoder | null {
  const name = encoding?.trim().toLowerCase() ?? '';
  if (name === '' || name === 'identity') return null;
  const create = Object.hasOwn(decoders, name) ? decoders[name] : undefined;
  if (create) return create();
  body.destroy();
  throw garbledEncoding('The answer is compressed in a way that was not asked for.');
}

function garbledEncoding(message: string): KeywardError {
  const hint = 'Try again later; the service may be having trouble.';
  return new KeywardError('provider_garbled', message, { hint, details: { ambiguous: true } });
}
