/** Group commit: what is asked for while one flush runs goes out together in the next. */
import { setImmediate as nextTurn } from 'node:timers/promises';

export type Group<T> = {
  /** Resolves when the flush that took the item is done; rejects with the item's own error, or with the flush's. */
  add(item: T): Promise<void>;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
};

/** How many turns of the event loop a flush waits for those who still join. */
const maxTurns = 4;

/** `flush` answers one error, or undefined, for each item; when it throws, every item fails. */
export function grouped<T>(flush: (items: readonly T[]) => Promise<readonly (Error | undefined)[]>): Group<T> {
  type Waiting = { readonly item: T; readonly settle: (error: unknown) => void };
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      // Whoever just saw a commit succeed may have the next one ready: a turn lets them join, and one more while they do.
      for (let turn = 0, joined = 0; turn < maxTurns && joined < waiting.length; turn += 1) {
        joined = waiting.length;
        await nextTurn();
      }
      const taken = waiting;
      waiting = [];
      try {
        const errors = await flush(taken.map(({ item }) => item));
        for (const [index, { settle }] of taken.entries()) settle(errors[index]);
      } catch (error) {
        for (const { settle } of taken) settle(error);
      }
    }
    running = undefined;
  }

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        waiting.push({ item, settle: (error) => (error === undefined ? resolve() : reject(error)) });
        running ??= run();
      }),
    async idle() {
      while (running !== undefined) await running;
    },
  };
}
