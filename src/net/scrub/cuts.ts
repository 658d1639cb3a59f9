/** Where a stream may be cut at once, because no secret goes on behind it: after an event, or after a line. */

/** Tells how many bytes of the next piece stand before the last cut in it; 0 where it has none. */
export type Cuts = (piece: Uint8Array) => number;

const [lineFeed, carriageReturn] = [0x0a, 0x0d];

/** One JSON value a line, or text that somebody reads line by line, such as a log. */
const byLine = /^\s*(application\/(x-)?(ndjson|jsonl|jsonlines|json-seq|stream\+json)|text\/plain)\b/i;

/** How to cut an answer of this media type, anew for each stream; null where it is not read while it comes. */
export function cutsOf(type: string): Cuts | null {
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
