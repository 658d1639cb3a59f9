import { expect, it } from 'vitest';
import { freshDatabase } from '../../support/postgres.ts';
import { raceForRefresh } from '../../support/refresh-race.ts';

it('two processes with 50 readers each refresh an expired token once in every round, and the grant lives', async () => {
  const race = await raceForRefresh(8, 50, await freshDatabase());
  expect(race).toMatchObject({ refreshes: 8, failures: 0, alive: true });
});
