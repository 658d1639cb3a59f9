/** How long a service asks to be left alone, in the ways that services say it. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { retryAfter, waitOf } from '../../src/net/retry-after.ts';

beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) }));
afterEach(() => void vi.useRealTimers());

describe('the wait that a service asks for', () => {
  it.each([
    ['2', 2],
    ['2.0', 2],
    ['4.5', 5],
    ['0.65', 1],
    ['0', 0],
    ['Thu, 01 Jan 2026 00:01:30 GMT', 90],
    ['Thursday, 01-Jan-26 00:01:30 GMT', 90],
    ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
  ])('is %s, in whole seconds that never end too early', (value, seconds) => {
    expect(retryAfter(value)).toBe(seconds);
  });

  it.each(['', 'soon', '-1', '1e3', '2 minutes', '1,5', '01/02/2026', 'Infinity'])(
    'is unknown, never zero, where it is written as “%s”',
    (value) => expect(retryAfter(value)).toBeNull(),
  );

  it.each([
    ['x-ratelimit-reset', String(Date.UTC(2026, 0, 1) / 1_000 + 40), 40],
    ['x-rate-limit-reset', String(Date.UTC(2026, 0, 1) + 40_000), 40],
    ['ratelimit-reset', '40', 40],
    ['x-ratelimit-reset-requests', '6m0s', 360],
    ['x-ratelimit-reset-tokens', '120ms', 1],
    ['x-ratelimit-reset-after', '1.25', 2],
    ['x-ratelimit-reset', '2026-01-01T00:00:40Z', 40],
  ])('is what %s: %s says, where there is no Retry-After', (name, value, seconds) => {
    expect(waitOf(new Map([[name, value]]))).toBe(seconds);
    expect(
      waitOf(
        new Map([
          [name, value],
          ['retry-after', '7'],
        ]),
      ),
    ).toBe(7);
  });

  it('is the longest of several resets, and unknown without any that can be read', () => {
    const resets = new Map([
      ['x-ratelimit-reset-requests', '1s'],
      ['x-ratelimit-reset-tokens', '6m0s'],
    ]);
    expect(waitOf(resets)).toBe(360);
    expect(waitOf(new Map([['x-ratelimit-reset', 'later']]))).toBeNull();
  });
});
