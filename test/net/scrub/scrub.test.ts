import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createScrubber, type Scrubber, scrubbed } from '../../../src/net/scrub/scrub.ts';
import { formsOf } from '../../../src/net/scrub/secret-forms.ts';
import { echoForms } from '../../support/servers/echo-api.ts';

const secrets = [
  'sk-live_0123456789abcdefXYZ',
  'pass/word+with=odd "chars" & <more>',
  "ünïcödé's pässwörd ~*()!",
  'hunter',
];

async function streamed({ stream }: Scrubber, bytes: Uint8Array, portion: number): Promise<Buffer> {
  async function* source() {
    for (let at = 0; at < bytes.length; at += portion) yield bytes.subarray(at, at + portion);
  }
  const parts: Uint8Array[] = [];
  for await (const part of stream(source())) parts.push(part);
  return Buffer.concat(parts);
}

/** True when the secret, or a form of it, is somewhere in the bytes. */
function holds(bytes: Buffer, secret: string): boolean {
  const text = bytes.toString('latin1').toLowerCase();
  return formsOf([secret]).some((form) => text.includes(Buffer.from(form).toString('latin1')));
}

const inHex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
const percented = (one: string) => Array.from(Buffer.from(one), (byte) => `%${inHex(byte, 2)}`).join('');
const unicoded = (one: string) =>
  Array.from({ length: one.length }, (_, at) => `\\u${inHex(one.charCodeAt(at), 4)}`).join('');
