import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const browser = ['test/browser/**/*.test.ts'];
const faults = ['test/faults/**/*.test.ts'];
/** Tests that measure time or memory: other work on the machine would be measured with them. */
const alone = ['test/**/latency.test.ts'];
const faultsAlone = ['test/faults/scrubbing.test.ts', 'test/faults/hostile-users.test.ts'];

/** Those that take longest, which begin first: the last one to begin would else run alone at the end. */
const longest = [
  'mcp/approval',
  'cli/connections',
  'mcp/elicitation',
  'mcp/main-job',
  'vault/move/move',
  'mcp/stdio',
  'simulator/connectors',
  'vault/key-change',
  'store/postgres/contract',
  'store/postgres/losing-it',
  'cli/run',
  'cli/import',
  'store/postgres/refresh',
  'package',
  'cli/doctor',
  'cli/cli',
  'http/losing-it',
  'http/middleware/limits-together',
  'http/pages/approvals/approvals',
  'http/listener/connections',
  'cli/commands/backup',
  'cli/care',
  'http/instances',
  'http/listener/slow-bodies',
  'seal/seal',
  'faults/refresh',
  'faults/key-rotation',
  'faults/vault-system-calls',
  'faults/vault-kills',
  'faults/hostile-calls',
  'faults/moving-kills',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = longest.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return place === -1 ? longest.length : place;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

// Tests start real processes and real servers; two cores may be busy.
const minute = { testTimeout: 60_000, hookTimeout: 60_000 };
const minutes = { testTimeout: 120_000, hookTimeout: 120_000 };
const long = { testTimeout: 600_000, hookTimeout: 600_000 };
/**
 * Files share a process, where what they load is loaded once. None of them leaves a clock, a variable or a spy behind; a spy
 * of a test that failed is taken back.
 */
const shared = { isolate: false, restoreMocks: true };
/** One process more than cores: a test waits for other processes most of the time. */
const workers = availableParallelism() + 1;

/**
 * Groups of tests on one PostgreSQL server. `npm test` runs `main`, then `alone`; `npm run test:browser` and
 * `npm run test:faults` the others. None of them extends what stands outside of `projects`: the server of the whole run
 * would be made once more for each.
 */
export default defineConfig({
  test: {
    globalSetup: ['test/support/servers/postgres-setup.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'main',
          include: ['test/**/*.test.ts'],
          exclude: [...browser, ...faults, ...alone],
          ...minute,
          ...shared,
          maxWorkers: workers,
        },
      },
      { test: { name: 'alone', include: alone, ...minute, maxWorkers: 1, sequence: { groupOrder: 1 } } },
      {
        test: {
          name: 'browser',
          include: browser,
          globalSetup: ['test/support/clients/unpack-chromium.ts'],
          ...minutes,
          ...shared,
          // One browser at a time.
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'faults',
          include: faults,
          exclude: faultsAlone,
          ...long,
          // Most of the time they wait for a disk, a kill or a service that hangs.
          maxWorkers: workers,
          sequence: { groupOrder: 3 },
        },
      },
      { test: { name: 'faults-alone', include: faultsAlone, ...long, maxWorkers: 1, sequence: { groupOrder: 4 } } },
    ],
  },
});
