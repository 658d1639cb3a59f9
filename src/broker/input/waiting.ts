/** Waiting for a person: looking again and again, for a while, as long as the caller wants to know. */
import { setTimeout as delay } from 'node:timers/promises';
import { KeywardError } from '../../errors.ts';

/** How often a waiting call looks; a look is one `stat` of the vault file. */
const lookEveryMs = 250;

export type Waiting = {
  readonly signal?: AbortSignal;
  /** Called about once a second. */
  readonly onWait?: (elapsedSeconds: number, totalSeconds: number) => void;
};

/** The first answer of `look` that is `settled`, or the last one when the time is up. `cancelled` when the caller left. */
export async function waitFor<T>(
  look: () => Promise<T>,
  settled: (answer: T) => boolean,
  totalSeconds: number,
  { signal, onWait }: Waiting,
): Promise<T> {
  const begun = Date.now();
  for (let told = 0; ; ) {
    const answer = await look();
    const elapsed = (Date.now() - begun) / 1000;
    if (settled(answer) || elapsed >= totalSeconds || elapsed < 0) return answer;
    if (elapsed >= told + 1) {
      told = Math.floor(elapsed);
      onWait?.(told, totalSeconds);
    }
    try {
      await delay(Math.min(lookEveryMs, (totalSeconds - elapsed) * 1000), undefined, signal ? { signal } : {});
    } catch {
      throw new KeywardError('cancelled', 'The call was cancelled while waiting.', {
        hint: 'What it waited for goes on; ask again any time.',
      });
    }
  }
}
