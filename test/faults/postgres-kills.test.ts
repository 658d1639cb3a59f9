/** PostgreSQL is killed again and again while many write. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { hasCode } from '../../src/errors.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { verifyAudit } from '../../src/vault/audit/audit-verify.ts';
import { openVault } from '../../src/vault/open.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { report } from '../support/faults/report.ts';
import { makeDatabase, postgresKey } from '../support/servers/postgres.ts';
import { type PostgresServer, startPostgres } from '../support/servers/postgres-server.ts';
import { ann, newCredential } from '../support/vault/rows.ts';

const kills = 20;
const writers = 8;

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

/** Counts up the name and the secret of one credential until it is told to end; answers what was acknowledged. */
async function write(vault: Vault, id: string, until: AbortSignal, acknowledged: Map<string, number>): Promise<void> {
  while (!until.aborted) {
    try {
      const stored = await vault.get('credential', ann, id);
      if (stored === undefined) throw new Error('The credential is gone.');
      const next = Number(stored.name) + 1;
      const secret = { kind: 'inputs' as const, inputs: { apiKey: `${id} ${next}` } };
      await vault.audit({ ...ann, action: 'credential.update', subject: `${next}`, outcome: 'allowed' });
      await vault.commit([{ op: 'update', kind: 'credential', record: { ...stored, name: `${next}` }, secret }]);
      acknowledged.set(id, next);
    } catch (error) {
      // Nothing else may ever be answered.
      if (!hasCode(error, 'store_unavailable', 'audit_unavailable', 'conflict')) throw error;
      await sleep(10);
    }
  }
}

it(`PostgreSQL killed ${kills} times under load: no acknowledged write is lost, and writing goes on within 5 s`, async () => {
  const { url } = await makeDatabase(server.url);
  const store = await openPostgresStore({ url, key: postgresKey });
  const vault = await openVault(store);
  const records = Array.from({ length: writers }, () => newCredential({ name: '0' }));
  const secret = { kind: 'inputs' as const, inputs: { apiKey: '' } };
  await vault.commit(records.map((record) => ({ op: 'create', kind: 'credential', record, secret })));
  const acknowledged = new Map<string, number>();
  const total = () => [...acknowledged.values()].reduce((sum, number) => sum + number, 0);
  const end = new AbortController();
  const writing = records.map(({ id }) => write(vault, id, end.signal, acknowledged));

  let [lost, slowest] = [0, 0];
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(50 + Math.random() * 200);
    await server.kill();
    const before = new Map(acknowledged);
    await server.start();
    const ready = performance.now();
    const done = total();
    await expect.poll(total, { interval: 5, timeout: 30_000 }).toBeGreaterThan(done);
    slowest = Math.max(slowest, performance.now() - ready);
    for (const [id, number] of before) {
      const stored = await vault.get('credential', ann, id);
      if (Number(stored?.name ?? 0) < number) lost += 1;
    }
  }
  end.abort();
  await Promise.all(writing);
  for (const { id } of records) {
    const stored = await vault.get('credential', ann, id);
    if (stored === undefined) throw new Error('The credential is gone.');
    expect(Number(stored.name)).toBeGreaterThanOrEqual(acknowledged.get(id) ?? 0);
    expect(await vault.open('credential', stored)).toEqual({
      kind: 'inputs',
      inputs: { apiKey: `${id} ${stored.name}` },
    });
  }
  const audit = await verifyAudit(store);
  await vault.close();
  report(
    `PostgreSQL killed ${kills} times under load: ${total()} acknowledged writes, ${lost} lost, slowest recovery ` +
      `${Math.round(slowest)} ms, ${audit.lines} audit lines in ${audit.chains} chains, ${audit.problems.length} problems`,
  );
  expect(lost).toBe(0);
  expect(slowest).toBeLessThan(5_000);
  expect(audit.problems).toEqual([]);
  expect(audit.lines).toBeGreaterThanOrEqual(total());
});
