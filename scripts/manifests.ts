/** `npm run manifests`: fills in what manifest.json and server.json take from package.json and from the server. */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { desktopManifest, registryManifest } from './manifest-files.ts';

const root = join(import.meta.dirname, '..');
const files = { 'manifest.json': await desktopManifest(), 'server.json': await registryManifest() };
for (const [name, content] of Object.entries(files)) await writeFile(join(root, name), JSON.stringify(content));
const biome = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
execFileSync(process.execPath, [biome, 'format', '--write', ...Object.keys(files)], { cwd: root, stdio: 'inherit' });
