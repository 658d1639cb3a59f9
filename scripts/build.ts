/**
 * Bundles Keyward into dist/: `main.js` holds what the first answer needs, the chunks beside it what is imported
 * lazily. Everything is inlined except native packages, so that installing Keyward installs next to nothing.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type OutputChunk, type Plugin, rolldown } from 'rolldown';
import { bundling, definitions, definitionsAt, writing } from './bundling.ts';
import { billOfMaterials, disagreements, licences, noteImports, packageFolders } from './third-party.ts';

const root = join(import.meta.dirname, '..');
const stdio = join(root, 'src', 'cli', 'commands', 'stdio.ts');

type Graph = { getModuleInfo(id: string): { readonly importedIds: readonly string[] } | null };

/** What starting takes and Keyward has no use for, in libraries: files by the end of their path, and what becomes of them. */
const lighter = new Map<RegExp, (source: string) => string>([
  // Zod's error messages in fifty languages.
  [/[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/, () => "export { default as en } from './en.js';"],
  // The MCP SDK's JSON Schema validator: it checks the answers to form elicitation, and Keyward elicits URLs only.
  [
    /[\\/]@modelcontextprotocol[\\/]server[\\/]dist[\\/]shimsNode\.mjs$/,
    () => `export { default as process } from 'node:process';
           export class DefaultJsonSchemaValidator {
             getValidator() { throw new Error('This build has no JSON Schema validator.'); }
           }`,
  ],
  // libsodium decodes its WebAssembly, 290 KB of base64, letter by letter, which took 5 ms of every start.
  [
    /[\\/]libsodium(-sumo)?[\\/]dist[\\/]modules(-sumo)?-esm[\\/]libsodium(-sumo)?\.mjs$/,
    (source) =>
      source.replace(/\(\w+=>\{for\(var [^{}]*;return \w+\}\)(?=\("AGFzbQ)/, '(text=>Buffer.from(text,"base64"))'),
  ],
]);

const done = new Set<RegExp>();
const makeLighter: Plugin[] = [...lighter].map(([filter, change]) => ({
  name: `lighter ${filter}`,
  load: {
    filter: { id: filter },
    async handler(id) {
      const source = await readFile(id, 'utf8');
      const code = change(source);
      if (code !== source) done.add(filter);
      return code;
    },
  },
}));

const imported = new Map<string, string>();
const bundle = await rolldown({
  ...bundling,
  cwd: root,
  input: { main: 'src/main.ts' },
  plugins: [definitionsAt("new URL('../catalogue/', import.meta.url)"), noteImports(imported), ...makeLighter],
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
// A new version of a library may look different; then this has to be looked at again.
for (const filter of lighter.keys()) if (!done.has(filter)) throw new Error(`Nothing to make lighter: ${filter}`);

const chunks = output.filter((part): part is OutputChunk => part.type === 'chunk');
const dist = join(root, 'dist');
const main = join(dist, 'main.js');
// The entry comes last, when all that it loads is there, and what it loaded before goes only then: a Keyward that is
// started during a build works.
const files = new Map(chunks.map(({ fileName, code }) => [join(dist, fileName), inAscii(code)]));
const packages = packageFolders(chunks);
files.set(join(dist, 'THIRD-PARTY.txt'), await licences(packages));
files.set(join(dist, 'sbom.cdx.json'), billOfMaterials(packages));
for (const name of await readdir(definitions)) {
  const definition = JSON.parse(await readFile(join(definitions, name), 'utf8'));
  files.set(join(dist, 'catalogue', name), JSON.stringify(definition));
}
for (const [path, content] of files) if (path !== main) await put(path, content, 0o644);
await put(main, files.get(main) ?? '', 0o755);
for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  const beingWritten = /\.\d+$/.test(path);
  if (entry.isFile() && !files.has(path) && !beingWritten) await rm(path, { force: true });
}

/** Modules that are loaded with this one: what it imports, and what that imports, but for what is imported lazily. */
function loadedWith(id: string, graph: Graph, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(id)) return found;
  found.add(id);
  for (const imported of graph.getModuleInfo(id)?.importedIds ?? []) loadedWith(imported, graph, found);
  return found;
}

/**
 * What V8 reads as fast as it can: a source with one letter beyond ASCII is kept in two bytes a letter, and each start decodes,
 * scans and collects them. An escape means the letter in texts, templates and regular expressions alike; the backslash that
 * needs no letter behind it goes.
 */
function inAscii(code: string): string {
  if (/\braw`[^`]*[^\0-\x7f]/.test(code)) throw new Error('A raw template would show the escape of a letter.');
  return code.replace(/\\[\0-\x7f]|\\?([^\0-\x7f])/g, (all, letter?: string) =>
    letter === undefined ? all : `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

async function put(path: string, content: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.${process.pid}`, content, { mode });
  await rename(`${path}.${process.pid}`, path);
}
