/** The text of a service's answer, as much as a model is shown; of a long one no more is ever held than that. */
import { TextDecoder } from 'node:util';
import { KeywardError } from '../../errors.ts';

/** An answer up to this size is kept whole; JSON that is longer is never shown whole, so nothing is gained by parsing it. */
const maxWhole = 128 * 1024;

/** Characters from `offset` on, `length` of them. */
type Window = { readonly offset: number; readonly length: number };

type AnswerText = {
  /** Size, decoded. */
  readonly bytes: number;
  /**
   * The whole text, or the part of a long one that the window shows; null for what is no text, and for a long text in
   * another encoding than UTF-8: taken apart, what it holds of a secret might go unnoticed.
   */
  readonly text: string | null;
  readonly whole: boolean;
  /** There is more behind the window. */
  readonly more: boolean;
};

/**
 * Reads an answer to its end.
 *
 * @param type value of `content-type`
 * @throws KeywardError `egress_too_large`, and what reading throws
 */
export async function readText(
  body: AsyncIterable<Uint8Array>,
  type: string,
  { offset, length }: Window,
  maxBytes: number,
): Promise<AnswerText> {
  const decoder = decoderFor(type);
  const end = offset + length;
  let bytes = 0;
  /** The text so far, and once it is long the part of it in the window. Null as soon as it is none. */
  let kept: string | null = decoder === null ? null : '';
  let characters = 0;
  let whole = true;

  /** Keeps what the window shows of a piece that stands at this place. */
  const shown = (piece: string, at: number) => piece.slice(Math.max(0, offset - at), Math.max(0, end - at));

  function take(piece: string | null): void {
    if (kept === null) return;
    if (piece === null || piece.includes('\0') || (bytes > maxWhole && decoder?.encoding !== 'utf-8')) {
      kept = null;
      return;
    }
    if (whole && bytes > maxWhole) {
      whole = false;
      kept = shown(kept, 0);
    }
    kept += whole ? piece : shown(piece, characters);
    characters += piece.length;
  }

  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new KeywardError('egress_too_large', `The answer is larger than ${maxBytes} bytes.`, {
        hint: 'Ask the service for less at a time.',
        details: { ambiguous: true },
      });
    }
    take(decoded(decoder, chunk));
  }
  take(decoded(decoder));
  return { bytes, text: kept, whole, more: characters > end };
}

function decoderFor(type: string): TextDecoder | null {
  const [, charset = 'utf-8'] = /charset="?([\w-]+)/i.exec(type) ?? [];
  try {
    return new TextDecoder(charset, { fatal: true });
  } catch {
    return null;
  }
}

/** The next piece, or without a chunk the last one; null when it is no text. */
function decoded(decoder: TextDecoder | null, chunk?: Uint8Array): string | null {
  try {
    return decoder === null ? null : decoder.decode(chunk, { stream: chunk !== undefined });
  } catch {
    return null;
  }
}
