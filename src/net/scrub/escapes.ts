/**
 * Characters as they are escaped for JSON, URLs and HTML. The sign that an escape begins with may itself be escaped, in the
 * same way or another one, which is how a text looks that was escaped several times over.
 */
import { decodeHTMLStrict } from 'entities/decode';
import { asciiLower } from './secret-forms.ts';

/** What some bytes stand for besides themselves: bytes in lower case, and where the writing of them ends. */
type Reading = { readonly bytes: Uint8Array; readonly end: number };

/** Longest writing of one character, in bytes; it bounds how much of a stream is held back. */
export const longestEscape = 32;

const [percent, backslash, ampersand, plus] = [0x25, 0x5c, 0x26, 0x2b];
const [semicolon, hash, small, wide] = [0x3b, 0x23, 0x78, 0x75];

/** Byte → 1 where something begins that can be read in another way. */
export const signs = flags((byte) => [percent, backslash, ampersand, plus].includes(byte));

const alone = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(asciiLower[byte] ?? 0));
/** A space is a plus in forms. */
const space = Uint8Array.of(0x20);

/** What begins with the sign at this place, in the order of its length. No bytes are looked at after `longestEscape`. */
export function readingsAt(bytes: Uint8Array, at: number): readonly Reading[] {
  let sign = bytes[at] ?? 0;
  if (sign === plus) return [{ bytes: space, end: at + 1 }];
  let readings: Reading[] | undefined;
  const limit = Math.min(bytes.length, at + longestEscape);
  for (let from = at + 1; ; ) {
    const read = after(sign, bytes, from, limit);
    if (read === null) return readings ?? none;
    readings ??= [];
    readings.push(read);
    const [byte = 0] = read.bytes;
    if (read.bytes.length > 1 || signs[byte] === 0 || byte === plus) return readings;
    sign = byte;
    from = read.end;
  }
}

const none: readonly Reading[] = [];

/** Where an escape may begin that goes on after the end of these bytes; their length when there is none. */
export function unfinishedAt(bytes: Uint8Array): number {
  for (let at = Math.max(0, bytes.length - longestEscape); at < bytes.length; at += 1) {
    if (signs[bytes[at] ?? 0] === 1 && bytes.subarray(at + 1).every((byte) => inEscapes[byte] === 1)) return at;
  }
  return bytes.length;
}

function after(sign: number, bytes: Uint8Array, from: number, limit: number): Reading | null {
  if (sign === percent) return inHex(bytes, from, 2, limit);
  return sign === backslash ? inJson(bytes, from, limit) : inHtml(bytes, from, limit);
}

/** `%41`, or what follows a backslash in `\x41` and, for a single UTF-16 unit, in `\u0041`. */
function inHex(bytes: Uint8Array, from: number, length: 2 | 4, limit: number): Reading | null {
  const value = numberIn(bytes, from, from + length, limit);
  return value === -1 ? null : { bytes: length === 2 ? one(value) : written(value), end: from + length };
}

function inJson(bytes: Uint8Array, from: number, limit: number): Reading | null {
  const letter = from < limit ? (bytes[from] ?? 0) : 0;
  if (letter === small) {
    const value = numberIn(bytes, from + 1, from + 3, limit);
    return value === -1 ? null : { bytes: written(value), end: from + 3 };
  }
  if (letter !== wide) return punctuation[letter] === 1 ? { bytes: one(letter), end: from + 1 } : null;
  const high = numberIn(bytes, from + 1, from + 5, limit);
  if (high < 0xd800 || high > 0xdbff) return inHex(bytes, from + 1, 4, limit);
  let next = from + 5;
  while (next < limit && bytes[next] === backslash) next += 1;
  const low = next > from + 5 && bytes[next] === wide ? numberIn(bytes, next + 1, next + 5, limit) : -1;
  if (low < 0xdc00 || low > 0xdfff) return null;
  return { bytes: written(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), end: next + 5 };
}

/** HTML Living Standard §13.2.5.72: a name with its semicolon, or a number with or without. */
function inHtml(bytes: Uint8Array, from: number, limit: number): Reading | null {
  if (from >= limit) return null;
  if (bytes[from] === hash) return inNumber(bytes, from + 1, limit);
  let end = from;
  while (end < limit && alphanumeric[bytes[end] ?? 0] === 1) end += 1;
  if (end === from || end === limit || bytes[end] !== semicolon) return null;
  const named = byName(bytes, from, end);
  return named === null ? null : { bytes: named, end: end + 1 };
}

function inNumber(bytes: Uint8Array, from: number, limit: number): Reading | null {
  const hex = from < limit && asciiLower[bytes[from] ?? 0] === small;
  const begin = hex ? from + 1 : from;
  let value = 0;
  let end = begin;
  for (; end < limit; end += 1) {
    const digit = digits[bytes[end] ?? 0] ?? 16;
    if (digit > (hex ? 15 : 9)) break;
    value = Math.min(value * (hex ? 16 : 10) + digit, 0x110000);
  }
  if (end === begin || value > 0x10ffff) return null;
  return { bytes: written(value), end: end < limit && bytes[end] === semicolon ? end + 1 : end };
}

/** Names that were looked up lately, each at the place of its hash: making a text of each would take longer than all else. */
const lately: ({ readonly name: Uint8Array; readonly bytes: Uint8Array | null } | undefined)[] = new Array(4_096);

function byName(bytes: Uint8Array, from: number, end: number): Uint8Array | null {
  let hash = 0;
  for (let at = from; at < end; at += 1) hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0;
  const place = (hash ^ (hash >>> 12)) & (lately.length - 1);
  const known = lately[place];
  if (
    known !== undefined &&
    known.name.length === end - from &&
    known.name.every((byte, at) => byte === bytes[from + at])
  ) {
    return known.bytes;
  }
  const name = Uint8Array.from(bytes.subarray(from, end));
  const found = lookedUp(Buffer.from(name).toString('latin1'));
  lately[place] = { name, bytes: found };
  return found;
}

/** The character of this name, in letters of any case where it has none as it is written; there are some 2,200 names. */
function lookedUp(name: string): Uint8Array | null {
  for (const one of [name, name.toLowerCase()]) {
    const text = decodeHTMLStrict(`&${one};`);
    if (text !== `&${one};`) return foldedText(text);
  }
  return null;
}

/** A character as UTF-8 in lower case. */
function written(char: number): Uint8Array {
  return char < 0x80 ? one(char) : foldedText(String.fromCodePoint(char));
}

function foldedText(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text), (byte) => asciiLower[byte] ?? 0);
}

function one(byte: number): Uint8Array {
  return alone[byte] ?? space;
}

/** The hexadecimal number in these bytes; -1 where there is none. */
function numberIn(bytes: Uint8Array, from: number, to: number, limit: number): number {
  if (to > limit) return -1;
  let value = 0;
  for (let at = from; at < to; at += 1) {
    const digit = digits[bytes[at] ?? 0] ?? 16;
    if (digit > 15) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/** Value of a hexadecimal digit; 16 for anything else. */
const digits = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(asciiLower[byte] ?? 0));
  return value === -1 ? 16 : value;
});

const punctuation = flags((byte) => /[!-/:-@[-`{-~ ]/.test(String.fromCharCode(byte)));
/** What an escape may hold before it ends. */
const inEscapes = flags((byte) => /[A-Za-z0-9#%&\\]/.test(String.fromCharCode(byte)));
const alphanumeric = flags((byte) => /[A-Za-z0-9]/.test(String.fromCharCode(byte)));

function flags(holds: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (holds(byte) ? 1 : 0));
}
