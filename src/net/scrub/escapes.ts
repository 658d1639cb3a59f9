/** Characters as they are escaped for JSON, URLs and HTML, once or several times over. */
import { folded } from './folding.ts';

/** A character that is written otherwise, and where the writing of it ends. */
export type Escape = { readonly char: number; readonly end: number };
/** `cut`: the bytes end before one can tell. */
export type Read<T> = T | 'cut' | null;

/** What escapes begin with. */
export const signs = { percent: 0x25, backslash: 0x5c, ampersand: 0x26 } as const;
const { percent, backslash, ampersand } = signs;
const [semicolon, hash] = [0x3b, 0x23];
/** Deeper nests nobody; it bounds how much of a stream is held back. */
const maxDepth = 4;
const maxBackslashes = 32;
const maxDigits = 8;

/** What `firstAt` answers besides bytes. */
const nothing = -1;
export const cutOff = -2;

/**
 * The first byte, folded, of what the escape at this place stands for; `nothing` where there is no escape, `cutOff` where
 * one can't tell yet. Most of them are of a few kinds, and of no interest: they must not cost much.
 */
export function firstAt(bytes: Uint8Array, at: number, sign: number): number {
  const [next = 256, after = 256] = [bytes[at + 1], bytes[at + 2]];
  if (sign === percent && next !== 0x32) {
    const [high, low] = [digitOf(next), digitOf(after)];
    if (high < 16 && low < 16) return folded[high * 16 + low] ?? 0;
    if (next < 256 && (high > 15 || after < 256)) return nothing;
  }
  if (sign === backslash && next < 256 && next !== backslash && next !== 0x75 && next !== 0x78) {
    return isPunctuation(next) ? next : nothing;
  }
  if (sign === ampersand && next < 256 && !inHtmlBegins[next]) return nothing;
  const read = escapeAt(bytes, at, false);
  return read === 'cut' ? cutOff : read === null ? nothing : leadOf(read.char, sign);
}

/** What an escape of HTML may begin with: a number, or one of the names. */
const inHtmlBegins = Uint8Array.from({ length: 256 }, (_, byte) =>
  '#algqALGQ'.includes(String.fromCharCode(byte)) ? 1 : 0,
);

/** Where the escape of its own sign ends: `%25`, `%2525`, `&amp;amp;`, any number of backslashes. */
export function endOfItself(bytes: Uint8Array, at: number, sign: number | undefined, final: boolean): Read<number> {
  let end = at + 1;
  if (sign === backslash) {
    while (bytes[end] === backslash) end += 1;
    if (end - at > maxBackslashes) return null;
    return end === bytes.length && !final ? 'cut' : end;
  }
  for (let depth = 0; depth < maxDepth; depth += 1) {
    const more = follows(bytes, end, sign === percent ? '25' : 'amp;');
    if (more === 'cut' && !final) return more;
    if (more !== true) break;
    end += sign === percent ? 2 : 4;
  }
  return end === at + 1 ? null : end;
}

/** The escape that begins with this sign; a byte for `%`, a code point for the others. */
export function escapeAt(bytes: Uint8Array, at: number, final: boolean): Read<Escape> {
  const sign = bytes[at];
  const read = sign === percent ? inUrl(bytes, at + 1) : sign === backslash ? inJson(bytes, at) : inHtml(bytes, at + 1);
  return read === 'cut' && final ? null : read;
}

function inUrl(bytes: Uint8Array, from: number): Read<Escape> {
  for (let at = from; at <= from + 2 * maxDepth; at += 2) {
    const char = hexAt(bytes, at, 2);
    if (char === null || char === 'cut') return char;
    if (char !== percent) return { char, end: at + 2 };
  }
  return null;
}