/** Ways to write one character otherwise. */
const escapes: readonly ((one: string) => string)[] = [
  percented,
  (one) => percented(one).toUpperCase(),
  (one) => percented(one).replaceAll('%', '%25'),
  (one) => percented(one).replaceAll('%', '%2525'),
  unicoded,
  (one) => unicoded(one).replaceAll('\\', '\\\\'),
  (one) => (/^[ -/:-@[-`{-~]$/.test(one) ? `\\${one}` : one),
  (one) => `&#${one.codePointAt(0)};`,
  (one) => `&#x${one.codePointAt(0)?.toString(16).toUpperCase()};`,
  (one) => `&amp;#${one.codePointAt(0)};`,
];

describe('scrubbing', () => {
  it.each(Object.keys(echoForms))(
    '57. a secret that is given back as %s is taken out, in whatever portions it comes',
    async (name) => {
      for (const secret of secrets) {
        const echoed = Buffer.from(echoForms[name]?.(secret) ?? '');
        const framed = Buffer.concat([Buffer.from('before '), echoed, Buffer.from(' after')]);
        const scrubber = createScrubber([secret]);
        const whole = Buffer.from(scrubber.bytes(framed));
        expect(whole.includes(scrubbed), `${name} of ${secret}`).toBe(true);
        expect(holds(whole, secret), `${name} of ${secret}`).toBe(false);
        expect(whole.subarray(0, 7).toString()).toBe('before ');
        expect(whole.subarray(-6).toString()).toBe(' after');
        for (const portion of [1, 2, 3, 7, 16, 1_000]) {
          expect((await streamed(scrubber, framed, portion)).equals(whole), `${portion} bytes at a time`).toBe(true);
        }
      }
    },
  );

  it('57. any secret is taken out of any text in every form, and how the text is portioned changes nothing', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 });
    const secret = fc
      .string({ unit: 'grapheme', minLength: 6, maxLength: 40 })
      .filter((one) => Buffer.byteLength(one) >= 6);
    await fc.assert(
      fc.asyncProperty(
        secret,
        text,
        text,
        fc.nat(),
        fc.integer({ min: 1, max: 40 }),
        async (own, before, after, pick, portion) => {
          const all = formsOf([own]);
          const form = all[pick % all.length] ?? new Uint8Array();
          const framed = Buffer.concat([Buffer.from(before), form, Buffer.from(after)]);
          const scrubber = createScrubber([own]);
          const whole = Buffer.from(scrubber.bytes(framed));
          expect(whole.indexOf(form)).toBe(-1);
          expect((await streamed(scrubber, framed, portion)).equals(whole)).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('57. a secret of which any characters are escaped in any way is taken out, and how the text is portioned changes nothing', async () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 's', '%', '2', '5', '\\', 'u', '0', '&', '#', ';', ' '),
      maxLength: 20,
    });
    // These three may be read in several ways when they are left as they are.
    const secret = fc.string({ unit: 'grapheme', minLength: 6, maxLength: 30 }).filter((one) => !/[%&\\]/.test(one));
    const styles = fc.array(fc.nat(escapes.length + 3), { minLength: 40, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(
        secret,
        styles,
        text,
        text,
        fc.integer({ min: 1, max: 40 }),
        async (own, style, before, after, portion) => {
          const written = Array.from(own, (one, at) => escapes[style[at] ?? 0]?.(one) ?? one).join('');
          const framed = Buffer.from(`${before}~${written}~${after}`);
          const scrubber = createScrubber([own]);
          const whole = Buffer.from(scrubber.bytes(framed));
          expect(whole.toString()).toBe(`${before}~${scrubbed}~${after}`);
          expect((await streamed(scrubber, framed, portion)).equals(whole)).toBe(true);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('57. bytes that look like escapes and are none cost little, and change nothing', async () => {
    const key = 'sk-live_0123456789abcdefXYZ';
    for (const noise of [
      '%',
      '%2',
      '%25',
      '\\',
      '&',
      '&#',
      '&amp;',
      '\\u00',
      's%6',
      '&#x',
      '&#12345678901234567890;',
    ]) {
      const bytes = Buffer.from(noise.repeat(20_000));
      expect(createScrubber([key]).bytes(bytes)).toBe(bytes);
      expect(
        (await streamed(createScrubber([key]), bytes.subarray(0, 5_000), 7)).equals(bytes.subarray(0, 5_000)),
      ).toBe(true);
    }
  });

  it('what holds no secret comes back as it was, byte for byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 4_096 }, (_, at) => (at * 7 + (at >> 8)) & 255));
    expect(createScrubber(secrets).bytes(bytes)).toBe(bytes);
    expect((await streamed(createScrubber(['sk-live_0123456789']), bytes, 100)).equals(bytes)).toBe(true);
    expect(createScrubber([]).bytes(bytes)).toBe(bytes);
  });

  it('of spellings that few use, none gets past: named and open entities, long numbers, seven layers of percent, several kinds', () => {
    const key = 'sk_live-A+b/c=&d';
    const each = (write: (one: string) => string) => Array.from(key, write).join('');
    const code = (one: string) => one.codePointAt(0) ?? 0;
    const names: Readonly<Record<string, string>> = {
      _: 'lowbar',
      '-': 'dash',
      '+': 'plus',
      '/': 'sol',
      '=': 'equals',
    };
    const spellings = [
      each((one) => (one in names && one !== '-' ? `&${names[one]};` : one === '&' ? '&AMP;' : one)),
      each((one) => `&#${code(one)}`).replace(/$/, ' '),
      each((one) => `&#x${code(one).toString(16).padStart(9, '0')};`),
      each((one) => `&#${`${code(one)}`.padStart(12, '0')};`),
      each((one) => `%${'25'.repeat(6)}${code(one).toString(16)}`),
      each((one) => `%5Cu00${code(one).toString(16)}`),
      each((one) => `\\u0026#${code(one)};`),
      each((one) => `&amp;#37;${code(one).toString(16)}`),
    ];
    for (const steady of [false, true]) {
      const { text } = createScrubber([key], { steady });
      for (const spelling of spellings) expect(text(`<${spelling}>`), spelling).toMatch(/^<\[redacted\] ?>$/);
    }
  });

  it('whatever stands before and after a secret, also what makes an escape with it, it is taken out', () => {
    const secret = '41abc+def%';
    const { text } = createScrubber([secret]);
    for (const before of ['%', '\\', '\\u', '\\x', '&#', '&#x', '&', '%25', '%2', '\\'.repeat(50)]) {
      for (const written of [
        secret,
        secret.replace('+', '%2B'),
        secret.replace('+', '%252B'),
        secret.replace('+', '&#43;'),
      ]) {
        for (const after of ['41', ';', '%', '\\', '']) {
          expect(text(`${before}${written}${after}`), `${before} ${written} ${after}`).toContain(scrubbed);
        }
      }
    }
  });

  it('secrets that overlap are taken out as one', async () => {
    const { text } = createScrubber(['ann:abcdefgh', 'abcdefgh', 'efghijkl']);
    expect(text('<ann:abcdefghijkl>')).toBe(`<${scrubbed}>`);
    expect(text('<abcdefghabcdefgh>')).toBe(`<${scrubbed}${scrubbed}>`);
    const run = Buffer.from(`<${'a'.repeat(30_000)}>`);
    for (const portion of [1_000, 7_777]) {
      expect((await streamed(createScrubber(['a'.repeat(100)]), run, portion)).toString()).toBe(`<${scrubbed}>`);
    }
  });

  it('a value of less than six bytes is left alone: taking it out would tell whoever guesses it', () => {
    expect(createScrubber(['12345', '']).text('the code 12345 stays')).toBe('the code 12345 stays');
    expect(createScrubber(['123456']).text('the code 123456 goes')).toBe(`the code ${scrubbed} goes`);
  });
});
