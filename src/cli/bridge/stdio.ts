/** The client's side: a line for each message, both ways. */
import type { Writable } from 'node:stream';

/** Longest line of a client, in bytes. */
const maxLine = 16 * 1024 * 1024;

/** Every line that is not empty; null for one that is too long, of which nothing is kept. */
export async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<string | null> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of input) {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      size += end - from;
      const text =
        size > maxLine
          ? null
          : Buffer.concat([...pieces, chunk.subarray(from, end)])
              .toString()
              .trim();
      if (text !== '') yield text;
      pieces = [];
      size = 0;
      from = end + 1;
    }
    size += chunk.length - from;
    if (size > maxLine) pieces = [];
    else pieces.push(chunk.subarray(from));
  }
}

/** Writes lines; each call resolves when the client has taken it. */
export function lineWriter(output: Writable): (text: string) => Promise<void> {
  return (text) => new Promise((resolve) => output.write(`${text}\n`, () => resolve()));
}
