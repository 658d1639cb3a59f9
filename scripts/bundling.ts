/** How Keyward is bundled; the bench bundles what it compares with in the same way, and tests the processes they start. */
import type { InputOptions, OutputOptions } from 'rolldown';
import manifest from '../package.json' with { type: 'json' };

export const bundling = {
  platform: 'node',
  // Native packages: the only ones that are installed beside Keyward.
  external: [...Object.keys(manifest.dependencies), ...Object.keys(manifest.optionalDependencies)],
  transform: { target: 'node20.19' },
  // What an entry exports is for nobody, so a module may move to the file that starts fastest.
  preserveEntrySignatures: false,
  logLevel: 'warn',
} as const satisfies InputOptions;

export const writing = {
  format: 'esm',
  minify: true,
  comments: { legal: false },
  chunkFileNames: 'chunks/[name]-[hash].js',
} as const satisfies OutputOptions;
