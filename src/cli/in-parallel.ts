/** Bounded concurrency for commands that ask many services. */
import type { Progress } from './progress.ts';

/** Answers in the order of the items; the first error of `work` ends it all. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
  progress?: Progress,
): Promise<Result[]> {
  const results: Result[] = [];
  const left = items.entries();
  let done = 0;
  const worker = async () => {
    for (const [index, item] of left) {
      results[index] = await work(item);
      done += 1;
      progress?.step(done, items.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  } finally {
    progress?.end();
  }
  return results;
}
