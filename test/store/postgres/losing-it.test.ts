/** The database goes away, and comes back: typed errors meanwhile, and no restart of Keyward afterwards. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migratePostgres, openPostgresStore } from '../../../src/store/postgres/postgres-store.ts';
import type { Store } from '../../../src/store/store.ts';
import { asAdmin, freshDatabase, openTestStore, postgresKey } from '../../support/servers/postgres.ts';
import { type PostgresServer, startPostgres } from '../../support/servers/postgres-server.ts';
import { ann, credentialRow } from '../../support/vault/rows.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const insert = (store: Store) => store.commit([{ op: 'insert', kind: 'credential', row: credentialRow() }]);
const count = async (store: Store) => (await store.list('credential', ann, {}, { limit: 100 })).length;

describe('a database that is lost', () => {
  it('answers store_unavailable while it is down, and everything again once it is back', async () => {
    const store = await openTestStore(await freshDatabase(server.url));
    await insert(store);
    await server.kill();
    const failing = [() => insert(store), () => count(store), () => store.ping(), () => store.purge('attempt', 1)];
    for (const act of failing) await expect(act()).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(store.appendAudit(['x'])).rejects.toMatchObject({ code: 'audit_unavailable' });
    await expect(store.withLease('a', { waitMs: 0 }, async () => 1)).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    await server.start();
    await store.ping();
    await insert(store);
    expect(await count(store)).toBe(2);
  });

  it('answers storage_readonly while it takes no writes, and follows when that ends', async () => {
    const url = await freshDatabase(server.url);
    const store = await openTestStore(url);
    const name = new URL(url).pathname.slice(1);
    const readOnly = async (value: string) => {
      await asAdmin(server.url, `alter database ${name} set default_transaction_read_only = ${value}`);
      await asAdmin(server.url, 'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
    };
    await readOnly('on');
    // The first call may still meet the ended connection; those after it know.
    await store.ping().catch(() => undefined);
    await expect(store.ping()).rejects.toMatchObject({ code: 'storage_readonly' });
    await expect(insert(store)).rejects.toMatchObject({ code: 'storage_readonly' });
    expect(await count(store)).toBe(0);
    await readOnly('off');
    await store.ping().catch(() => undefined);
    await store.ping();
    await insert(store);
    expect(await count(store)).toBe(1);
  });

  it('answers store_unavailable while it has no connection left', async () => {
    const url = await freshDatabase(server.url);
    const name = new URL(url).pathname.slice(1);
    await asAdmin(url, `create role ${name} login password 'x' connection limit 1`);
    await asAdmin(url, `grant all on schema public to ${name}`);
    const limited = new URL(url);
    limited.username = name;
    limited.password = 'x';
    const store = await openTestStore(limited.href);
    // Every connection of the pool but the first is refused.
    const answers = await Promise.allSettled(Array.from({ length: 8 }, () => store.ping()));
    const refused = answers.filter((one) => one.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'store_unavailable' });
    await store.ping();
    await store.close();
    await asAdmin(url, `reassign owned by ${name} to postgres`);
    await asAdmin(url, `drop owned by ${name}`);
    await asAdmin(server.url, `drop role ${name}`);
  });

  it.each([
    ['records', insert],
    ['an audit log', (store: Store) => store.appendAudit(['x'])],
  ] as const)(
    'is no empty place for a vault while it holds %s: neither a new one nor one that is moved there',
    async (_, keep) => {
      const url = await freshDatabase(server.url);
      const store = await openTestStore(url);
      await keep(store);
      const other = await openTestStore(await freshDatabase(server.url));
      const moved = openPostgresStore({ url, key: postgresKey, adopt: other.keys });
      await expect(moved).rejects.toMatchObject({ code: 'conflict' });
      await asAdmin(url, 'delete from keyward_vault');
      for (const adopt of [undefined, other.keys]) {
        const opened = openPostgresStore({ url, key: postgresKey, ...(adopt && { adopt }) });
        await expect(opened).rejects.toMatchObject({ code: 'vault_damaged' });
      }
    },
  );

  it('serves a user who may change rows and no tables, and tells one who finds tables missing what to do', async () => {
    const url = await freshDatabase(server.url);
    const name = new URL(url).pathname.slice(1);
    await asAdmin(url, `create role ${name} login password 'x'`);
    const limited = new URL(url);
    limited.username = name;
    limited.password = 'x';
    const unmade = openPostgresStore({ url: limited.href, key: postgresKey });
    await expect(unmade).rejects.toMatchObject({ code: 'storage_failed', hint: expect.stringContaining('migrate') });
    await migratePostgres(url);
    await asAdmin(url, `grant select, insert, update, delete on all tables in schema public to ${name}`);
    const store = await openTestStore(limited.href);
    await insert(store);
    await store.appendAudit(['x']);
    await store.countTogether?.(new Map([['a', 1]]), 1_000);
    expect(await store.withLease('a', { waitMs: 0 }, () => count(store))).toBe(1);
    await store.close();
    await asAdmin(url, `drop owned by ${name}`);
    await asAdmin(server.url, `drop role ${name}`);
  });

  it('says so when a pooler gives it other connections than it prepared its statements on', async () => {
    const url = await freshDatabase(server.url);
    const store = await openTestStore(`${url}?pool_size=1`);
    await store.ping();
    // What is prepared is gone afterwards, as it is on somebody else's connection.
    await asAdmin(
      url,
      `create function forget() returns trigger language plpgsql as $$ begin execute 'deallocate all'; return new; end $$;
       create trigger forget after insert on keyward_audit for each row execute function forget()`,
    );
    await store.appendAudit(['x']);
    await expect(store.ping()).rejects.toMatchObject({
      code: 'storage_failed',
      hint: expect.stringContaining('pooler'),
    });
  });

  it('answers vault_busy when a lock is not let go of', { timeout: 30_000 }, async () => {
    const url = await freshDatabase(server.url);
    const store = await openTestStore(url);
    const row = credentialRow();
    await store.commit([{ op: 'insert', kind: 'credential', row }]);
    const waiting = asAdmin(url, 'begin; lock table keyward_records; select pg_sleep(7); commit');
    await expect
      .poll(() => asAdmin(url, `select 1 from pg_stat_activity where wait_event = 'PgSleep'`))
      .toHaveLength(1);
    await expect(insert(store)).rejects.toMatchObject({ code: 'vault_busy' });
    await waiting;
    await insert(store);
    expect(await count(store)).toBe(2);
  });

  it('answers vault_busy when a statement takes too long, and store_unavailable to those who wait for its connection', {
    timeout: 30_000,
  }, async () => {
    const url = await freshDatabase(server.url);
    const store = await openTestStore(`${url}?pool_size=1`);
    await asAdmin(
      url,
      `create function crawl() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return new; end $$;
       create trigger crawl before insert on keyward_records for each row execute function crawl()`,
    );
    const [crawling, waiting] = await Promise.allSettled([insert(store), store.ping()]);
    expect(crawling).toMatchObject({ reason: { code: 'vault_busy' } });
    expect(waiting).toMatchObject({ reason: { code: 'store_unavailable' } });
    // The server has stopped it, too.
    expect(await asAdmin(url, `select 1 from pg_stat_activity where wait_event = 'PgSleep'`)).toEqual([]);
    await asAdmin(url, 'drop trigger crawl on keyward_records');
    await insert(store);
    expect(await count(store)).toBe(1);
  });
});
