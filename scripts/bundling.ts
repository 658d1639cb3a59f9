/** How Keyward is bundled; the bench bundles what it compares with in the same way. */
import type { BuildOptions } from 'esbuild';
import manifest from '../package.json' with { type: 'json' };

// Packages written for CommonJS call `require` for Node's own modules; an ES module has none.
const banner = [
  '#!/usr/bin/env node',
  "import { createRequire as createRequireForBundle } from 'node:module';",
  'const require = createRequireForBundle(import.meta.url);',
].join('\n');

export const bundling: BuildOptions = {
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  minify: true,
  legalComments: 'none',
  // Native packages: the only ones that are installed beside Keyward.
  external: [...Object.keys(manifest.dependencies), ...Object.keys(manifest.optionalDependencies)],
  banner: { js: banner },
  logLevel: 'warning',
};
