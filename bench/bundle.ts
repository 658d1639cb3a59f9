/**
 * Bundles the bench as Keyward is bundled, so that what it measures in its own process is the code that is shipped,
 * and the bare server that Keyward's start is compared with.
 */
import { rolldown } from 'rolldown';
import { bundling, writing } from '../scripts/bundling.ts';

for (const [name, entry] of Object.entries({ bench: 'bench/main.ts', bare: 'bench/bare-server.ts' })) {
  const bundle = await rolldown({ ...bundling, input: { main: entry } });
  await bundle.write({ ...writing, dir: `artifacts/${name}`, cleanDir: true });
  await bundle.close();
}
