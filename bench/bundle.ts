/**
 * Bundles the bench as Keyward is bundled, so that what it measures in its own process is the code that is shipped,
 * and the bare server that Keyward's start is compared with.
 */
import { build } from 'esbuild';
import { bundling } from '../scripts/bundling.ts';

for (const [name, entry] of Object.entries({ bench: 'bench/main.ts', bare: 'bench/bare-server.ts' })) {
  const outdir = `artifacts/${name}`;
  await build({ ...bundling, entryPoints: { main: entry }, outdir });
}
