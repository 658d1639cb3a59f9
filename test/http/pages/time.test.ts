import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { moment } from '../../../src/http/pages/time.ts';

const now = Date.parse('2026-11-30T12:00:00.000Z');
const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];

/** What a person reads, without a pointer. */
async function read(away: number): Promise<string> {
  return /<time[^>]*>(.*)<\/time>/.exec(String(await moment(now + away, now)))?.[1] ?? '';
}

describe('a time on a page', () => {
  test.each([
    [0, 'just now'],
    [-29_000, 'just now'],
    [-minute, '1 minute ago'],
    [-59.6 * minute, '1 hour ago'],
    [-3 * hour, '3 hours ago'],
    [2 * day, 'in 2 days'],
    [90 * day - 1, 'in 3 months'],
    [-800 * day, '2 years ago'],
  ])('%d ms away reads as %s', async (away, words) => {
    expect(await read(away)).toBe(words);
  });

  test('is told exactly in UTC, for machines and for whoever points at it', async () => {
    expect(String(await moment('2026-11-30T09:05:30.250Z', now))).toBe(
      '<time datetime="2026-11-30T09:05:30.250Z" title="2026-11-30 09:05 UTC">3 hours ago</time>',
    );
  });

  test('is never off by more than half of the unit that it names', async () => {
    const lengths = { minute, hour, day, month: 30.44 * day, year: 365.28 * day } as const;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: -4e11, max: 4e11 }), async (away) => {
        const words = await read(away);
        const [, before, count, unit, after] = /^(in )?(\d+) (minute|hour|day|month|year)s?( ago)?$/.exec(words) ?? [];
        if (count === undefined) {
          expect([words, Math.abs(away) <= minute / 2]).toEqual(['just now', true]);
          return;
        }
        expect([before, after]).toEqual(away < 0 ? [undefined, ' ago'] : ['in ', undefined]);
        const length = lengths[unit as keyof typeof lengths];
        // Each unit is counted in whole ones of the unit below.
        expect(Math.abs(Number(count) * length - Math.abs(away))).toBeLessThanOrEqual(0.56 * length);
      }),
    );
  });
});
