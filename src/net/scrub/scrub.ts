/**
 * Taking secrets out of what a service answers, in every form of `formsOf` and in escapes, while it streams. Best effort: a service can
 * give a secret back in a form that nobody foresaw; what keeps it from others is the list of hosts.
 *
 * Whoever may store text at the service can have guesses come back. So what leaves, in which pieces and when, depends on
 * whole secrets alone and never on the beginning of one.
 */
import { StringDecoder } from 'node:string_decoder';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { boundedMap, secretsRememberedMs } from '../../bounded-map.ts';
import type { Match } from './pass.ts';
import { createSearch, longestMatch } from './search.ts';
import { formsOf } from './secret-forms.ts';

/** What stands in place of a secret. */
export const scrubbed = '[redacted]';

export type Scrubber = {
  /** A header, a path or a name without the secrets. */
  text(text: string): string;
  /** Short bytes without the secrets; the same ones when there was nothing to take out. */
  bytes(bytes: Uint8Array): Uint8Array;
  /** The text of an answer without the secrets. Others have their turn meanwhile. */
  answer(text: string): Promise<string>;
  /**
   * The stream without the secrets. Events of an event stream, and lines of types that are read by line, go on when they are
   * whole. Of all else a constant amount is held back until the end, as an event longer than that is.
   *
   * @param type media type, as in `content-type`
   */
  stream(source: AsyncIterable<Uint8Array>, type?: string): AsyncGenerator<Uint8Array>;
  /**
   * The stream without the secrets, as it comes: nothing is held back but what may be the beginning of a secret. That tells
   * how a secret begins, so it is for a reader who may know the secret.
   */
  live(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>;
};

/** Whether reading must take one time whatever the bytes have in common with a secret: see search.ts. */
type ScrubberOptions = { readonly steady?: boolean };

const replacement = Buffer.from(scrubbed);
/** Least that leaves at once, in bytes, while there is more to come. */
const leastBlock = 4_096;
/** How much of a text is read at once, in UTF-16 units. */
const portion = 16_384;
/** Longest time that the search keeps others from their turn, in milliseconds, but for one more piece. */
const turnMs = 3;

/** Scrubbers made lately, by their secrets. Making one takes longer than the rest of a call through the gateway. */
const lately = boundedMap<string, Scrubber>(256);

/** The scrubber for these secrets, made anew or as it was made a moment ago. */
export function scrubberOf(secrets: readonly string[], options: ScrubberOptions = {}): Scrubber {
  const key = JSON.stringify([options.steady === true, ...secrets]);
  const known = lately.get(key);
  if (known !== undefined) return known;
  if (lately.size === 0) setTimeout(() => lately.clear(), secretsRememberedMs).unref();
  const made = createScrubber(secrets, options);
  lately.set(key, made);
  return made;
}

/** A scrubber for these secrets; those under six bytes are left out, see secret-forms.ts. */
export function createScrubber(secrets: readonly string[], { steady = false }: ScrubberOptions = {}): Scrubber {
  const forms = formsOf(secrets);
  const shortest = Math.min(...forms.map(({ length }) => length));
  const held = longestMatch(Math.max(0, ...secrets.map((secret) => Buffer.byteLength(secret))));
  const search = createSearch(forms, held, steady);
  // In UTF-16 a letter may hold the byte of a line break.
  const oneLine = !forms.some((form) => form.includes(0x0a) || form.includes(0x0d));

  const bytes = (whole: Uint8Array): Uint8Array => {
    if (whole.length < shortest) return whole;
    const searching = search.in(whole, whole.length);
    for (;;) {
      const { done, value } = searching.next();
      if (done) return without(whole, value, whole.length).bytes;
    }
  };

  /** For one stream: answers what stands before `rest`, without the secrets that begin there. */
  function cleaner() {
    let [covered, since] = [0, performance.now()];
    return async (bytes: Uint8Array, rest: number): Promise<Uint8Array> => {
      const searching = search.in(bytes, rest);
      for (;;) {
        const { done, value } = searching.next();
        if (done) {
          const clean = without(bytes, value, rest, covered);
          covered = clean.covered;
          return clean.bytes;
        }
        if (performance.now() - since < turnMs) continue;
        await nextTurn();
        since = performance.now();
      }
    };
  }

  async function* live(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    if (forms.length === 0) return yield* source;
    const next = cleaner();
    let kept: Uint8Array = new Uint8Array();
    for await (const piece of source) {
      const all = kept.length === 0 ? piece : Buffer.concat([kept, piece]);
      const rest = search.openIn(all);
      const clean = await next(all, rest);
      if (clean.length > 0) yield clean;
      kept = Uint8Array.from(all.subarray(rest));
    }
    if (kept.length > 0) yield await next(kept, kept.length);
  }

  async function* stream(source: AsyncIterable<Uint8Array>, type = ''): AsyncGenerator<Uint8Array> {
    if (forms.length === 0) return yield* source;
    const cuts = oneLine ? cutsOf(type) : null;
    const known = createPieces();
    const next = cleaner();
    for await (const piece of source) {
      const before = known.length();
      const cut = cuts === null ? 0 : cuts(piece);
      if (cut > 0) {
        // What stands behind a cut is part of nothing before it.
        known.add(piece.subarray(0, cut));
        yield await next(known.take(), before + cut);
        known.add(piece.subarray(cut));
      } else if (piece.length >= 2 * held) {
        // A large piece is read where it is.
        if (before > 0) {
          known.add(piece.subarray(0, held));
          yield await next(known.take(), before);
        }
        yield await next(piece, piece.length - held);
        known.add(piece.subarray(piece.length - held));
      } else {
        known.add(piece);
        if (known.length() < held + Math.max(held, leastBlock)) continue;
        const all = known.take();
        yield await next(all, all.length - held);
        known.add(all.subarray(all.length - held));
      }
    }
    const last = known.take();
    if (last.length > 0) yield await next(last, last.length);
  }

  return {
    bytes,
    text: (text) => {
      const given = Buffer.from(text);
      const clean = bytes(given);
      return clean === given ? text : Buffer.from(clean).toString();
    },
    async answer(text) {
      const decoder = new StringDecoder();
      let clean = '';
      for await (const block of stream(portionsOf(text))) clean += decoder.write(bufferOf(block));
      return clean + decoder.end();
    },
    stream,
    live,
  };
}

function bufferOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/** A text as a stream: encoding and searching all of it at once would take memory and keep others waiting. */
async function* portionsOf(text: string): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < text.length; ) {
    const end = at + portion;
    // The two halves of a character stay together.
    const next = /[\ud800-\udbff]/.test(text.charAt(end - 1)) ? end + 1 : end;
    yield Buffer.from(text.slice(at, next));
    at = next;
  }
}

