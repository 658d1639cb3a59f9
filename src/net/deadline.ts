/** Time limit and cancellation of one exchange, in one signal. */

/** Limit of an exchange that names none. */
export const defaultTimeoutMs = 30_000;

export type Deadline = {
  readonly signal: AbortSignal;
  /** Why the signal fired; null while it has not. */
  readonly reason: () => 'timeout' | 'cancelled' | null;
  /** Must be called at the end, or the timer keeps the process alive. */
  readonly clear: () => void;
};

/** Starts a limit of so many milliseconds that the caller's signal can cut short. */
export function startDeadline(timeoutMs: number, outer: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  let reason: 'timeout' | 'cancelled' | null = null;
  const stop = (why: 'timeout' | 'cancelled') => {
    reason ??= why;
    controller.abort();
  };
  const cancel = () => stop('cancelled');
  const timer = setTimeout(() => stop('timeout'), timeoutMs);
  outer?.addEventListener('abort', cancel, { once: true });
  if (outer?.aborted) cancel();
  return {
    signal: controller.signal,
    reason: () => reason,
    clear: () => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', cancel);
    },
  };
}
