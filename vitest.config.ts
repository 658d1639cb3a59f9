import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const browser = ['test/browser/**/*.test.ts'];
const faults = ['test/faults/**/*.test.ts'];
/** Tests that measure time or memory: other work on the machine would be measured with them. */
const alone = ['test/**/latency.test.ts'];
const faultsAlone = ['test/faults/scrubbing.test.ts', 'test/faults/hostile-users.test.ts'];

/**
 * Groups of tests on one PostgreSQL server. `npm test` runs `main` and then `alone`, `npm run test:browser` and
 * `npm run test:faults` the others.
 */
export default defineConfig({
  test: {
    globalSetup: ['test/support/servers/postgres-setup.ts'],
    // Tests start real processes and real servers; two cores may be busy.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'main',
          include: ['test/**/*.test.ts'],
          exclude: [...browser, ...faults, ...alone],
          // One more than cores: a test waits for other processes most of the time.
          maxWorkers: availableParallelism() + 1,
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: alone, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: browser,
          globalSetup: ['test/support/clients/unpack-chromium.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // One browser at a time.
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'faults',
          include: faults,
          exclude: faultsAlone,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          // Most of the time they wait for a disk, a kill or a service that hangs.
          maxWorkers: availableParallelism(),
          sequence: { groupOrder: 3 },
        },
      },
      {
        extends: true,
        test: {
          name: 'faults-alone',
          include: faultsAlone,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          maxWorkers: 1,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
