/** From the start of the process to the first answered tool call. */
import { type Figure, median, milliseconds, timed } from './figures.ts';
import { startServer } from './stdio-client.ts';
import { makeHome } from './vaults.ts';

const runs = 40;
const credentials = 1_000;

export async function coldStart(): Promise<Figure[]> {
  const home = await makeHome(credentials);
  try {
    const keyward: number[] = [];
    const bare: number[] = [];
    for (let run = -1; run < runs; run += 1) {
      const ours = await firstAnswer(['dist/main.js', 'stdio'], home.env);
      const least = await firstAnswer(['artifacts/bare/main.js'], {});
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
    await home.remove();
  }
}

/** Milliseconds to the first answered list_credentials; the server is ended afterwards. */
export async function firstAnswer(args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  let stop = async () => {};
  const elapsed = await timed(async () => {
    const server = await startServer(args, env);
    stop = server.stop;
    await server.call('list_credentials');
  });
  await stop();
  return elapsed;
}
