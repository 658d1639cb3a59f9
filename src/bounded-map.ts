/** Maps that remember what was made or found lately, up to a number of entries. */

/** What a bounded map can do; `set` makes its entry the newest. */
export type BoundedMap<Key, Value> = Pick<Map<Key, Value>, 'get' | 'delete' | 'clear' | 'size'> & {
  set(key: Key, value: Value): void;
};

/** A map of at most `max` entries: one more takes the place of the oldest. */
export function boundedMap<Key, Value>(max: number): BoundedMap<Key, Value> {
  const entries = new Map<Key, Value>();
  return {
    get: (key) => entries.get(key),
    set(key, value) {
      entries.delete(key);
      const [oldest] = entries.size >= max ? entries.keys() : [];
      if (oldest !== undefined) entries.delete(oldest);
      entries.set(key, value);
    },
    delete: (key) => entries.delete(key),
    clear: () => entries.clear(),
    get size() {
      return entries.size;
    },
  };
}

/** Caches of secrets are emptied this long after their first entry: no secret stays in memory for good. */
export const secretsRememberedMs = 10_000;
