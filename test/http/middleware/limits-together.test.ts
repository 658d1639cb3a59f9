/** What one caller may ask for, where several Keywards serve: as much as if there were one. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RawAnswer, raw } from '../../support/clients/raw-http.ts';
import { type HttpKeyward, startKeywardHttp } from '../../support/servers/keyward-http.ts';
import { asAdmin, makeDatabase } from '../../support/servers/postgres.ts';
import { type PostgresServer, startPostgres } from '../../support/servers/postgres-server.ts';

/** A minute's requests of one user. */
const limit = 40;
/** Between two requests; all of them take longer than the processes take to hear of each other. */
const paceMs = 50;
const listing = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });

let server: PostgresServer;
let database: string;
let instances: [HttpKeyward, HttpKeyward];
beforeAll(async () => {
  server = await startPostgres();
  database = (await makeDatabase(server.url)).url;
  const env = {
    KEYWARD_STORE: database,
    KEYWARD_KEY: randomBytes(32).toString('base64'),
    KEYWARD_RATE_LIMIT: `${limit}`,
    KEYWARD_TRUSTED_PROXIES: '127.0.0.1',
  };
  instances = await Promise.all([startKeywardHttp(env), startKeywardHttp(env)]);
});
afterAll(async () => {
  await Promise.all(instances.map((one) => one.stop()));
  await server.stop();
});

/** Asks both in turns, until both refuse; answers how many requests were let through, and a refusal. */
async function useUp(ask: (instance: HttpKeyward) => Promise<RawAnswer>): Promise<{ passed: number; last: RawAnswer }> {
  for (let passed = 0, refusals = 0, at = 0; ; at += 1) {
    const last = await ask(instances[at % 2] as HttpKeyward);
    refusals = last.status === 429 ? refusals + 1 : 0;
    if (last.status !== 429) passed += 1;
    if (refusals === 2) return { passed, last };
    await sleep(paceMs);
  }
}

const from = (address: string) => ({ 'x-forwarded-for': address });

describe('two Keywards on one database', () => {
  it('let a user make as many requests as one would, and both say when to come back', async () => {
    const token = await instances[0].sessionToken('ann');
    const { passed, last } = await useUp((instance) => instance.post(token, listing, from('192.0.2.1')));
    expect(passed).toBeGreaterThanOrEqual(limit);
    // What the other one let through in the moment before it was heard of comes on top.
    expect(passed).toBeLessThan(1.8 * limit);
    expect(Number(last.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(last.headers['retry-after'])).toBeLessThanOrEqual(60);
    const other = await instances[1].sessionToken('bob');
    expect((await instances[1].post(other, listing, from('192.0.2.1'))).status).toBe(200);
  });

  it('count bad tokens of an address together, and refuse no good one for them', async () => {
    let tries = 0;
    const { passed } = await useUp((instance) => {
      tries += 1;
      return instance.post(`kw_${tries}`, listing, from('192.0.2.2'));
    });
    expect(passed).toBeGreaterThanOrEqual(limit);
    expect(passed).toBeLessThan(1.8 * limit);
    const token = await instances[0].sessionToken('carol');
    for (const one of instances) expect((await one.post(token, listing, from('192.0.2.2'))).status).toBe(200);
  });

  it('leave neither an address nor a user in the database', async () => {
    const names = (await asAdmin(database, 'select name from keyward_counts')).map(({ name }) => name);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(name).toMatch(/^[\w-]{43}$/);
  });

  it('go on counting, each for itself, while the database is away, and no request fails for that', async () => {
    await server.kill();
    const statuses: number[] = [];
    for (let at = 0; at < limit * 10 + 5; at += 1) {
      statuses.push((await raw(instances[0].origin, '/openapi.json', { headers: from('192.0.2.3') })).status);
    }
    expect(statuses.indexOf(429)).toBe(limit * 10);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    await server.start();
    // They hear of each other again, without a restart.
    await expect
      .poll(async () => {
        await raw(instances[0].origin, '/openapi.json', { headers: from('192.0.2.4') });
        return instances[0].said();
      })
      .toContain('"limits_shared"');
  });
});
