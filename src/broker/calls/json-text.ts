/** JSON of a service, handed on as the service wrote it. JavaScript rounds numbers, and a rounded id is another record. */
import { parseJson } from '../../json.ts';

/** A string, a number, or white space between them. Strings come first, so that nothing inside them is taken for another. */
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[ \t\n\r]+/g;

/** Decimals of this many digits come back from a double as they went in (IEEE 754-2019 §5.12.2). */
const safeDigits = 15;

/** A JSON text, and what it means to a program. */
type Json = {
  /** As it was written, without the white space between its parts. */
  readonly text: string;
  /** The value, or the text where JavaScript has no such number. */
  readonly value: unknown;
};

/** Reads a JSON text; undefined when it is none. */
export function readJson(text: string): Json | undefined {
  const value = parsed(text);
  if (value === undefined) return undefined;
  let exact = true;
  const compact = text.replace(tokens, (token) => {
    if (/^\s/.test(token)) return '';
    if (token[0] !== '"' && !isExact(token)) exact = false;
    return token;
  });
  return { text: compact, value: exact ? value : compact };
}

/** True when a double holds this very number. */
function isExact(literal: string): boolean {
  if (literal.length <= safeDigits && !/[eE]/.test(literal)) return true;
  const held = Number(literal);
  return Number.isFinite(held) && decimal(literal) === decimal(String(held));
}

/** A number in one form for each value: its significant digits, and the power of ten behind the last of them. */
function decimal(literal: string): string {
  const [, sign = '', whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  return `${sign}${significant}e${Number(power) - fraction.length + digits.length - significant.length}`;
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
