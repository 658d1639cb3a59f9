import { defineConfig } from 'vitest/config';

/** `npm run test:browser`: every page in a real Chromium. One browser at a time. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    globalSetup: ['test/support/clients/unpack-chromium.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
