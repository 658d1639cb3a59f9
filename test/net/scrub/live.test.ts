/** What a person sees of a program while it runs. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createScrubber, scrubbed } from '../../../src/net/scrub/scrub.ts';
import { echoForms } from '../../support/servers/echo-api.ts';

const secret = 'sk-live/"0123&456789\\abcdef=XYZ';

/** What has left after each piece, all that left before it included. */
async function shownAfter(pieces: readonly (string | Uint8Array)[], secrets = [secret]): Promise<string[]> {
  const shown: string[] = [];
  let text = '';
  async function* source() {
    for (const piece of pieces) {
      yield Buffer.from(piece);
      shown.push(text);
    }
  }
  for await (const block of createScrubber(secrets).live(source())) text += Buffer.from(block).toString('latin1');
  return [...shown.slice(0, -1), text];
}

const last = async (pieces: readonly (string | Uint8Array)[]) => (await shownAfter(pieces)).at(-1);
const portions = (bytes: Buffer, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );

describe('a program that is watched while it prints', () => {
  it('shows a question at once, though no line ends behind it', async () => {
    expect(await shownAfter(['Continue? [y/N] ', 'C:\\work> ', 'done'])).toEqual([
      'Continue? [y/N] ',
      'Continue? [y/N] C:\\work> ',
      'Continue? [y/N] C:\\work> done',
    ]);
  });

  it('holds the beginning of a secret back until what follows tells, or until the end', async () => {
    expect(await shownAfter(['key: sk-li', 'nux\n'])).toEqual(['key: ', 'key: sk-linux\n']);
    expect(await shownAfter(['key: sk-li', secret.slice(5), '!'])).toEqual(['key: ', 'key: ', `key: ${scrubbed}!`]);
    expect(await last(['key: sk-li'])).toBe('key: sk-li');
  });

  it.each(Object.keys(echoForms))('takes the secret out: %s, in any portions', async (form) => {
    const written = Buffer.concat([Buffer.from('[ '), Buffer.from(echoForms[form]?.(secret) ?? ''), Buffer.from(' ]')]);
    const whole = await last([written]);
    for (const size of [1, 2, 7]) expect(await last(portions(written, size))).toBe(whole);
    expect(whole).toContain(scrubbed);
  });

  it('shows what a whole text would show, wherever it is cut', async () => {
    const part = fc.oneof(
      fc.constantFrom(
        secret,
        secret.slice(0, 9),
        encodeURIComponent(secret),
        JSON.stringify(secret),
        '%',
        '\\u00',
        '&',
      ),
      fc.string({ maxLength: 12 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 8 }), fc.integer({ min: 1, max: 9 }), async (parts, size) => {
        const bytes = Buffer.from(parts.join(''));
        fc.pre(bytes.length > 0);
        const whole = Buffer.from(createScrubber([secret]).bytes(bytes)).toString('latin1');
        expect(await last(portions(bytes, size))).toBe(whole);
      }),
      { numRuns: 300 },
    );
  });
});
