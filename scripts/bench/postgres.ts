/** PostgreSQL: a million credentials against a thousand, a write against a bare one, and the file against both. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { listCredentials } from '../../src/broker/credentials/manage.ts';
import { getConnectionCredentials } from '../../src/broker/credentials/release.ts';
import { localPrincipal as me } from '../../src/principal.ts';
import type { Credential } from '../../src/vault/vault.ts';
import { startPostgres } from '../../test/support/servers/postgres-server.ts';
import { type Figure, median, milliseconds, timed } from './figures.ts';
import { type Home, keywardOf, makeHome, newDatabase, secret, vaultOf } from './vaults.ts';

const [few, many] = [1_000, 1_000_000];
const sizes = [100, 1_000, 10_000];
/** Credentials of the person who is measured; all others are strangers', a hundred each. */
const own = 100;
const rounds = 20;
const perRound = 30;

export async function postgres(): Promise<Figure[]> {
  const server = await startPostgres();
  try {
    const growth = await growing(server.url);
    const write = await bareWrite(server.url);
    const comparison: Figure[] = [];
    for (const size of sizes) comparison.push(...(await againstFile(server.url, size)));
    return [...growth, write, ...comparison];
  } finally {
    await server.stop();
  }
}

type Act = () => Promise<unknown>;
type Opened = { readonly read: Act; readonly list: Act; close(): Promise<void> };

/** Reads and lists through the broker: decision, audit entry, opening, release. */
async function open(home: Home): Promise<Opened> {
  const keyward = await keywardOf(home.env);
  let turn = 0;
  return {
    read: () => {
      turn += 7;
      const connectionId = home.credentialIds[turn % home.credentialIds.length] ?? '';
      return getConnectionCredentials(keyward.broker, me, { connectionId });
    },
    list: () => listCredentials(keyward.broker, me, { limit: 50 }),
    async close() {
      await keyward.close();
      await home.remove();
    },
  };
}

/** Medians of several acts, measured in turns, so that the machine's moods hit them alike. */
async function medians(acts: readonly Act[]): Promise<number[]> {
  const times = acts.map((): number[] => []);
  for (let round = -1; round < rounds; round += 1) {
    for (const [index, act] of acts.entries()) {
      for (let count = 0; count < perRound; count += 1) {
        const ms = await timed(act);
        // The first round prepares statements and fills caches.
        if (round >= 0) times[index]?.push(ms);
      }
    }
  }
  return times.map(median);
}

async function growing(server: string): Promise<Figure[]> {
  const homes: Home[] = [];
  for (const size of [few, many]) {
    const database = await newDatabase(server, `growing_${size}`);
    homes.push(await makeHome(own, me, database));
    await addStrangers(database, size - own);
  }
  const [small, large] = await Promise.all(homes.map(open));
  if (!small || !large) throw new Error('Nothing was opened.');
  const [readSmall = 0, readLarge = 0, listSmall = 0, listLarge = 0] = await medians([
    small.read,
    large.read,
    small.list,
    large.list,
  ]);
  await Promise.all([small.close(), large.close()]);
  const goal = { is: '<=', than: 1.3 } as const;
  const figure = (what: string, slow: number, fast: number): Figure => ({
    name: `PostgreSQL: ${what} at ${many} / at ${few}`,
    value: slow / fast,
    unit: 'x',
    goal,
    from: `${milliseconds(slow)} / ${milliseconds(fast)}`,
  });
  return [figure('reading one credential', readLarge, readSmall), figure('a page of 50', listLarge, listSmall)];
}

async function bareWrite(server: string): Promise<Figure> {
  const database = await newDatabase(server, 'writing');
  const home = await makeHome(own, me, database);
  const writer = await writing(home);
  const bare = await bareUpserts(database);
  const [ours = 0, least = 0] = await medians([writer.write, bare.write]);
  await Promise.all([writer.close(), bare.close()]);
  return {
    name: 'PostgreSQL: writes a second / one bare upsert loop',
    value: least / ours,
    unit: 'x',
    goal: { is: '>=', than: 0.6 },
    from: `${(1_000 / ours).toFixed(0)}/s / ${(1_000 / least).toFixed(0)}/s`,
  };
}

async function againstFile(server: string, size: number): Promise<Figure[]> {
  const database = await newDatabase(server, `against_${size}`);
  const homes = [await makeHome(size), await makeHome(size, me, database)];
  const writers = await Promise.all(homes.map(writing));
  const writes = await medians(writers.map(({ write }) => write));
  await Promise.all(writers.map(({ close }) => close()));
  const opened = await Promise.all([makeHome(size), makeHome(size, me, await newDatabase(server, `reading_${size}`))]);
  const readers = await Promise.all(opened.map(open));
  const reads = await medians(readers.map(({ read }) => read));
  await Promise.all(readers.map(({ close }) => close()));
  const figure = (what: string, [file = 0, database_ = 0]: readonly number[]): Figure => ({
    name: `${what} at ${size}: file / PostgreSQL`,
    value: file / database_,
    unit: 'x',
    goal: null,
    from: `${milliseconds(file)} / ${milliseconds(database_)}`,
  });
  return [figure('one write', writes), figure('one read', reads)];
}

/** One writer that gives one credential a new secret again and again, as a refresh does. */
async function writing(home: Home) {
  const vault = await vaultOf(home.env);
  const id = home.credentialIds[0] ?? '';
  let record: Credential | undefined = await vault.get('credential', me, id);
  const next = inTurns(secret);
  return {
    async write() {
      if (!record) throw new Error('The credential is gone.');
      await vault.commit([{ op: 'update', kind: 'credential', record, secret: next() }]);
      // What it is now is known without reading it.
      record = { ...record, version: record.version + 1, secretVersion: record.secretVersion + 1 };
    },
    async close() {
      await vault.close();
      await home.remove();
    },
  };
}

/** The least that a durable write costs: one prepared upsert of as many bytes as a credential's row has. */
async function bareUpserts(database: string) {
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  await client.query('create table bare (id text primary key, body text not null)');
  const sizes = await client.query<{ bytes: number }>(
    'select pg_column_size(r.*) as bytes from keyward_records r limit 1',
  );
  const bytes = Math.floor(((sizes.rows[0]?.bytes ?? 0) * 3) / 4);
  const text = 'insert into bare values ($1, $2) on conflict (id) do update set body = excluded.body';
  const next = inTurns(() => randomBytes(bytes).toString('base64'));
  return {
    write: () => client.query({ name: 'upsert', text, values: ['a', next()] }),
    close: () => client.end(),
  };
}

/** Some of what is to be written, made before it is measured how long writing takes. */
function inTurns<T>(make: () => T): () => T {
  const made = Array.from({ length: 64 }, make);
  let turn = 0;
  return () => {
    turn = (turn + 1) % made.length;
    return made[turn] as T;
  };
}

/** Fills the table with rows like those of Keyward; nobody opens their boxes. */
async function addStrangers(database: string, count: number): Promise<void> {
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  await client.query(
    `insert into keyward_records
       (kind, id, tenant, owner, version, secret_version, created_at, updated_at, sealed, metadata,
        connector_id, status, shared)
     select r.kind, gen_random_uuid()::text, r.tenant, 'stranger-' || at / 100, 1, 1, r.created_at + at, r.updated_at,
       repeat(md5(at::text), 20), r.metadata, r.connector_id, r.status, false
     from (select * from keyward_records where kind = 'credential' limit 1) r, generate_series(1, ${count}) at`,
  );
  await client.query('vacuum analyze');
  await client.end();
}
