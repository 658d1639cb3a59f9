/** Reading a response body: decoded, and never more of it than allowed. */
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import { KeywardError } from '../errors.ts';

// Node 20 has no zstd; the types are those of Node 20.
const createZstdDecompress: unknown = Reflect.get(zlib, 'createZstdDecompress');

const decoders: Readonly<Record<string, () => Duplex>> = {
  gzip: zlib.createGunzip,
  'x-gzip': zlib.createGunzip,
  deflate: zlib.createInflate,
  br: zlib.createBrotliDecompress,
  ...(typeof createZstdDecompress === 'function' ? { zstd: () => createZstdDecompress() as Duplex } : {}),
};

/** What `accept-encoding` says. */
export const acceptedEncodings = Object.keys(decoders)
  .filter((name) => name !== 'x-gzip')
  .join(', ');

/**
 * The whole body, decoded. Bytes are counted after decoding: 300 KB of gzip can hold 300 MB.
 * What fails here is ambiguous: the service did answer.
 *
 * @param encoding value of `content-encoding`, if any
 * @throws KeywardError `egress_too_large`; `provider_garbled` for an encoding that is unknown, stacked or broken; the
 *   stream's own error when the connection fails
 */
export async function readBody(body: Readable, encoding: string | null, maxBytes: number): Promise<Uint8Array> {
  // Whoever reads hears of a failure by exception; after that, undici still emits it for the rest.
  body.on('error', () => {});
  const decoder = decoderFor(body, encoding);
  const chunks: Uint8Array[] = [];
  let size = 0;
  let streamError: unknown;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (error) {
      streamError = error;
      throw error;
    }
  }
  const sink = async (decoded: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of decoded) {
      size += chunk.length;
      if (size > maxBytes) {
        throw new KeywardError('egress_too_large', `The answer is larger than ${maxBytes} bytes.`, {
          hint: 'Ask the service for less at a time.',
          details: { ambiguous: true },
        });
      }
      chunks.push(chunk);
    }
  };
  try {
    await (decoder ? pipeline(source, decoder, sink) : sink(source()));
  } catch (error) {
    if (streamError !== undefined) throw streamError;
    if (error instanceof KeywardError) throw error;
    throw garbledEncoding('The answer could not be decompressed.');
  }
  return Buffer.concat(chunks);
}

function decoderFor(body: Readable, encoding: string | null): Duplex | null {
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
