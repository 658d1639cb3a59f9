/** The figures of refreshing: races between processes, a service in trouble, clocks that jump. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { localPrincipal as me } from '../../src/principal.ts';
import { connectAcme, credentialOf, startBroker, storeTokens, type TestBroker, tokensOf } from '../support/broker.ts';
import { fakeClock, needsFakeClock } from '../support/faults/fake-clock.ts';
import { startReader } from '../support/faults/reader-process.ts';
import { raceForRefresh } from '../support/faults/refresh-race.ts';
import { raceOverHttp } from '../support/faults/refresh-race-http.ts';
import { report } from '../support/faults/report.ts';
import { startAuthorizationServer } from '../support/servers/authorization-server.ts';
import { type OddAnswer, startOddServer } from '../support/servers/odd-server.ts';
import { freshDatabase } from '../support/servers/postgres.ts';

const rounds = 200;
const readers = 50;

describe('refresh race', () => {
  it.each(['a file', 'PostgreSQL'])(
    `on %s: 2 processes × ${readers} readers × ${rounds} rounds make exactly ${rounds} refreshes, and the grant lives`,
    async (place) => {
      const database = place === 'PostgreSQL' ? await freshDatabase() : undefined;
      const { refreshes, failures, alive, slowestMs } = await raceForRefresh(rounds, readers, database);
      report(
        `refresh race on ${place}: 2 × ${readers} readers × ${rounds} rounds: ${refreshes} refreshes, ${failures} failed ` +
          `rounds, grant ${alive ? 'alive' : 'dead'}, slowest round ${Math.round(slowestMs)} ms`,
      );
      expect({ refreshes, failures, alive }).toEqual({ refreshes: rounds, failures: 0, alive: true });
    },
  );
});

it(`over HTTP: 2 instances × 100 users × ${rounds} rounds make exactly one token call a round`, async () => {
  const { refreshes, statuses, alive, slowestMs } = await raceOverHttp(await freshDatabase(), rounds, 100);
  const total = refreshes.reduce((sum, calls) => sum + calls, 0);
  report(
    `refresh race over HTTP: 2 instances, 100 users, ${rounds} rounds: ${total} token calls, at most ` +
      `${Math.max(...refreshes)} a round, answers ${statuses.join(', ')}, slowest round ${Math.round(slowestMs)} ms`,
  );
  expect(new Set(refreshes)).toEqual(new Set([1]));
  expect({ statuses, alive }).toEqual({ statuses: [200], alive: true });
});

describe('a service in trouble', () => {
  let keyward: TestBroker;
  let server: Awaited<ReturnType<typeof startOddServer>>;
  beforeEach(async () => {
    server = await startOddServer();
    keyward = await startBroker({ origin: server.origin });
  });
  afterEach(async () => {
    await keyward.close();
    await server.close();
  });

  const faults: readonly [string, OddAnswer][] = [
    ['timeout', { fault: 'silent' }],
    ['429 with Retry-After', { status: 429, headers: { 'retry-after': '30' } }],
    ['503', { status: 503 }],
    ['drip', { fault: 'drip' }],
    ['cut', { fault: 'cut' }],
    ['endless', { fault: 'endless' }],
    ['garbage', { body: '\u0000{]' }],
    ['HTML with 200', { headers: { 'content-type': 'text/html' }, body: '<!doctype html><p>Sign in</p>' }],
  ];

  it.each(faults)('%s: two processes answer within 30 s, and the credential is never lost', async (name, fault) => {
    const { id } = await storeTokens(keyward.broker, me);
    const processes = await Promise.all([1, 2].map(() => startReader([keyward.folder, server.origin, id])));
    server.answer = fault;
    const readings = await Promise.all(processes.map((one) => one.read(20)));
    await Promise.all(processes.map((one) => one.stop()));
    const outcomes = [...new Set(readings.flatMap((one) => one.outcomes))];
    const ms = Math.max(...readings.map((one) => one.ms));
    expect(await credentialOf(keyward.broker, me, id)).toMatchObject({ status: 'active' });
    server.answer = { body: { access_token: 'at-1', refresh_token: 'rt-1', expires_in: 3600 } };
    // A new process, since the old ones leave the service alone for a while.
    const later = await startReader([keyward.folder, server.origin, id]);
    const after = await later.read(1);
    await later.stop();
    report(
      `service fault ${name}: ${outcomes.join(', ')} after ${Math.round(ms)} ms; then ${after.outcomes.join(', ')}`,
    );
    expect(outcomes).toEqual([expect.stringMatching(/^error (provider_|egress_too_large)/)]);
    expect(ms).toBeLessThan(32_000);
    expect(after.outcomes).toEqual(['token at-1']);
  });
});

describe('clock jumps', () => {
  it.for(['+10d', '-10d'])('of %s cause at most one refresh each way, and no error', async (jump, test) => {
    needsFakeClock(test);
    const server = await startAuthorizationServer({ refreshTokenTtl: 60 * 24 * 3600 });
    const keyward = await startBroker({ origin: server.issuer });
    const id = await connectAcme(keyward.broker, me);
    const args = [keyward.folder, server.issuer, id];
    const env = { ...fakeClock, FAKETIME: jump };
    const refreshes = () => server.calls.refresh_token ?? 0;
    const outcomes: string[] = [];
    // A process in the other time, then one that is back, then the other again: each jump may cost one refresh.
    const figures: number[] = [];
    for (const there of [true, false, true, false]) {
      const before = refreshes();
      const reader = await startReader(args, there ? env : {});
      for (let turn = 0; turn < 5; turn += 1) outcomes.push(...(await reader.read(readers)).outcomes);
      await reader.stop();
      figures.push(refreshes() - before);
    }
    const alive = await server.isActive((await tokensOf(keyward.broker, me, id)).accessToken);
    const errors = outcomes.filter((one) => one.startsWith('error'));
    report(
      `clock jump ${jump}: refreshes after each of 4 jumps ${figures.join(', ')} (5 × ${readers} reads each), ` +
        `${errors.length} errors, grant ${alive ? 'alive' : 'dead'}`,
    );
    expect(errors).toEqual([]);
    expect(Math.max(...figures)).toBeLessThanOrEqual(1);
    expect(alive).toBe(true);
    await keyward.close();
    await server.close();
  });
});