function inJson(bytes: Uint8Array, from: number): Read<Escape> {
  let at = from;
  while (bytes[at] === backslash) at += 1;
  if (at - from > maxBackslashes) return null;
  const letter = bytes[at];
  if (letter === undefined) return 'cut';
  if (letter === 0x78) return hexEscape(bytes, at, 2);
  if (letter !== 0x75) return isPunctuation(letter) ? { char: letter, end: at + 1 } : null;
  const unit = hexEscape(bytes, at, 4);
  if (unit === null || unit === 'cut' || unit.char < 0xd800 || unit.char > 0xdbff) return unit;
  const low = bytes[unit.end] === backslash ? inJson(bytes, unit.end) : unit.end === bytes.length ? 'cut' : null;
  if (low === null || low === 'cut') return low;
  return low.char < 0xdc00 || low.char > 0xdfff
    ? null
    : { char: 0x10000 + ((unit.char - 0xd800) << 10) + (low.char - 0xdc00), end: low.end };
}

function isPunctuation(byte: number): boolean {
  return punctuation[byte] === 1;
}

const punctuation = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[!-/:-@[-`{-~ ]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

function hexEscape(bytes: Uint8Array, at: number, digits: number): Read<Escape> {
  const char = hexAt(bytes, at + 1, digits);
  return char === null || char === 'cut' ? char : { char, end: at + 1 + digits };
}

const names = { lt: 0x3c, gt: 0x3e, quot: 0x22, apos: 0x27 } as const;

function inHtml(bytes: Uint8Array, from: number): Read<Escape> {
  let at = from;
  for (let depth = 0; depth < maxDepth && follows(bytes, at, 'amp;') === true; depth += 1) at += 4;
  if (at === bytes.length || follows(bytes, at, 'amp;') === 'cut') return 'cut';
  if (bytes[at] === hash) return inNumber(bytes, at + 1);
  for (const [name, char] of Object.entries(names)) {
    const found = follows(bytes, at, `${name};`);
    if (found === 'cut') return found;
    if (found) return { char, end: at + name.length + 1 };
  }
  return null;
}

function inNumber(bytes: Uint8Array, from: number): Read<Escape> {
  const hex = (bytes[from] ?? 0) === 0x78 || (bytes[from] ?? 0) === 0x58;
  const begin = hex ? from + 1 : from;
  let at = begin;
  while (at - begin < maxDigits && digitOf(bytes[at]) < (hex ? 16 : 10)) at += 1;
  if (at === bytes.length) return 'cut';
  const char = Number.parseInt(Buffer.from(bytes.subarray(begin, at)).toString('latin1'), hex ? 16 : 10);
  return bytes[at] === semicolon && char <= 0x10ffff ? { char, end: at + 1 } : null;
}

/** True when this text follows, in letters of any case. */
function follows(bytes: Uint8Array, at: number, text: string): boolean | 'cut' {
  for (let index = 0; index < text.length; index += 1) {
    if (at + index >= bytes.length) return 'cut';
    if (folded[bytes[at + index] ?? 0] !== text.charCodeAt(index)) return false;
  }
  return true;
}

function hexAt(bytes: Uint8Array, at: number, digits: number): Read<number> {
  let value = 0;
  for (let index = at; index < at + digits; index += 1) {
    if (index >= bytes.length) return 'cut';
    const digit = digitOf(bytes[index]);
    if (digit > 15) return null;
    value = value * 16 + digit;
  }
  return value;
}

/** Value of a hexadecimal digit; 16 for anything else. */
function digitOf(byte = 256): number {
  return digits[byte] ?? 16;
}

const digits = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(folded[byte] ?? 0));
  return value === -1 ? 16 : value;
});

/** First byte of a character in UTF-8, folded. */
function leadOf(char: number, sign: number): number {
  if (sign === percent || char < 0x80) return folded[char] ?? 0;
  if (char < 0x800) return 0xc0 | (char >> 6);
  return char < 0x10000 ? 0xe0 | (char >> 12) : 0xf0 | (char >> 18);
}
