/**
 * Tells quickly where no form can be, so that most bytes of most answers need not be read one by one. It looks at a few
 * bytes at steps of one length, and at what the escapes stand for; how long that takes hardly depends on the bytes.
 */
import { readingsAt, signs } from './escapes.ts';
import { asciiLower } from './secret-forms.ts';

/** Places in a set of hashes; a power of two. */
const places = 65_536;
const [maxStep, wide, narrow] = [255, 8, 4];
const backslash = 0x5c;

export type Sieve = {
  /**
   * Looks through the bytes, piece by piece. The answer gives the next place before `until` at which a form may stand that
   * begins at most `reach` bytes before it, or null for none.
   */
  over(bytes: Uint8Array): (until: number) => number | null;
  readonly reach: number;
};

/** A sieve for these forms, which are in lower case. */
export function createSieve(forms: readonly Uint8Array[]): Sieve {
  const shortest = forms.reduce((least, { length }) => Math.min(least, length), Number.POSITIVE_INFINITY);
  const reach = forms.reduce((most, { length }) => Math.max(most, length), 0);
  const width = shortest >= 2 * wide ? wide : narrow;
  const step = Math.min(shortest - width + 1, maxStep);
  const grams = new Uint8Array(places);
  for (const form of forms) {
    const view = viewOf(form);
    for (let at = 0; at < step; at += 1) mark(grams, hashAt(view, at, width));
  }
  const escaped = createEscapedSieve(forms);

  return {
    reach,
    over(bytes) {
      const view = viewOf(bytes);
      const nextEscaped = escaped(bytes);
      let at = 0;
      const nextPlain = (until: number): number | null => {
        const last = Math.min(until, bytes.length - width + 1);
        for (; at < last; at += step) {
          const hash = hashAt(view, at, width);
          if (grams[hash >>> 16] === 0 || !has(grams, hash)) continue;
          at += step;
          return at - step;
        }
        return null;
      };
      let [plain, other]: (number | null)[] = [null, null];
      return (until) => {
        plain ??= nextPlain(until);
        other ??= nextEscaped(until);
        const first = plain === null || other === null ? (plain ?? other) : Math.min(plain, other);
        if (first === plain) plain = null;
        if (first === other) other = null;
        return first;
      };
    },
  };
}

/** Where the first escape of a form may stand: what comes before it is as it is. */
function createEscapedSieve(forms: readonly Uint8Array[]) {
  const inForms = new Uint8Array(256);
  const heads = new Uint8Array(256);
  const parts = new Uint8Array(places);
  for (const form of forms) {
    heads[form[0] ?? 0] = 1;
    for (const [at, byte] of form.entries()) {
      inForms[byte] = 1;
      const before = Math.min(at, 3);
      mark(parts, partAt(form, at, before));
      if (at === 1) mark(parts, headOf(form[0] ?? 0, byte));
    }
  }
  const searched = [0x25, backslash, 0x26, ...(inForms[0x20] === 1 ? [0x2b] : [])];

  /** Of most escapes in most answers, such as `\"`, that much is plain. */
  function isDull(bytes: Uint8Array, at: number): boolean {
    if (bytes[at] !== backslash) return false;
    const next = bytes[at + 1] ?? 0;
    return next !== backslash && next !== 0x75 && next !== 0x78 && inForms[next] === 0;
  }

  function suspicious(bytes: Uint8Array, at: number): boolean {
    if (isDull(bytes, at)) return false;
    for (const { bytes: chars, end } of readingsAt(bytes, at)) {
      const [char = 0] = chars;
      if (inForms[char] === 0) continue;
      if (heads[char] === 1 && chars.length === 1) {
        const after = bytes[end] ?? 0;
        if (signs[after] === 1 || has(parts, headOf(char, asciiLower[after] ?? 0))) return true;
      } else if (heads[char] === 1) return true;
      for (let before = 1; before <= 3 && before <= at; before += 1) {
        if (has(parts, partAt(bytes, at, before, char))) return true;
      }
    }
    return false;
  }

  return ({ buffer, byteOffset, length }: Uint8Array) => {
    const bytes = Buffer.from(buffer, byteOffset, length);
    const nextOf = (sign: number, from: number) => {
      const at = bytes.indexOf(sign, from);
      return at === -1 ? bytes.length : at;
    };
    const nexts = searched.map((sign) => nextOf(sign, 0));
    return (until: number): number | null => {
      for (;;) {
        const at = Math.min(...nexts);
        if (at >= until || at >= bytes.length) return null;
        const which = nexts.indexOf(at);
        nexts[which] = nextOf(searched[which] ?? 0, at + 1);
        if (suspicious(bytes, at)) return at;
      }
    };
  };
}

/** The hash of the byte at this place and of `before` bytes before it. */
function partAt(bytes: Uint8Array, at: number, before: number, last = asciiLower[bytes[at] ?? 0] ?? 0): number {
  let part = last;
  for (let back = 1; back <= before; back += 1) part = (part << 8) | (asciiLower[bytes[at - back] ?? 0] ?? 0);
  return mixed(part, before);
}

function headOf(first: number, second: number): number {
  return mixed((first << 8) | second, 4);
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

/** Capital letters become small ones, and some signs others: that only makes more places suspicious. */
const small = 0x20202020;

function hashAt(view: DataView, at: number, width: number): number {
  return mixed(view.getInt32(at) | small, width === wide ? view.getInt32(at + 4) | small : 0);
}

function mixed(one: number, other: number): number {
  const mix = Math.imul(one, 0x9e3779b1) ^ Math.imul(other + 0x7f4a7c15, 0x85ebca6b);
  return Math.imul(mix ^ (mix >>> 15), 0xc2b2ae35);
}

/** A hash stands at three places, so that few others have all of them. */
function mark(set: Uint8Array, hash: number): void {
  set[hash >>> 16] = 1;
  set[hash & (places - 1)] = 1;
  set[mixed(hash, 1) >>> 16] = 1;
}

function has(set: Uint8Array, hash: number): boolean {
  return set[hash >>> 16] === 1 && set[hash & (places - 1)] === 1 && set[mixed(hash, 1) >>> 16] === 1;
}
