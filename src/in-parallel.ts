/** Work on many things: bounded concurrency for what asks many services, and work of which none is left out. */

/**
 * Answers in the order of the items; the first error of `work` ends it all.
 *
 * @param onStep is told how many are done, after each
 */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
  onStep: (done: number) => void = () => {},
): Promise<Result[]> {
  const results: Result[] = [];
  const left = items.entries();
  let done = 0;
  const worker = async () => {
    for (const [index, item] of left) {
      results[index] = await work(item);
      done += 1;
      onStep(done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return results;
}

/** Does the work for every item, one after the other; then throws the first error. */
export async function forEvery<Item>(items: Iterable<Item>, work: (item: Item) => Promise<unknown>): Promise<void> {
  const errors: unknown[] = [];
  for (const item of items) await work(item).catch((error: unknown) => errors.push(error));
  if (errors.length > 0) throw errors[0];
}
