/** Times on pages: how far away they are, with the exact one beside it. */
import { html } from 'hono/html';
import type { Html } from './page.ts';

/**
 * `3 hours ago` or `in 2 days`, as a `<time>`. The exact time stands in `datetime`, and in `title` for whoever points at
 * it: in UTC, which the script of the pages turns into the person's own zone and language.
 *
 * @param at a time in milliseconds since 1970, or as ISO 8601
 * @param now milliseconds since 1970
 */
export function moment(at: number | string, now: number): Html {
  const date = new Date(at);
  const iso = date.toISOString();
  return html`<time datetime="${iso}" title="${iso.slice(0, 16).replace('T', ' ')} UTC">${away(date.getTime() - now)}</time>`;
}

/** Each unit, as so many of the one before, and the count from which the next one says it better. */
const units = [
  { unit: 'minute', of: 60_000, upTo: 60 },
  { unit: 'hour', of: 60, upTo: 24 },
  { unit: 'day', of: 24, upTo: 60 },
  { unit: 'month', of: 30.44, upTo: 24 },
  { unit: 'year', of: 12, upTo: Number.POSITIVE_INFINITY },
] as const;

const words = new Intl.RelativeTimeFormat('en');

/** How far away a time is; negative milliseconds are past. */
function away(milliseconds: number): string {
  let count = Math.abs(milliseconds);
  for (const { unit, of, upTo } of units) {
    count = Math.round(count / of);
    if (count === 0) return 'just now';
    if (count < upTo) return words.format(milliseconds < 0 ? -count : count, unit);
  }
  throw new RangeError('There is no such time.');
}
