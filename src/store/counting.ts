/** Counting what happens in several processes as one. */

/** Where a counter stands, and when it begins again at nothing. */
type Standing = { readonly total: number; readonly endsInMs: number };

/**
 * Adds to counters that every process on this store shares, and answers where each of them stands. One that nobody has
 * counted before ends so many milliseconds later. Nothing of it lasts: a crash of the store may begin all of them again.
 */
export type CountTogether = (
  more: ReadonlyMap<string, number>,
  windowMs: number,
) => Promise<ReadonlyMap<string, Standing>>;
