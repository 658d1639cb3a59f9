/**
 * Counters of requests, by windows of a minute. They count in this process, so that a request waits for nothing; what
 * was counted is told to the other processes of the vault soon after, which is also how this one hears of theirs.
 */
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import type { Broker } from '../../broker/broker.ts';
import { KeywardError, toPublic } from '../../errors.ts';
import type { Log } from '../../log.ts';

const windowMs = 60_000;
/** All that a limit can be overrun by is what the other processes let through in this time. */
const tellEveryMs = 200;

type CountTogether = NonNullable<Broker['vault']['countTogether']>;

/** One more for this key; throws `rate_limited` with `retryAfterSeconds` when that is too many. */
export type Counter = (key: string) => Promise<void>;

type Untold = { readonly limiter: RateLimiterMemory; readonly key: string; more: number };

/**
 * Makes counters, each with a name and how many it lets through.
 *
 * @param together null where no other process counts the same
 */
export function createCounters(together: CountTogether | null, log: Log): (name: string, perMinute: number) => Counter {
  let untold = new Map<string, Untold>();
  let telling = false;
  let alone = false;

  function note(counter: string, limiter: RateLimiterMemory, key: string): void {
    const name = JSON.stringify([counter, key]);
    const noted = untold.get(name);
    if (noted === undefined) untold.set(name, { limiter, key, more: 1 });
    else noted.more += 1;
  }

  function tellSoon(share: CountTogether): void {
    if (telling) return;
    telling = true;
    setTimeout(async () => {
      const told = untold;
      untold = new Map();
      await tell(share, told).then(heard, failed);
      telling = false;
      if (untold.size > 0) tellSoon(share);
    }, tellEveryMs).unref();
  }

  /** Takes over where each counter stands, with what was counted here meanwhile. */
  async function tell(share: CountTogether, told: ReadonlyMap<string, Untold>): Promise<void> {
    const standings = await share(new Map([...told].map(([name, { more }]) => [name, more])), windowMs);
    for (const [name, { limiter, key }] of told) {
      const standing = standings.get(name);
      if (standing === undefined) continue;
      const { total, endsInMs } = standing;
      const here = await limiter.get(key);
      const all = total + (untold.get(name)?.more ?? 0);
      // It is less when something could not be told, or when the window has just ended there: no limit is lifted.
      if (all > (here?.consumedPoints ?? 0)) await limiter.set(key, all, endsInMs / 1_000);
    }
  }

  function heard(): void {
    if (alone) log.info('limits_shared');
    alone = false;
  }

  /** Counting goes on here. What was sent may have arrived, so it is not sent again. */
  function failed(error: unknown): void {
    if (!alone) log.warn('limits_not_shared', { code: toPublic(error).code });
    alone = true;
  }

  return (name, perMinute) => {
    const limiter = new RateLimiterMemory({ points: perMinute, duration: windowMs / 1_000 });
    return async (key) => {
      const consumed = limiter.consume(key);
      if (together !== null) {
        note(name, limiter, key);
        tellSoon(together);
      }
      await consumed.catch(refuse);
    };
  };
}

function refuse({ msBeforeNext }: RateLimiterRes): never {
  const retryAfterSeconds = Math.max(1, Math.ceil(msBeforeNext / 1_000));
  throw new KeywardError('rate_limited', 'That were too many requests.', {
    hint: `Try again in ${retryAfterSeconds} s.`,
    details: { retryAfterSeconds },
  });
}
