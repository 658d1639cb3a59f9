/**
 * Bundles Keyward into dist/: `main.js` holds what the first answer needs, the chunks beside it what is imported
 * lazily. Everything is inlined except native packages, so that installing Keyward installs next to nothing.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type OutputChunk, rolldown } from 'rolldown';
import { bundling, definitions, definitionsAt, replaceFiles, writing } from './bundling.ts';
import { inAscii, lighter, notMadeLighter } from './lighter.ts';
import { billOfMaterials, disagreements, licences, noteImports, packageFolders } from './third-party.ts';

const root = join(import.meta.dirname, '..');
const stdio = join(root, 'src', 'cli', 'commands', 'stdio.ts');

type Graph = { getModuleInfo(id: string): { readonly importedIds: readonly string[] } | null };

const imported = new Map<string, string>();
const bundle = await rolldown({
  ...bundling,
  cwd: root,
  input: { main: 'src/main.ts' },
  plugins: [definitionsAt("new URL('../catalogue/', import.meta.url)"), noteImports(imported), ...lighter],
});
let withStdio: ReadonlySet<string> | undefined;
const { output } = await bundle.generate({
  ...writing,
  // Few files, since each costs a start a look for a package.json besides: the command line, what works on a vault, and what
  // serves MCP. What only some commands need stands beside them.
  codeSplitting: {
    groups: [
      { name: 'main', test: /[\\/]src[\\/]cli[\\/]main\.ts$/, priority: 4 },
      {
        debugName: 'keyward',
        name(id, graph) {
          withStdio ??= loadedWith(stdio, graph);
          return withStdio.has(id) ? 'keyward' : null;
        },
        test: /[\\/]src[\\/](broker[\\/].*|cli[\\/]keyward)\.ts$/,
        priority: 3,
      },
      { name: 'stdio', test: stdio, priority: 2 },
      { name: 'commands', test: /[\\/]src[\\/]cli[\\/](with-store|connection-name|person)\.ts$/, priority: 1 },
    ],
  },
  banner: ({ isEntry }) => (isEntry ? '#!/usr/bin/env node' : ''),
});
await bundle.close();
const problems = disagreements(imported);
if (problems.length > 0) {
  process.stderr.write(`package.json and what the bundle holds disagree.\n${problems.join('\n')}\n`);
  process.exit(1);
}
const heavy = notMadeLighter();
if (heavy.length > 0) throw new Error(`Nothing to make lighter: ${heavy.join(' ')}`);

const chunks = output.filter((part): part is OutputChunk => part.type === 'chunk');
const dist = join(root, 'dist');
const main = join(dist, 'main.js');
const files = new Map(chunks.map(({ fileName, code }) => [join(dist, fileName), inAscii(code)]));
const packages = packageFolders(chunks);
files.set(join(dist, 'THIRD-PARTY.txt'), await licences(packages));
files.set(join(dist, 'sbom.cdx.json'), billOfMaterials(packages));
for (const name of await readdir(definitions)) {
  const definition = JSON.parse(await readFile(join(definitions, name), 'utf8'));
  files.set(join(dist, 'catalogue', name), JSON.stringify(definition));
}
await replaceFiles(dist, main, files);

/** Modules that are loaded with this one: what it imports, and what that imports, but for what is imported lazily. */
function loadedWith(id: string, graph: Graph, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(id)) return found;
  found.add(id);
  for (const imported of graph.getModuleInfo(id)?.importedIds ?? []) loadedWith(imported, graph, found);
  return found;
}
