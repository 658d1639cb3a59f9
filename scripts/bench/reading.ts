/** Reading one credential, secret included, in a small and in a large vault. */
import { getConnectionCredentials } from '../../src/broker/credentials/release.ts';
import { localPrincipal } from '../../src/principal.ts';
import { type Figure, median, milliseconds, timed } from './figures.ts';
import { keywardOf, makeHome } from './vaults.ts';

const [small, large] = [10, 10_000];
const rounds = 40;
const readsPerRound = 50;

export async function reading(): Promise<Figure[]> {
  const fromSmall = await openReader(small);
  const fromLarge = await openReader(large);
  const times = { small: [] as number[], large: [] as number[] };
  // The first round opens what is opened lazily.
  for (let round = -1; round < rounds; round += 1) {
    const [few, many] = [await fromSmall.read(), await fromLarge.read()];
    if (round < 0) continue;
    times.small.push(...few);
    times.large.push(...many);
  }
  await fromSmall.close();
  await fromLarge.close();
  const [few, many] = [median(times.small), median(times.large)];
  return [
    {
      name: `reading one credential at ${large} / at ${small}`,
      value: many / few,
      unit: 'x',
      goal: { is: '<=', than: 1.3 },
      from: `${milliseconds(many)} / ${milliseconds(few)}`,
    },
  ];
}

/** Reads through the broker: decision, audit entry on disk, opening, release. */
async function openReader(credentials: number) {
  const home = await makeHome(credentials);
  const keyward = await keywardOf(home.env);
  let turn = 0;
  const readOne = () => {
    turn += 7;
    const connectionId = home.credentialIds[turn % credentials] ?? '';
    return timed(() => getConnectionCredentials(keyward.broker, localPrincipal, { connectionId }));
  };
  return {
    async read(): Promise<number[]> {
      const times: number[] = [];
      for (let count = 0; count < readsPerRound; count += 1) times.push(await readOne());
      return times;
    },
    async close() {
      await keyward.close();
      await home.remove();
    },
  };
}
