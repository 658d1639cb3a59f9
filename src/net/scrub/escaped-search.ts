/**
 * Finding secrets of which some characters are escaped. Every library escapes other characters than the next one, so no
 * list of forms would be complete. Compared without the case of letters.
 */
import { cutOff, endOfItself, escapeAt, firstAt, type Read, signs } from './escapes.ts';
import { folded } from './folding.ts';

export type Match = { readonly start: number; readonly end: number };

/** `open`: where the first one begins that the end of the bytes cuts off; the end itself when none does. */
export type Found = { readonly match: Match | null; readonly open: number };

/** Where in which text a byte is. */
type Place = { readonly text: Uint8Array; readonly index: number };

/** The search for these texts, which are folded bytes (UTF-8). */
export function createEscapedSearch(texts: readonly Uint8Array[]) {
  const places: Place[][] = Array.from({ length: 256 }, () => []);
  for (const text of texts) text.forEach((byte, index) => void places[byte]?.push({ text, index }));

  /**
   * The first text from `from` on with at least one character escaped. The first of these is looked for: what stands
   * before it is as it is.
   */
  function find(bytes: Uint8Array, from: number, final: boolean): Found {
    let open = bytes.length;
    const nextOf = (sign: number, after: number): number => {
      const at = bytes.indexOf(sign, after);
      return at === -1 ? bytes.length : at;
    };
    let [inUrl, inJson, inHtml] = [nextOf(percent, from), nextOf(backslash, from), nextOf(ampersand, from)];
    for (;;) {
      const at = Math.min(inUrl, inJson, inHtml);
      const sign = bytes[at];
      if (sign === undefined) return { match: null, open };
      const first = firstAt(bytes, at, sign);
      const own = places[sign] ?? none;
      const read = first === cutOff ? everywhere(texts) : first === sign ? none : (places[first] ?? none);
      for (const { text, index } of own.length === 0 ? read : [...read, ...own]) {
        const start = at - index;
        if (start < from || !standsBefore(bytes, at, text, index)) continue;
        const end = endOf(bytes, at, text, index, final);
        if (end === 'cut') open = Math.min(open, start);
        else if (end !== null) return { match: { start, end }, open };
      }
      if (at === inUrl) inUrl = nextOf(percent, at + 1);
      else if (at === inHtml) inHtml = nextOf(ampersand, at + 1);
      else {
        let after = at + 1;
        while (bytes[after] === backslash) after += 1;
        inJson = nextOf(backslash, after);
      }
    }
  }
  return { find };
}

const none: readonly Place[] = [];

function everywhere(texts: readonly Uint8Array[]): Place[] {
  return texts.flatMap((text) => Array.from(text, (_, index) => ({ text, index })));
}

/** True when the beginning of the text stands before `at`, as it is. */
function standsBefore(bytes: Uint8Array, at: number, text: Uint8Array, length: number): boolean {
  for (let back = 1; back <= length; back += 1) {
    if (!same(bytes[at - back], text[length - back])) return false;
  }
  return true;
}

const { percent, backslash, ampersand } = signs;
const [space, plus] = [0x20, 0x2b];

/** A space is a plus in forms. */
function same(byte = 0, expected = 0): boolean {
  return folded[byte] === expected || (expected === space && byte === plus);
}

/** Where the rest of the text ends, which begins at `at` with an escape. */
function endOf(bytes: Uint8Array, at: number, text: Uint8Array, index: number, final: boolean): Read<number> {
  let place: readonly [at: number, index: number] = [at, index];
  while (place[1] < text.length) {
    const [here, done] = place;
    if (here >= bytes.length) return final ? null : 'cut';
    const passed = escaped(bytes, here, text, done, final);
    if (passed === 'cut') return passed;
    if (passed !== null) place = passed;
    else if (here !== at && same(bytes[here], text[done])) place = [here + 1, done + 1];
    else return null;
  }
  return place[0];
}

/** Past the escape at this place when it stands for what comes next in the text. */
function escaped(
  bytes: Uint8Array,
  at: number,
  text: Uint8Array,
  index: number,
  final: boolean,
): Read<readonly [at: number, index: number]> {
  const sign = bytes[at];
  if (sign !== percent && sign !== backslash && sign !== ampersand) return null;
  if (text[index] === sign) {
    const end = endOfItself(bytes, at, sign, final);
    if (end === 'cut') return end;
    let after = index + 1;
    // However many there are, each of them may have been doubled.
    if (sign === backslash) while (text[after] === backslash) after += 1;
    if (end !== null) return [end, after];
  }
  const read = escapeAt(bytes, at, final);
  if (read === null || read === 'cut') return read;
  const written = sign === percent ? [read.char] : Buffer.from(String.fromCodePoint(read.char));
  for (const [offset, byte] of written.entries()) if (folded[byte] !== text[index + offset]) return null;
  return [read.end, index + written.length];
}
