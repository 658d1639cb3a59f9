import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createScrubber, scrubbed } from '../../../src/net/scrub/scrub.ts';

const key = 'sk-live_0123456789abcdefXYZ';

/** The pieces in which an answer leaves, each after how many pieces of it had come. */
async function blocksOf(
  secret: string,
  pieces: readonly (string | Uint8Array)[],
  type = '',
): Promise<[come: number, block: string][]> {
  let come = 0;
  async function* source() {
    for (const piece of pieces) {
      come += 1;
      yield Buffer.from(piece);
    }
  }
  const blocks: [number, string][] = [];
  for await (const block of createScrubber([secret]).stream(source(), type)) {
    blocks.push([come, Buffer.from(block).toString('latin1')]);
  }
  return blocks;
}

describe('what leaves', () => {
  it('64. in which blocks and when, is the same for any two secrets of one length', async () => {
    const length = 16;
    const secret = fc.string({ unit: fc.constantFrom(...'aZ3k%2&\\u;'), minLength: length, maxLength: length });
    // Beginnings of a secret, as somebody would store them who wants to learn which of them is right.
    const guess = fc.record({
      filler: fc.nat(2_000),
      cut: fc.integer({ min: 1, max: length - 1 }),
      form: fc.constantFrom('utf8', 'hex', 'base64', 'utf16le'),
      escaped: fc.boolean(),
      end: fc.constantFrom('', '\n', '\n\n'),
    });
    const type = fc.constantFrom('', 'text/event-stream', 'text/plain', 'application/json');
    const seed = Date.now() & 0x7fffffff;
    process.stdout.write(`blocks: seed ${seed}\n`);
    await fc.assert(
      fc.asyncProperty(
        secret,
        secret,
        fc.array(guess, { minLength: 1, maxLength: 12 }),
        type,
        async (own, other, parts, of) => {
          const pieces = parts.map(({ filler, cut, form, escaped, end }) => {
            const text = Buffer.from(own.slice(0, cut)).toString(form as 'hex');
            const written = escaped
              ? encodeURIComponent(text).replace(/[a-z]/g, (one) => `%${one.charCodeAt(0).toString(16)}`)
              : text;
            return Buffer.concat([Buffer.alloc(filler, '.'), Buffer.from(`${written}${end}`)]);
          });
          const whole = Buffer.concat(pieces);
          for (const one of [own, other]) fc.pre(createScrubber([one]).bytes(whole) === whole);
          expect(await blocksOf(other, pieces, of)).toEqual(await blocksOf(own, pieces, of));
        },
      ),
      { numRuns: 300, seed },
    );
  });

  it('64. of an answer without events is all but a constant amount, and the rest with the end', async () => {
    const pieces = Array.from({ length: 40 }, (_, index) => `${index % 10}`.repeat(500));
    const blocks = await blocksOf(key, pieces);
    expect(blocks.map(([, block]) => block).join('')).toBe(pieces.join(''));
    expect(blocks.length).toBeGreaterThan(2);
    const held = blocks.slice(0, -1).map(
      ([come], index) =>
        come * 500 -
        blocks
          .slice(0, index + 1)
          .map(([, block]) => block)
          .join('').length,
    );
    expect(new Set(held).size).toBe(1);
  });

  it.each(['\n', '\r', '\r\n'])(
    '64. of an event stream are whole events, as soon as each is one (lines end with %j)',
    async (line) => {
      const event = (text: string) => `event: a${line}data: ${text}${line}${line}`;
      const begun = event(key.slice(0, 20));
      const pieces = [
        event('one'),
        event('two').slice(0, 9),
        event('two').slice(9),
        begun.slice(0, -2),
        begun.slice(-2),
        event(key),
      ];
      const blocks = await blocksOf(key, pieces, 'text/event-stream; charset=utf-8');
      expect(blocks.map(([, block]) => block).join('')).toBe(
        [event('one'), event('two'), begun, event(scrubbed)].join(''),
      );
      expect(blocks.slice(0, 2)).toEqual([
        [1, event('one')],
        [3, event('two')],
      ]);
      const afterBegun = blocks
        .filter(([come]) => come <= 5)
        .map(([, block]) => block)
        .join('');
      expect(afterBegun).toBe([event('one'), event('two'), begun].join(''));
    },
  );

  it('64. of an event larger than its bound is all but the constant amount, and its secret is taken out', async () => {
    const large = `data: ${'x'.repeat(10_000)}`;
    const blocks = await blocksOf(key, [large, large, `${key}`, `${large}\n\n`], 'text/event-stream');
    expect(blocks.map(([, block]) => block).join('')).toBe(`${large}${large}${scrubbed}${large}\n\n`);
    expect(blocks[0]?.[0]).toBe(1);
  });

  it.each(['application/x-ndjson', 'application/jsonl', 'text/plain; charset=utf-8'])(
    '64. of %s are whole lines',
    async (type) => {
      const blocks = await blocksOf(key, ['one\ntw', `o\n${key.slice(0, 9)}`, `${key.slice(9)}\n`], type);
      expect(blocks).toEqual([
        [1, 'one\n'],
        [2, 'two\n'],
        [3, `${scrubbed}\n`],
      ]);
    },
  );

  it('64. of a stream that breaks off is what came but for the constant amount', async () => {
    async function* broken() {
      yield Buffer.from('x'.repeat(20_000));
      throw new Error('broken off');
    }
    for (const secret of [key, 'x'.repeat(key.length - 1).concat('y')]) {
      const sizes: number[] = [];
      const reading = (async () => {
        for await (const block of createScrubber([secret]).stream(broken())) sizes.push(block.length);
      })();
      await expect(reading).rejects.toThrow('broken off');
      expect(sizes).toEqual([20_000 - (8 * key.length + 1_024)]);
    }
  });
});
