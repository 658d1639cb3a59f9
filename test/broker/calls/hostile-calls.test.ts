import { expect, it } from 'vitest';
import { runHostileCalls } from '../../support/clients/hostile-calls.ts';

it('54. 55. 56. 57. of 2,000 generated calls none takes a secret to another host or brings one back in the clear', async () => {
  const seed = Date.now() & 0x7fffffff;
  process.stdout.write(`hostile calls: seed ${seed}\n`);
  const { answered, refused, scrubbed, elsewhere } = await runHostileCalls(2_000, seed);
  expect(elsewhere).toEqual([]);
  // The generator has to reach every kind of end, or it proves nothing.
  for (const times of [answered, refused, scrubbed]) expect(times).toBeGreaterThan(200);
}, 120_000);
