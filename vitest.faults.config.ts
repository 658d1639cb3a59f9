import { defineConfig } from 'vitest/config';

/** `npm run test:faults`: kills, full disks, races. One file at a time, because each of them wants the whole machine. */
export default defineConfig({
  test: {
    include: ['test/faults/**/*.test.ts'],
    globalSetup: ['test/support/servers/postgres-setup.ts'],
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
