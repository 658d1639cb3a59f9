/** Turns: how much one user may have under way at once. More waits in order; past that it is refused for now. */
import { KeywardError } from '../errors.ts';
import type { Owner } from '../principal.ts';

type TurnLimits = {
  /** So many at once for each user. */
  readonly atOnce: number;
  /** So many more may wait for their turn. */
  readonly waiting: number;
  /** What they are, for the error: `calls of services`. */
  readonly what: string;
};

export type Turns = {
  /**
   * Resolves when it is this user's turn, with what ends it; ending it twice is harmless. `rate_limited` when too many
   * wait already, `cancelled` when the signal fires first.
   */
  take(user: Owner, signal?: AbortSignal): Promise<() => void>;
  /** Runs `work` in a turn. */
  run<T>(user: Owner, work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** True while this user has more than half of its turns under way: the next one may soon have to wait. */
  crowded(user: Owner): boolean;
};

type Line = { underWay: number; readonly waiting: Set<() => void> };

export function createTurns({ atOnce, waiting, what }: TurnLimits): Turns {
  const lines = new Map<string, Line>();

  function enter(name: string, line: Line): () => void {
    line.underWay += 1;
    let over = false;
    return () => {
      if (over) return;
      over = true;
      line.underWay -= 1;
      const [next] = line.waiting;
      if (next !== undefined) next();
      else if (line.underWay === 0) lines.delete(name);
    };
  }

  async function take(user: Owner, signal?: AbortSignal): Promise<() => void> {
    if (signal?.aborted) throw cancelled();
    const name = nameOf(user);
    const line = lines.get(name) ?? { underWay: 0, waiting: new Set() };
    lines.set(name, line);
    if (line.underWay < atOnce) return enter(name, line);
    if (line.waiting.size >= waiting) throw tooMany(what, line);
    return new Promise((resolve, reject) => {
      const leave = () => {
        line.waiting.delete(begin);
        signal?.removeEventListener('abort', give);
      };
      const give = () => {
        leave();
        reject(cancelled());
      };
      const begin = () => {
        leave();
        resolve(enter(name, line));
      };
      line.waiting.add(begin);
      signal?.addEventListener('abort', give);
    });
  }

  return {
    take,
    async run(user, work, signal) {
      const end = await take(user, signal);
      try {
        return await work();
      } finally {
        end();
      }
    },
    crowded: (user) => (lines.get(nameOf(user))?.underWay ?? 0) > atOnce / 2,
  };
}

function nameOf({ tenant, user }: Owner): string {
  return JSON.stringify([tenant, user]);
}

function tooMany(what: string, { underWay, waiting }: Line): KeywardError {
  return new KeywardError('rate_limited', `You have ${underWay} ${what} under way and ${waiting.size} more waiting.`, {
    hint: 'Wait until some of them have ended, then try again.',
    details: { retryAfterSeconds: 1 },
  });
}

function cancelled(): KeywardError {
  return new KeywardError('cancelled', 'The call was cancelled while it waited for its turn.');
}
