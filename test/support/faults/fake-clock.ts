/** Another time for a process: libfaketime, loaded before everything else. */
import type { TestContext } from 'vitest';
import { needs } from './report.ts';

/** The test is told as not run where libfaketime is not installed. */
export function needsFakeClock(test: TestContext): void {
  needs(test, 'sh', '-c', 'ls /usr/lib/*/faketime/libfaketime.so.1');
}

/** For the environment of a process in another time. Its monotonic clock, which nobody sets, goes on as it is. */
export const fakeClock = {
  // The dynamic linker fills in $LIB.
  LD_PRELOAD: '/usr/$LIB/faketime/libfaketime.so.1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  DONT_FAKE_MONOTONIC: '1',
};
