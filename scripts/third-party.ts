/** What of other people's packages is in dist/: checked against package.json, their licences, and the SBOM. */
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { OutputChunk, Plugin } from 'rolldown';
import manifest from '../package.json' with { type: 'json' };
import lock from '../package-lock.json' with { type: 'json' };

const root = join(import.meta.dirname, '..');

/** What `devDependencies` of package.json names besides the packages that ship: rolldown bundles, the other one is its helper. */
const builders = ['rolldown', '@oxc-project/runtime'];

/** Notes which packages src/ imports (name → a file that does) while rolldown follows the imports. */
export function noteImports(imported: Map<string, string>): Plugin {
  return {
    name: 'note imports',
    buildEnd() {
      for (const id of this.getModuleIds()) {
        const importer = relative(root, id).replaceAll('\\', '/');
        if (!importer.startsWith('src/')) continue;
        const info = this.getModuleInfo(id);
        for (const target of [...(info?.importedIds ?? []), ...(info?.dynamicallyImportedIds ?? [])]) {
          const name = packageName(folderOf(target) ?? '');
          if (name !== undefined) imported.set(name, importer);
        }
      }
    },
  };
}

/**
 * Where package.json names other packages than src/ imports, besides the native ones and the builders; one sentence each.
 * Whoever reads package.json sees what ships, because what tests and checks is in test/package.json.
 */
export function disagreements(imported: ReadonlyMap<string, string>): readonly string[] {
  const listed = Object.keys(manifest.devDependencies).filter((name) => !builders.includes(name));
  return [
    ...[...imported]
      .filter(([name]) => !listed.includes(name))
      .map(
        ([name, importer]) => `${importer} imports ${name}, so it ships: add it to devDependencies of package.json.`,
      ),
    ...listed
      .filter((name) => !imported.has(name))
      .map((name) => `Nothing in src/ imports ${name}: move it from package.json to test/package.json, or remove it.`),
  ];
}

/** The folders (`node_modules/hono`) of all packages of which a part is in these chunks, sorted. */
export function packageFolders(chunks: readonly OutputChunk[]): readonly string[] {
  const folders = new Set<string>();
  for (const [id, { renderedLength }] of chunks.flatMap(({ modules }) => Object.entries(modules))) {
    const folder = folderOf(id);
    if (folder !== undefined && renderedLength > 0) folders.add(folder);
  }
  return [...folders].sort();
}

/** Path of a module → the folder of its package below the repository; undefined for Keyward's own. */
function folderOf(id: string): string | undefined {
  const path = relative(root, id).replaceAll('\\', '/');
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
}

/** A folder as package-lock.json names it, also where node_modules is a link to somewhere else. */
function lockName(folder: string): string {
  return folder.slice(folder.indexOf('node_modules/'));
}

/** `node_modules/pg/node_modules/@scope/name` → `@scope/name`. */
function packageName(folder: string): string | undefined {
  return /.*node_modules\/(.+)$/.exec(folder)?.[1];
}

/** The licence text of every package of which a part is in the bundle, as their licences ask. */
export async function licences(folders: readonly string[]): Promise<string> {
  const texts = await Promise.all(folders.map(licence));
  return `${texts.join('\n\n')}\n`;
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

type Locked = {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly link?: boolean;
};

/**
 * The software bill of materials of the npm package, in CycloneDX 1.6: the packages inside the bundle and those that
 * npm installs beside it. `npm sbom --omit dev` knows the second kind only.
 * @param folders of the packages inside the bundle
 */
export function billOfMaterials(folders: readonly string[]): string {
  const packages = lock.packages as Readonly<Record<string, Locked>>;
  const installed = Object.entries(packages)
    .filter(([folder, { dev, link }]) => folder.startsWith('node_modules/') && dev !== true && link !== true)
    .map(([folder]) => folder);
  const components = [...new Set([...folders.map(lockName), ...installed])].sort().map((folder) => {
    const about = packages[folder];
    const name = packageName(folder);
    if (about?.version === undefined || name === undefined)
      throw new Error(`package-lock.json does not know ${folder}.`);
    return {
      ...component('library', name, about.version, about.license),
      scope: about.optional === true ? 'optional' : 'required',
      ...(about.integrity?.startsWith('sha512-') && {
        hashes: [{ alg: 'SHA-512', content: Buffer.from(about.integrity.slice(7), 'base64').toString('hex') }],
      }),
    };
  });
  const bill = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: component('application', manifest.name, manifest.version, manifest.license) },
    components,
  };
  return `${JSON.stringify(bill, null, 2)}\n`;
}

function component(type: string, name: string, version: string, license: string | undefined) {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const licenses = license === undefined ? [] : [{ expression: license }];
  return { type, 'bom-ref': purl, name, version, purl, licenses };
}
