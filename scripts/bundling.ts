/** How Keyward is bundled; the bench bundles what it compares with in the same way. */
import type { BuildOptions } from 'esbuild';

// Packages written for CommonJS call `require` for Node's own modules; an ES module has none.
const banner = [
  '#!/usr/bin/env node',
  "import { createRequire as createRequireForBundle } from 'node:module';",
  'const require = createRequireForBundle(import.meta.url);',
].join('\n');

export const bundling = {
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  minifySyntax: true,
  legalComments: 'none',
  banner: { js: banner },
  logLevel: 'warning',
} as const satisfies BuildOptions;
