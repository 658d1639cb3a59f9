/** How far long work is, on stderr, where a person looks at it. */

/** Says “Verifying 3 of 12”; `total` is 0 where nobody knows it. */
type Progress = { step(done: number, total: number): void; end(): void };

const quiet: Progress = { step: () => {}, end: () => {} };

/** Shortest time between two lines, in milliseconds. */
const everyMs = 100;

/** @param act what is done, such as “Verifying” */
function showProgress(act: string): Progress {
  const { stderr } = process;
  if (!stderr.isTTY) return quiet;
  let shownAt = 0;
  return {
    step: (done, total) => {
      const now = Date.now();
      if (now - shownAt < everyMs && done !== total) return;
      shownAt = now;
      stderr.write(`\r\u001b[K${act} ${total === 0 ? done : `${done} of ${total}`} …`);
    },
    end: () => void stderr.write('\r\u001b[K'),
  };
}

/** Does long work and shows how far it is; nothing of that is left on the screen afterwards. */
export async function withProgress<T>(act: string, work: (step: Progress['step']) => Promise<T>): Promise<T> {
  const progress = showProgress(act);
  try {
    return await work(progress.step);
  } finally {
    progress.end();
  }
}
