import { expect, it } from 'vitest';
import { raceForRefresh } from '../../support/faults/refresh-race.ts';
import { raceOverHttp } from '../../support/faults/refresh-race-http.ts';
import { freshDatabase } from '../../support/servers/postgres.ts';

it('two processes with 50 readers each refresh an expired token once in every round, and the grant lives', async () => {
  const race = await raceForRefresh(8, 50, await freshDatabase());
  expect(race).toMatchObject({ refreshes: 8, failures: 0, alive: true });
});

it('two instances with 100 users of a shared connection call the token endpoint once in every round', async () => {
  const { refreshes, statuses, alive } = await raceOverHttp(await freshDatabase(), 5, 100);
  expect({ refreshes, statuses, alive }).toEqual({ refreshes: [1, 1, 1, 1, 1], statuses: [200], alive: true });
});
