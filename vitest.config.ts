import { defineConfig } from 'vitest/config';

/** `npm test`: everything that needs neither a browser nor fault injection. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/browser/**', 'test/faults/**'],
    globalSetup: ['test/support/servers/postgres-setup.ts'],
    // Tests start real processes and real servers; two cores may be busy.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
