/** From the start of the process to the first answered tool call. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundling } from '../scripts/bundling.ts';
import { type Figure, median, milliseconds, timed } from './figures.ts';
import { startServer } from './stdio-client.ts';
import { makeHome } from './vaults.ts';

const runs = 25;
const credentials = 1_000;
const root = fileURLToPath(new URL('../', import.meta.url));

export async function coldStart(): Promise<Figure[]> {
  const home = await makeHome(credentials);
  // Inside the repository, so that both are on the same disk.
  const folder = await mkdtemp(join(root, 'artifacts/bare-'));
  try {
    await build({ ...bundling, entryPoints: { main: join(root, 'bench/bare-server.ts') }, outdir: folder });
    const keyward: number[] = [];
    const bare: number[] = [];
    for (let run = -1; run < runs; run += 1) {
      const ours = await firstAnswer([join(root, 'dist/main.js'), 'stdio'], home.env);
      const least = await firstAnswer([join(folder, 'main.js')], {});
      // The first round warms the file cache.
      if (run < 0) continue;
      keyward.push(ours);
      bare.push(least);
    }
    const [ours, least] = [median(keyward), median(bare)];
    return [
      {
        name: `cold start to the first list_credentials, ${credentials} credentials / bare SDK server`,
        value: ours / least,
        unit: 'x',
        goal: { is: '<=', than: 1.3 },
        from: `${milliseconds(ours)} / ${milliseconds(least)}`,
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
    await home.remove();
  }
}

/** Milliseconds; the server is ended afterwards. */
async function firstAnswer(args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  let stop = async () => {};
  const elapsed = await timed(async () => {
    const server = await startServer(args, env);
    stop = server.stop;
    await server.call('list_credentials');
  });
  await stop();
  return elapsed;
}
