/** JSON of a service: handed on as it was written, and as a value only where JavaScript holds every number of it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJson } from '../../../src/broker/calls/json-text.ts';

const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`));
/** Number literals of RFC 8259 §6, of any length. */
const numbers = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(
      fc.constant('0'),
      digits(40).map((text) => text.replace(/^0+(?=.)/, '') || '0'),
    ),
    fc.option(digits(30)),
    fc.option(fc.tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), digits(3))),
  )
  .map(([sign, whole, fraction, power]) => `${sign}${whole}${fraction ? `.${fraction}` : ''}${power?.join('') ?? ''}`);
const strings = fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text));
const blank = fc.constantFrom('', ' ', '\n  ', '\t', '\r\n');

/** A JSON text, and the same without the white space between its parts. */
const { json } = fc.letrec<{ json: { text: string; compact: string } }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small' },
    fc.oneof(numbers, strings, fc.constantFrom('true', 'false', 'null')).map((text) => ({ text, compact: text })),
    fc.tuple(blank, fc.array(tie('json'), { maxLength: 4 })).map(([gap, parts]) => ({
      text: `[${gap}${parts.map(({ text }) => `${text}${gap}`).join(`,${gap}`)}]`,
      compact: `[${parts.map(({ compact }) => compact).join(',')}]`,
    })),
    fc.tuple(blank, fc.array(fc.tuple(strings, tie('json')), { maxLength: 4 })).map(([gap, parts]) => ({
      text: `{${gap}${parts.map(([name, { text }]) => `${name}${gap}:${gap}${text}`).join(`,${gap}`)}${gap}}`,
      compact: `{${parts.map(([name, { compact }]) => `${name}:${compact}`).join(',')}}`,
    })),
  ),
}));

/** The exact value of a literal: its integer digits, and the power of ten. */
function exact(literal: string): [digits: bigint, power: number] {
  const [, sign, whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? [];
  const value = BigInt(`${whole}${fraction}`) * (sign === '-' ? -1n : 1n);
  return [value, Number(power) - fraction.length];
}

function areEqual(one: string, other: string): boolean {
  const [[a, p], [b, q]] = [exact(one), exact(other)];
  if (a === 0n || b === 0n) return a === b;
  const shift = Math.min(p, q);
  return a * 10n ** BigInt(p - shift) === b * 10n ** BigInt(q - shift);
}

describe('JSON of a service', () => {
  it('loses nothing but the white space between its parts', () => {
    fc.assert(fc.property(json, ({ text, compact }) => void expect(readJson(text)?.text).toBe(compact)));
  });

  it('is a value exactly where JavaScript holds the number that was written, else its text', () => {
    fc.assert(
      fc.property(numbers, (literal) => {
        const text = `{"n":${literal}}`;
        const held = Number.isFinite(Number(literal)) && areEqual(String(Number(literal)), literal);
        expect(readJson(text)?.value).toEqual(held ? { n: Number(literal) } : text);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is read as such whatever stands in its strings', () => {
    for (const text of ['{"a":"9007199254740993"}', '{"9007199254740993":1}', '"\\"9007199254740993"', '"a\\\\"']) {
      expect(readJson(text)).toEqual({ text, value: JSON.parse(text) });
    }
    for (const text of ['', '{', "{'a':1}", '01', 'NaN', '<p>9007199254740993</p>'])
      expect(readJson(text)).toBeUndefined();
  });
});
