/**
 * Taking secrets out of what a service answers, in every form of `formsOf` and in escapes, while it streams. Best effort: a service can
 * give a secret back in a form that nobody foresaw; what keeps it from others is the list of hosts.
 *
 * The search is Wu and Manber's (A fast algorithm for multi-pattern searching, 1994): it looks at two bytes, and the
 * longer the shortest form, the more bytes it passes over at once.
 */
import { createEscapedSearch, type Match } from './escaped-search.ts';
import { folded } from './folding.ts';
import { formsOf } from './secret-forms.ts';

/** What stands in place of a secret. */
export const scrubbed = '[redacted]';

export type Scrubber = {
  /** The whole text without the secrets. */
  text(text: string): string;
  /** The whole bytes without the secrets; the same ones when there was nothing to take out. */
  bytes(bytes: Uint8Array): Uint8Array;
  /** The stream without the secrets. Held back is only what may be the beginning of one, until more has come. */
  stream(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>;
};

const replacement = Buffer.from(scrubbed);

/** A power of two: two bytes become one of so many places; a place that several share only makes steps shorter. */
const places = 8_192;

function placeOf(first: number, second: number): number {
  return ((first << 5) ^ second) & (places - 1);
}

/** Scrubbers made lately, by their secrets. Making one takes longer than the rest of a call through the gateway. */
const lately = new Map<string, Scrubber>();
/** They are forgotten all at once, this long after the first was made: secrets do not stay in memory for good. */
const rememberedMs = 10_000;
const maxRemembered = 256;

/** The scrubber for these secrets, made anew or as it was made a moment ago. */
export function scrubberOf(secrets: readonly string[]): Scrubber {
  const key = JSON.stringify(secrets);
  const known = lately.get(key);
  if (known !== undefined) return known;
  if (lately.size === 0) setTimeout(() => lately.clear(), rememberedMs).unref();
  if (lately.size >= maxRemembered) lately.clear();
  const made = createScrubber(secrets);
  lately.set(key, made);
  return made;
}

/** A scrubber for these secrets; those under six bytes are left out, see secret-forms.ts. */
export function createScrubber(secrets: readonly string[]): Scrubber {
  const { plain, escapable } = formsOf(secrets);
  const shortest = Math.min(...plain.map(({ length }) => length));
  const search = createSearch(plain);
  const escaped = createEscapedSearch(escapable);

  /** Takes out what is complete from `from` on; answers the pieces and where the undecided rest begins. */
  function clean(bytes: Uint8Array, final: boolean): { pieces: Uint8Array[]; rest: number } {
    const pieces: Uint8Array[] = [];
    let inEscapes = escaped.find(bytes, 0, final);
    for (let at = 0; ; ) {
      if (Math.min(inEscapes.open, inEscapes.match?.start ?? bytes.length) < at)
        inEscapes = escaped.find(bytes, at, final);
      const match = earlier(search.next(bytes, at), inEscapes.match);
      const rest = final ? bytes.length : Math.min(search.beginning(bytes, at), inEscapes.open);
      if (match === null || match.start >= rest) {
        if (rest > at) pieces.push(bytes.subarray(at, rest));
        return { pieces, rest };
      }
      if (match.start > at) pieces.push(bytes.subarray(at, match.start));
      pieces.push(replacement);
      at = match.end;
    }
  }

  const bytes = (whole: Uint8Array): Uint8Array => {
    if (whole.length < shortest) return whole;
    const { pieces } = clean(whole, true);
    return pieces.includes(replacement) ? Buffer.concat(pieces) : whole;
  };
  return {
    bytes,
    text(text) {
      const given = Buffer.from(text);
      const clean = bytes(given);
      return clean === given ? text : Buffer.from(clean).toString();
    },
    async *stream(source) {
      if (plain.length === 0) return yield* source;
      let held: Uint8Array = new Uint8Array();
      for await (const chunk of source) {
        const known = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
        const { pieces, rest } = clean(known, false);
        held = known.subarray(rest);
        yield* pieces;
      }
      yield* clean(held, true).pieces;
    },
  };
}

function earlier(one: Match | null, other: Match | null): Match | null {
  if (one === null || other === null) return one ?? other;
  return other.start < one.start || (other.start === one.start && other.end > one.end) ? other : one;
}

/** Finds forms, which are folded, in bytes of any case. */
function createSearch(forms: readonly Uint8Array[]) {
  const shortest = forms.reduce((least, { length }) => Math.min(least, length), 255);
  const longest = forms.reduce((most, { length }) => Math.max(most, length), 0);
  const steps = new Uint8Array(places).fill(shortest - 1);
  const byPlace = new Map<number, Uint8Array[]>();
  const byFirst: Uint8Array[][] = Array.from({ length: 256 }, () => []);
  for (const form of forms) {
    for (let at = 1; at < shortest; at += 1) {
      const place = placeOf(form[at - 1] ?? 0, form[at] ?? 0);
      steps[place] = Math.min(steps[place] ?? 0, shortest - 1 - at);
    }
    const place = placeOf(form[shortest - 2] ?? 0, form[shortest - 1] ?? 0);
    byPlace.set(place, [...(byPlace.get(place) ?? []), form]);
    byFirst[form[0] ?? 0]?.push(form);
  }

  /** How many bytes from `start` on agree with the form. */
  function agreeing(bytes: Uint8Array, start: number, form: Uint8Array): number {
    let at = 0;
    while (at < form.length && start + at < bytes.length && folded[bytes[start + at] ?? 0] === form[at]) at += 1;
    return at;
  }

  return {
    /** The first complete form, and of several that begin there the longest. */
    next(bytes: Uint8Array, from: number): Match | null {
      for (let last = from + shortest - 1; last < bytes.length; ) {
        const place = placeOf(folded[bytes[last - 1] ?? 0] ?? 0, folded[bytes[last] ?? 0] ?? 0);
        const step = steps[place] ?? 0;
        if (step > 0) {
          last += step;
          continue;
        }
        const start = last - shortest + 1;
        let end = 0;
        for (const form of byPlace.get(place) ?? []) {
          if (form.length > end && agreeing(bytes, start, form) === form.length) end = form.length;
        }
        if (end > 0) return { start, end: start + end };
        last += 1;
      }
      return null;
    },
    /** Where the first form begins that the end of the bytes cuts off; the end itself when none does. */
    beginning(bytes: Uint8Array, from: number): number {
      for (let start = Math.max(from, bytes.length - longest + 1); start < bytes.length; start += 1) {
        const candidates = byFirst[folded[bytes[start] ?? 0] ?? 0] ?? [];
        if (candidates.length === 0) continue;
        const left = bytes.length - start;
        if (candidates.some((form) => form.length > left && agreeing(bytes, start, form) === left)) return start;
      }
      return bytes.length;
    },
  };
}
