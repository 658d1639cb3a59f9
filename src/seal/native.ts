/**
 * Native code, loaded by absolute path: from the package beside Keyward that brings it, and from nowhere else. Node and
 * the loaders of such packages go on searching up to the root of the disk where a package has no build for this system;
 * there any user of the computer may have put one.
 */
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { packageName } from '../version.ts';

/**
 * The first of these files that there is.
 *
 * @param name of the package
 * @param file within the package
 * @throws Error when there is none, or none that this system can load
 */
export function loadNative(builds: readonly { readonly name: string; readonly file: string }[]): unknown {
  const root = ownFolder();
  // npm puts a package into Keyward's own folder, or into the one that Keyward lies in.
  const around = path.resolve(root, packageName.startsWith('@') ? '../..' : '..');
  const shelves = [path.join(root, 'node_modules'), ...(path.basename(around) === 'node_modules' ? [around] : [])];
  for (const { name, file } of builds) {
    for (const shelf of shelves) {
      const build = path.join(shelf, name, file);
      if (statSync(build, { throwIfNoEntry: false })?.isFile()) return createRequire(import.meta.url)(build);
    }
  }
  throw new Error('This package has no build for this system.');
}

/** Where Keyward is installed: the nearest folder with its own manifest. */
function ownFolder(): string {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    if (nameIn(path.join(folder, 'package.json')) === packageName) return folder;
    if (folder === path.dirname(folder)) throw new Error('Keyward’s own package.json is missing.');
  }
}

function nameIn(manifest: string): unknown {
  try {
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: unknown }).name;
  } catch {
    return undefined;
  }
}
