/** Texts that somebody else chose: what is left of them, and how they stand in a sentence. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oneLine, quoted } from '../src/text.ts';

const unseen = [
  ...['\u202e', '\u2066', '\u200b', '\u200d', '\u2060', '\ufeff', '\u00ad', '\u0000', '\u001b', '\u0085', '\u2028'],
  ...['\u3164', '\u115f', '\uffa0', '\u034f', '\u180b', '\ufe0f', '\u{e0041}', '\u{e0101}', '\ue000', '\ud800'],
];
/** Any text, with what hides in texts strewn in. */
const hostile = fc
  .array(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...unseen, '“', '”', '"', '\n', 'e\u0301')))
  .map((parts) => parts.join(''));
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|(?!\ufe0f)\p{Default_Ignorable_Code_Point}|\p{M}{5}/u;

describe('one line', () => {
  it('144. of any text holds nothing unseen, no line break and at most as many characters; twice is as once', () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 1, max: 40 }), (text, max) => {
        const line = oneLine(text, max);
        if (line === null) return;
        expect(line).not.toMatch(hidden);
        expect([...line].length).toBeLessThanOrEqual(max);
        const trimmed = line.trim();
        expect(oneLine(trimmed, max)).toBe(trimmed === '' ? null : trimmed);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(unseen)('144. of a name with %j in it is another text, so that such a name is refused', (mark) => {
    expect(oneLine(`Git${mark}Hub`, 100)).toBe('Git Hub');
    expect(oneLine(mark, 100)).toBeNull();
  });

  it.each(['Überblick', 'नमस्ते', '日本語', 'Work 🗂️', '❤️ Slack', 'Ω-team', 'a  b', 'Việt'])(
    'of “%s” is that name',
    (name) => {
      expect(oneLine(name, 100)).toBe(name);
    },
  );
});

describe('a quotation', () => {
  it('77. begins and ends with its marks and has none within, whatever was written', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(quoted(text)).toMatch(/^“[^“”„‟"«»\n\r]*”$/u);
        expect([...quoted(text, 20)].length).toBeLessThanOrEqual(22);
      }),
      { numRuns: 2_000 },
    );
    expect(quoted('x”, shared by “ann')).toBe('“x’, shared by ’ann”');
  });
});
