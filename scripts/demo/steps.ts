/** Steps of the demo: one line each when it is done, and a clear end at the first that fails. */
import { setTimeout as delay } from 'node:timers/promises';
import { styleText } from 'node:util';

/** Does one step, writes a line about it with what `say` tells of the result, and answers the result. */
export type Step = <T>(name: string, run: () => Promise<T>, say: (result: T) => string) => Promise<T>;

/**
 * Runs `job` with a way to do steps. True when every step is done; a step that failed is named with its reason, and
 * nothing after it is tried. `mask` takes secrets out of what is written.
 */
export async function runSteps(
  job: (step: Step) => Promise<void>,
  write: (line: string) => void,
  mask: (text: string) => string,
): Promise<boolean> {
  let current = 'start';
  let count = 0;
  const step: Step = async (name, run, say) => {
    current = name;
    const result = await run();
    count += 1;
    write(`${styleText('green', 'done')} ${String(count).padStart(2)} ${name.padEnd(10)} ${mask(say(result))}`);
    return result;
  };
  try {
    await job(step);
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'no reason given';
    write(`${styleText('red', 'FAILED')} ${current}: ${mask(reason)}`);
    return false;
  }
  write('every step done');
  return true;
}

/** Throws the words when the condition does not hold. */
export function must(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}

/** Asks again until it holds; `seconds` at most. */
export async function until(holds: () => Promise<boolean>, seconds: number, otherwise: string): Promise<void> {
  const end = performance.now() + seconds * 1_000;
  while (!(await holds())) {
    must(performance.now() < end, otherwise);
    await delay(200);
  }
}
