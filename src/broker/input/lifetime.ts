/** How long things live, on a clock that somebody may set. */

/** What claims to be later than this from now, in milliseconds, is from before the clock was set back. */
export const clockToleranceMs = 60_000;

/**
 * True before and after the life of something; times in milliseconds since 1970. A clock that is set back must not keep
 * anything alive for days.
 */
export function isOver(begun: number, end: number, now: number): boolean {
  return now >= end || now < begun - clockToleranceMs;
}
