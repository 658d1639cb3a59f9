/** How Keyward is bundled; the bench bundles what it compares with in the same way, and tests the processes they start. */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { InputOptions, OutputOptions, Plugin } from 'rolldown';
import manifest from '../package.json' with { type: 'json' };

/** Where the built-in definitions are written. */
export const definitions = join(import.meta.dirname, '..', 'src', 'connectors', 'catalogue');

/** Tells a bundle where it finds the built-in definitions: an expression for the URL of their folder. */
export function definitionsAt(expression: string): Plugin {
  return {
    name: 'definitions',
    load: {
      filter: { id: /[\\/]src[\\/]connectors[\\/]catalogue-folder\.ts$/ },
      handler: () => `export const builtinFolder = ${expression};`,
    },
  };
}

export const bundling = {
  platform: 'node',
  // Native packages: the only ones that are installed beside Keyward.
  external: [...Object.keys(manifest.dependencies), ...Object.keys(manifest.optionalDependencies)],
  transform: { target: 'node20.19' },
  // Its other build finds its own files by names that a bundle no longer has.
  resolve: { alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' } },
  // What an entry exports is for nobody, so a module may move to the file that starts fastest.
  preserveEntrySignatures: false,
  // Bundles of the bench and the tests stay in the repository.
  plugins: [definitionsAt(`new URL('${pathToFileURL(`${definitions}/`)}')`)],
  logLevel: 'warn',
} as const satisfies InputOptions;

export const writing = {
  format: 'esm',
  // oidc-provider finds what it keeps by the names of its classes.
  minify: {
    compress: { keepNames: { class: true, function: false } },
    mangle: { keepNames: { class: true, function: false } },
  },
  comments: { legal: false },
  chunkFileNames: 'chunks/[name]-[hash].js',
} as const satisfies OutputOptions;

/**
 * Makes these the only files below the folder. The entry comes last, when all that it loads is there, and what it loaded
 * before goes only then: a program that is started meanwhile works.
 */
export async function replaceFiles(folder: string, entry: string, files: ReadonlyMap<string, string>): Promise<void> {
  for (const [path, content] of files) if (path !== entry) await put(path, content, 0o644);
  await put(entry, files.get(entry) ?? '', 0o755);
  for (const found of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(found.parentPath, found.name);
    const beingWritten = /\.\d+$/.test(path);
    if (found.isFile() && !files.has(path) && !beingWritten) await rm(path, { force: true });
  }
}

async function put(path: string, content: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.${process.pid}`, content, { mode });
  await rename(`${path}.${process.pid}`, path);
}
