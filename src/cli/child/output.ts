/** What a child prints, on its way to where this process prints. */
import type { Readable, Writable } from 'node:stream';

/** After the child ended, others who have its output still get so long altogether to say something. */
const graceMs = 250;
/** What a pipe holds at most on any system, in bytes: all that the child itself can have left in it. */
const leftInPipe = 1_048_576;

type Flow = {
  /** Says that the child has ended: whoever still holds its output is waited for no longer than a moment. */
  ended(): void;
  /** Resolves when all that the child printed has been passed on, or nobody wants it any more. */
  readonly done: Promise<void>;
};

/**
 * Passes on what comes, as fast as the slower side goes. When nobody reads it any more the source is closed, which the child
 * notices when it next prints, as in any pipeline.
 *
 * @param masked what is done to it on the way
 */
export function passOutput(
  source: Readable,
  target: Writable,
  masked: (source: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
): Flow {
  let [hasEnded, over] = [false, false];
  let wake = () => {};
  let waited = 0;
  let left = leftInPipe;
  for (const event of ['readable', 'end', 'close', 'error']) source.on(event, () => wake());

  /** Waits for more; once the child has ended, no longer than the rest of the grace. */
  async function more(): Promise<void> {
    const since = performance.now();
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      wake = resolve;
      if (hasEnded) timer = setTimeout(resolve, graceMs - waited);
    });
    clearTimeout(timer);
    if (hasEnded) waited += performance.now() - since;
    over ||= waited >= graceMs;
  }

  async function* chunks(): AsyncGenerator<Uint8Array> {
    while (!over) {
      const chunk: Uint8Array | null = source.read();
      if (chunk === null) {
        if (source.readableEnded || source.destroyed) return;
        await more();
        continue;
      }
      yield chunk;
      if (hasEnded) left -= chunk.length;
      over ||= left <= 0;
    }
  }

  let [closed, go] = [false, () => {}];
  // Those of the standard output are never destroyed, and say that nobody reads any more with each write.
  target.on('error', () => {
    closed = true;
    go();
  });
  target.on('drain', () => go());
  const write = (chunk: Uint8Array): Promise<void> =>
    new Promise((resolve) => {
      go = resolve;
      if (target.write(chunk, (error) => error && resolve())) resolve();
    });

  async function pass(): Promise<void> {
    try {
      for await (const chunk of masked(chunks())) {
        await write(chunk);
        if (closed) return;
      }
      await new Promise<void>((resolve) => target.write('', () => resolve()));
    } finally {
      source.destroy();
    }
  }
  return {
    ended() {
      hasEnded = true;
      wake();
    },
    done: pass(),
  };
}
