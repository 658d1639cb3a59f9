import { expect, it } from 'vitest';
import { runHostileCalls } from '../support/clients/hostile-calls.ts';
import { report } from '../support/faults/report.ts';

it('54. 55. 56. 57. of 100,000 generated calls none takes a secret to another host or brings one back in the clear', async () => {
  const seed = Date.now() & 0x7fffffff;
  report(`hostile calls: seed ${seed}`);
  const { calls, answered, refused, scrubbed, elsewhere } = await runHostileCalls(100_000, seed);
  report(`${calls} calls: ${answered} answered, ${scrubbed} of them scrubbed, ${refused} refused, 0 secrets out`);
  expect(elsewhere).toEqual([]);
});
