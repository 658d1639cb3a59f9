/** Counts repeats, so that a loop fills no log: the first of a kind is written, the others as a number. */

/** How often a kind came again after its first, within one window. */
export type Repeated<Item> = { readonly first: Item; readonly latest: Item; readonly count: number };

type Repeats<Item> = {
  /**
   * Null for a repeat, which is counted. Else this is the first of its kind: write it, after the counts that are over
   * now.
   */
  note(kind: string, item: Item): readonly Repeated<Item>[] | null;
  /** Ends the window of a kind. Answers its count, if it came again. */
  end(kind: string): readonly Repeated<Item>[];
  /** Ends the window of every kind. */
  endAll(): readonly Repeated<Item>[];
};

/**
 * @param windowMs how long a kind is counted before it is written again
 * @param maxKinds past this number of kinds the window of the oldest ends: varied requests must not fill memory
 */
export function countRepeats<Item>(windowMs: number, maxKinds: number): Repeats<Item> {
  /** `since` on the clock of `performance.now()`, which nobody sets. */
  const counted = new Map<string, { readonly first: Item; latest: Item; count: number; readonly since: number }>();

  function end(kind: string): Repeated<Item>[] {
    const entry = counted.get(kind);
    counted.delete(kind);
    return entry !== undefined && entry.count > 0 ? [entry] : [];
  }

  return {
    note(kind, item) {
      const entry = counted.get(kind);
      if (entry !== undefined && performance.now() - entry.since < windowMs) {
        entry.latest = item;
        entry.count += 1;
        return null;
      }
      const over = end(kind);
      const [oldest] = counted.size >= maxKinds ? counted.keys() : [];
      if (oldest !== undefined) over.push(...end(oldest));
      counted.set(kind, { first: item, latest: item, count: 0, since: performance.now() });
      return over;
    },
    end,
    endAll: () => [...counted.keys()].flatMap(end),
  };
}
