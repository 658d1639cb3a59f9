/**
 * Server-sent events (WHATWG HTML §9.2): cut from the bytes of a stream as they come, and written again where their data
 * changed. What isn't changed stays as it came, byte for byte.
 */
import { KeywardError } from '../../errors.ts';

/** One event, or what stands there instead of one, such as a comment. */
export type ServerEvent = {
  /** All of it with the empty line behind it, as it came. */
  readonly bytes: Uint8Array;
  /** The data that a client reads; null where no line has any. */
  readonly data: string | null;
  /** Empty where it says none, which means `message`. */
  readonly type: string;
  /** What a client resumes from behind it; null where it says nothing of that. */
  readonly id: string | null;
  /** False where clients don't agree on its lines. */
  readonly isPlain: boolean;
};

type EventReader = {
  /**
   * The events that end in this piece.
   *
   * @throws KeywardError `egress_too_large` for an event without end
   */
  read(piece: Uint8Array): ServerEvent[];
  /** What was begun and has no end, as an event; none where there is nothing. */
  rest(): ServerEvent[];
};

const [lineFeed, carriageReturn] = [0x0a, 0x0d];
/** What may end a line for Unicode, as for Python's `str.splitlines`, and does not in a stream of events. */
const otherLineEnds = /[^\P{Cc}\t\n]|\p{Zl}|\p{Zp}/u;

/** A reader for one stream, which holds no event of more than `maxBytes`. */
export function createEventReader(maxBytes: number): EventReader {
  let pieces: Uint8Array[] = [];
  let held = 0;
  let [lineEnds, afterReturn, first] = [0, false, true];

  function hold(piece: Uint8Array): void {
    if (piece.length === 0) return;
    held += piece.length;
    if (held > maxBytes) {
      pieces = [];
      throw new KeywardError('egress_too_large', `One message of the MCP server is larger than ${maxBytes} bytes.`, {
        hint: 'Ask the server for less at a time.',
        details: { ambiguous: true },
      });
    }
    pieces.push(piece);
  }

  function take(): ServerEvent[] {
    if (held === 0) return [];
    const [only] = pieces;
    const bytes = only !== undefined && pieces.length === 1 ? only : Buffer.concat(pieces);
    [pieces, held] = [[], 0];
    const event = eventOf(bytes, first);
    first = false;
    return [event];
  }

  return {
    read(piece) {
      const events: ServerEvent[] = [];
      let begun = 0;
      for (let at = 0; at < piece.length; at += 1) {
        const byte = piece[at];
        // After a CR that came last an LF may still come. It belongs to the line before it, which need not wait for it.
        if (byte !== lineFeed || !afterReturn)
          lineEnds = byte === lineFeed || byte === carriageReturn ? lineEnds + 1 : 0;
        afterReturn = byte === carriageReturn;
        if (lineEnds < 2) continue;
        const end = afterReturn && piece[at + 1] === lineFeed ? at + 2 : at + 1;
        hold(piece.subarray(begun, end));
        events.push(...take());
        [begun, at] = [end, end - 1];
        // A further empty line ends nothing; an LF that comes later is still that of the CR.
        lineEnds = 1;
        afterReturn = piece[at] === carriageReturn;
      }
      hold(piece.subarray(begun));
      return events;
    },
    rest: take,
  };
}

/**
 * The event with other data, or without any. Its other lines stay, so that its id can still be resumed from, but for those
 * that some clients read as several.
 *
 * @param data JSON
 */
export function withData({ bytes }: ServerEvent, data: string | null): Uint8Array {
  const kept = linesOf(bytes).filter(
    (line) => line !== '' && fieldOf(line).name !== 'data' && !otherLineEnds.test(line),
  );
  const added = data === null ? [] : inLines(data).map((line) => `data: ${line}`);
  const lines = [...kept, ...added];
  return Buffer.from(lines.length === 0 ? '' : `${lines.join('\n')}\n\n`);
}

/** A message as an event of its own. */
export function eventWith(data: string): Uint8Array {
  return Buffer.from(
    `event: message\n${inLines(data)
      .map((line) => `data: ${line}\n`)
      .join('')}\n`,
  );
}

/** The lines of a JSON text, on which all clients agree: what only some take for an end of one is written as an escape. */
function inLines(json: string): string[] {
  const all = new RegExp(otherLineEnds, 'gu');
  return json.replace(all, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`).split('\n');
}

function eventOf(bytes: Uint8Array, first: boolean): ServerEvent {
  const data: string[] = [];
  let type = '';
  let id: string | null = null;
  let isPlain = true;
  for (const line of linesOf(bytes, first)) {
    const { name, value } = fieldOf(line);
    const plain = !otherLineEnds.test(line);
    isPlain &&= plain;
    if (name === 'data') data.push(value);
    else if (name === 'event') type = value;
    else if (name === 'id' && plain) id = value;
  }
  return { bytes, data: data.length === 0 ? null : data.join('\n'), type, id, isPlain };
}

/** @param first whether the stream begins here, with a byte order mark or without */
function linesOf(bytes: Uint8Array, first = true): string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  return (first ? text.replace(/^\ufeff/, '') : text).split(/\r\n|\n|\r/);
}

/** A line that begins with a colon is a comment: its name is empty. */
function fieldOf(line: string): { readonly name: string; readonly value: string } {
  const colon = line.indexOf(':');
  if (colon === -1) return { name: line, value: '' };
  return { name: line.slice(0, colon), value: line.slice(colon + 1).replace(/^ /, '') };
}
