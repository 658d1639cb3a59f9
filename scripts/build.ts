/**
 * Bundles Keyward into dist/: `main.js` holds what the first answer needs, the chunks beside it what is imported
 * lazily. Everything is inlined except native packages, so that installing Keyward installs next to nothing.
 */
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { build, type Metafile } from 'esbuild';

const root = new URL('../', import.meta.url);
const manifest = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as {
  version: string;
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
};

// Packages written for CommonJS call `require` for Node's own modules; an ES module has none.
const banner = [
  '#!/usr/bin/env node',
  "import { createRequire as createRequireForBundle } from 'node:module';",
  'const require = createRequireForBundle(import.meta.url);',
].join('\n');

await rm(new URL('dist/', root), { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root.pathname,
  entryPoints: { main: 'src/main.ts' },
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  minifySyntax: true,
  legalComments: 'none',
  banner: { js: banner },
  define: { __VERSION__: JSON.stringify(manifest.version) },
  external: [...Object.keys(manifest.dependencies), ...Object.keys(manifest.optionalDependencies)],
  metafile: true,
  logLevel: 'warning',
});
await chmod(new URL('dist/main.js', root), 0o755);
await writeFile(new URL('dist/THIRD-PARTY.txt', root), await licences(metafile));

/** The licence text of every package of which a part is in the bundle, as their licences ask. */
async function licences(meta: Metafile): Promise<string> {
  const folders = new Set<string>();
  for (const [file, { bytes }] of Object.entries(meta.inputs)) {
    const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
    if (folder !== undefined && bytes > 0) folders.add(folder);
  }
  const parts = await Promise.all([...folders].sort().map(licence));
  return `${parts.join('\n\n')}\n`;
}

async function licence(folder: string): Promise<string> {
  const read = (name: string) => readFile(new URL(`${folder}/${name}`, root), 'utf8').catch(() => undefined);
  const about = JSON.parse((await read('package.json')) ?? '{}') as {
    name?: string;
    version?: string;
    license?: string;
  };
  const names = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'LICENCE', 'license', 'license.md', 'LICENSE-MIT.txt'];
  const texts = await Promise.all(names.map(read));
  const text = texts.find((found) => found !== undefined)?.trim() ?? `License: ${about.license ?? 'see the package'}`;
  return `${'='.repeat(80)}\n${about.name} ${about.version}\n${'='.repeat(80)}\n${text}`;
}
