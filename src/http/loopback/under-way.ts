/** Attempts of this process that somebody may still finish on its pages. */
import type { Broker } from '../../broker/broker.ts';
import { stateOf } from '../../broker/connect/state.ts';

type UnderWay = {
  add(attemptId: string): void;
  /** Drops those that have ended; true when there was one. */
  sweep(): Promise<boolean>;
  size(): number;
};

/** An attempt is stored within this time after its pages were opened, or it never is. */
const storedWithinMs = 60_000;

export function createUnderWay({ vault }: Broker): UnderWay {
  /** The time at which the pages of each were opened. */
  const attempts = new Map<string, number>();

  const hasEnded = async (id: string, openedAt: number): Promise<boolean> => {
    try {
      const attempt = await vault.findAttempt(id);
      return attempt === undefined ? Date.now() - openedAt >= storedWithinMs : stateOf(attempt) !== 'pending';
    } catch {
      // A vault that can't be read at the moment says nothing about the attempt.
      return false;
    }
  };

  return {
    add: (attemptId) => void attempts.set(attemptId, Date.now()),
    async sweep() {
      const before = attempts.size;
      for (const [id, openedAt] of attempts) if (await hasEnded(id, openedAt)) attempts.delete(id);
      return attempts.size < before;
    },
    size: () => attempts.size,
  };
}
