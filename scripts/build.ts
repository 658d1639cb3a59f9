/**
 * Bundles Keyward into dist/: `main.js` holds what the first answer needs, the chunks beside it what is imported
 * lazily. Everything is inlined except native packages, so that installing Keyward installs next to nothing.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import { bundling } from './bundling.ts';

const root = join(import.meta.dirname, '..');

/** What starting takes and Keyward has no use for, in libraries: files by the end of their path, and what becomes of them. */
const lighter = new Map<RegExp, (source: string) => string>([
  // Zod's error messages in fifty languages.
  [/\/zod\/v4\/locales\/index\.js$/, () => "export { default as en } from './en.js';"],
  // The MCP SDK's JSON Schema validator: it checks the answers to form elicitation, and Keyward elicits URLs only.
  [
    /\/@modelcontextprotocol\/server\/dist\/shimsNode\.mjs$/,
    () => `export { default as process } from 'node:process';
           export class DefaultJsonSchemaValidator {
             getValidator() { throw new Error('This build has no JSON Schema validator.'); }
           }`,
  ],
  // libsodium decodes its WebAssembly, 290 KB of base64, letter by letter, which took 5 ms of every start.
  [
    /\/libsodium(-sumo)?\/dist\/modules(-sumo)?-esm\/libsodium(-sumo)?\.mjs$/,
    (source) =>
      source.replace(/\(\w+=>\{for\(var [^{}]*;return \w+\}\)(?=\("AGFzbQ)/, '(text=>Buffer.from(text,"base64"))'),
  ],
]);

const makeLighter: Plugin = {
  name: 'lighter',
  setup(builder) {
    const done = new Set<RegExp>();
    for (const [filter, change] of lighter) {
      builder.onLoad({ filter }, async ({ path }) => {
        const source = await readFile(path, 'utf8');
        const contents = change(source);
        if (contents !== source) done.add(filter);
        return { contents, resolveDir: dirname(path) };
      });
    }
    // A new version of a library may look different; then this has to be looked at again.
    builder.onEnd(() => {
      for (const filter of lighter.keys()) if (!done.has(filter)) throw new Error(`Nothing to make lighter: ${filter}`);
    });
  },
};

const { metafile, outputFiles } = await build({
  ...bundling,
  plugins: [makeLighter],
  absWorkingDir: root,
  entryPoints: { main: 'src/main.ts' },
  outdir: 'dist',
  metafile: true,
  write: false,
});
const dist = join(root, 'dist');
const main = join(dist, 'main.js');
// The entry comes last, when all that it loads is there, and what it loaded before goes only then: a Keyward that is
// started during a build works.
const files = new Map<string, string | Uint8Array>(outputFiles.map(({ path, contents }) => [path, contents]));
files.set(join(dist, 'THIRD-PARTY.txt'), await licences(metafile));
for (const [path, content] of files) if (path !== main) await put(path, content, 0o644);
await put(main, files.get(main) ?? '', 0o755);
for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  const beingWritten = /\.\d+$/.test(path);
  if (entry.isFile() && !files.has(path) && !beingWritten) await rm(path, { force: true });
}

async function put(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.${process.pid}`, content, { mode });
  await rename(`${path}.${process.pid}`, path);
}

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
  const read = (name: string) => readFile(join(root, folder, name), 'utf8').catch(() => undefined);
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
