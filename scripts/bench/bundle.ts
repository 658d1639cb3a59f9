/**
 * Bundles the bench as Keyward is bundled, so that what it measures in its own process is the code that is shipped,
 * and the bare servers that Keyward is compared with.
 */
import { rolldown } from 'rolldown';
import { bundling, writing } from '../bundling.ts';

const entries = {
  bench: 'scripts/bench/main.ts',
  bare: 'scripts/bench/bare-server.ts',
  'bare-http': 'scripts/bench/bare-http-server.ts',
  upstream: 'scripts/bench/upstream.ts',
  'plain-proxy': 'scripts/bench/plain-proxy.ts',
};
for (const [name, entry] of Object.entries(entries)) {
  const bundle = await rolldown({ ...bundling, input: { main: entry } });
  await bundle.write({ ...writing, dir: `artifacts/${name}`, cleanDir: true });
  await bundle.close();
}
