/**
 * Bundles Keyward into dist/: `main.js` holds what the first answer needs, the chunks beside it what is imported
 * lazily. Everything is inlined except native packages, so that installing Keyward installs next to nothing.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import { bundling } from './bundling.ts';

const root = join(import.meta.dirname, '..');

/**
 * Parts of libraries that Keyward never calls, and that every start would have to parse: Zod's error messages in fifty
 * languages, and the JSON Schema validator that the MCP SDK uses for form elicitation (Keyward elicits URLs only).
 */
const unused: Plugin = {
  name: 'unused',
  setup(builder) {
    const replaced = new Set<RegExp>();
    replace(/\/zod\/v4\/locales\/index\.js$/, "export { default as en } from './en.js';");
    replace(
      /\/@modelcontextprotocol\/server\/dist\/shimsNode\.mjs$/,
      `export { default as process } from 'node:process';
       export class DefaultJsonSchemaValidator {
         getValidator() { throw new Error('This build has no JSON Schema validator.'); }
       }`,
    );
    function replace(filter: RegExp, contents: string): void {
      builder.onLoad({ filter }, ({ path }) => {
        replaced.add(filter);
        return { contents, resolveDir: dirname(path) };
      });
      builder.onEnd(() => {
        if (!replaced.has(filter)) throw new Error(`Nothing matches ${filter} any more.`);
      });
    }
  },
};

/**
 * libsodium decodes its WebAssembly, 290 KB of base64, letter by letter in JavaScript, which took 5 ms of every start.
 * Node does it in a fraction of one. `AGFzbQ` is how every WebAssembly file begins.
 */
const fastBase64: Plugin = {
  name: 'fast-base64',
  setup(builder) {
    builder.onLoad({ filter: /\/libsodium(-sumo)?\.mjs$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const decoder = /\(\w+=>\{for\([^"]*"="[^"]*"="[^"]*\}\)(?=\("AGFzbQ)/;
      if (!decoder.test(source)) throw new Error(`${path} decodes in another way now.`);
      return { contents: source.replace(decoder, '(text=>Buffer.from(text,"base64"))') };
    });
  },
};

const { metafile, outputFiles } = await build({
  ...bundling,
  plugins: [unused, fastBase64],
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