/**
 * The bytes before `rest` without the matches that begin there.
 *
 * @param covered how many bytes at the beginning belong to a match that was taken out already; the answer says the same of
 *   the bytes from `rest` on
 */
function without(bytes: Uint8Array, matches: readonly Match[], rest: number, covered = 0) {
  const pieces: Uint8Array[] = [];
  let at = Math.min(covered, bytes.length);
  for (const { start, end } of matches) {
    if (start >= rest) break;
    if (start >= at) pieces.push(bytes.subarray(at, start), replacement);
    at = Math.max(at, end);
  }
  const left = { covered: Math.max(0, at - rest) };
  if (at === 0) return { ...left, bytes: rest === bytes.length ? bytes : bytes.subarray(0, rest) };
  if (rest > at) pieces.push(bytes.subarray(at, rest));
  return { ...left, bytes: Buffer.concat(pieces) };
}

/** Pieces of a stream as one. Small ones are put together as they come, so that neither time nor memory grows with their number. */
function createPieces() {
  const pieces: Uint8Array[] = [];
  let length = 0;
  return {
    length: () => length,
    add(piece: Uint8Array): void {
      if (piece.length === 0) return;
      pieces.push(piece);
      length += piece.length;
      for (let [before, last] = pieces.slice(-2); before !== undefined && last !== undefined; ) {
        if (last.length < before.length) return;
        pieces.splice(-2, 2, Buffer.concat([before, last]));
        [before, last] = pieces.slice(-2);
      }
    },
    take(): Uint8Array {
      const [only, ...others] = pieces.splice(0);
      length = 0;
      return only === undefined ? new Uint8Array() : others.length === 0 ? only : Buffer.concat([only, ...others]);
    },
  };
}

/**
 * Where a stream may be cut at once, because no secret goes on behind it: after an event, or after a line. Answers how many bytes of the next piece
 * stand before the last cut in it; 0 where it has none.
 */
type Cuts = (piece: Uint8Array) => number;

const [lineFeed, carriageReturn] = [0x0a, 0x0d];

/** One JSON value a line, or text that somebody reads line by line, such as a log. */
const byLine = /^\s*(application\/(x-)?(ndjson|jsonl|jsonlines|json-seq|stream\+json)|text\/plain)\b/i;

/** How to cut an answer of this media type, anew for each stream; null where it is not read while it comes. */
function cutsOf(type: string): Cuts | null {
  if (/^\s*text\/event-stream\b/i.test(type)) return afterEvents();
  return byLine.test(type) ? (piece) => piece.lastIndexOf(lineFeed) + 1 : null;
}

/**
 * An event ends with an empty line, and a line with CR, LF, or both (HTML Living Standard §9.2.5). After a CR that came
 * last an LF may still come; it belongs to the event before it, which need not wait for it.
 */
function afterEvents(): Cuts {
  let [lineEnds, afterReturn] = [0, false];
  return (piece) => {
    let cut = 0;
    for (let at = 0; at < piece.length; at += 1) {
      const byte = piece[at];
      if (byte !== lineFeed || !afterReturn) lineEnds = byte === lineFeed || byte === carriageReturn ? lineEnds + 1 : 0;
      afterReturn = byte === carriageReturn;
      if (lineEnds > 1) cut = at + 1;
    }
    return cut;
  };
}
