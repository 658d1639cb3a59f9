/**
 * The link that signs one browser in, once. Both halves are in the memory of this process and nowhere else: they end with
 * it. Knows no HTTP.
 */
import { randomBytes } from 'node:crypto';
import { equalInConstantTime } from '../../broker/visitors/browser-binding.ts';

/**
 * What became of somebody who came with a link: `in` takes the browser in, with what it keeps; `again` is that browser once
 * more; `twice` is anybody else who has the link, so that one of the two is not its owner; `late` came after its minute, and
 * `wrong` has another one.
 */
type Arrival =
  | { readonly outcome: 'in'; readonly keeps: string }
  | { readonly outcome: 'again' | 'twice' | 'late' | 'wrong' };

type OneLink = {
  /** What the link carries. */
  readonly token: string;
  /** @param kept what the browser keeps of an earlier link, if anything */
  arrive(token: string, kept: string | undefined): Arrival;
  /** Whether a browser that keeps this is the one that was taken in. */
  isIn(kept: string | undefined): boolean;
  /** True once the link's minute is over and nobody has used it. */
  hasLapsed(): boolean;
};

/** How long the link works. */
const worksForMs = 60_000;

export function createOneLink(): OneLink {
  const token = randomBytes(32).toString('base64url');
  const until = Date.now() + worksForMs;
  let browser: string | null = null;
  const isIn: OneLink['isIn'] = (kept) => browser !== null && equalInConstantTime(kept ?? '', browser);
  return {
    token,
    isIn,
    arrive(given, kept) {
      if (!equalInConstantTime(given, token)) return { outcome: 'wrong' };
      if (isIn(kept)) return { outcome: 'again' };
      if (browser !== null) {
        // Nobody has this one.
        browser = randomBytes(32).toString('base64url');
        return { outcome: 'twice' };
      }
      if (Date.now() >= until) return { outcome: 'late' };
      browser = randomBytes(32).toString('base64url');
      return { outcome: 'in', keeps: browser };
    },
    hasLapsed: () => browser === null && Date.now() >= until,
  };
}
