/** Maps that remember what was made or found lately, up to a number of entries. */

/** What a bounded map can do; `set` makes its entry the newest. */
export type BoundedMap<Key, Value> = Pick<Map<Key, Value>, 'get' | 'delete' | 'clear' | 'size'> & {
  set(key: Key, value: Value): void;
};

/**
 * A map of at most `max` entries: one more takes the place of the oldest.
 *
 * @param sizeOf for how many entries one counts; what is larger than the whole map is not kept
 */
export function boundedMap<Key, Value>(
  max: number,
  sizeOf: (value: Value) => number = () => 1,
): BoundedMap<Key, Value> {
  const entries = new Map<Key, { readonly value: Value; readonly size: number }>();
  let total = 0;
  const remove = (key: Key) => {
    total -= entries.get(key)?.size ?? 0;
    return entries.delete(key);
  };
  return {
    get: (key) => entries.get(key)?.value,
    set(key, value) {
      remove(key);
      const size = sizeOf(value);
      entries.set(key, { value, size });
      total += size;
      for (const oldest of entries.keys()) {
        if (total <= max) break;
        remove(oldest);
      }
    },
    delete: remove,
    clear() {
      entries.clear();
      total = 0;
    },
    get size() {
      return entries.size;
    },
  };
}

/** Caches of secrets are emptied this long after their first entry: no secret stays in memory for good. */
export const secretsRememberedMs = 10_000;
