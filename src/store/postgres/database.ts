/** Connections: a pool with limits, statements that are prepared, transactions, and what to do when one of them fails. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { KeywardError } from '../../errors.ts';
import { ProvingClient } from './client.ts';
import { asksToRetry, endsConnection, storeError } from './failures.ts';
import { migrate } from './migrations.ts';
import type { Statement } from './statements.ts';
import type { Target } from './target.ts';
import { demandDurability } from './upkeep-statements.ts';

/** How long each thing may take, in milliseconds. A request must not hang on a database that does not answer. */
const connectMs = 5_000;
const statementMs = 10_000;
const lockMs = 5_000;
/** The server stops a statement at its limit; when even that is not heard of, the connection is given up. */
const answerMs = 15_000;
const idleInTransactionMs = 60_000;
/** Building an index over a large table takes its time. */
const migrationMs = 600_000;
const retries = 5;

/** Runs one statement and answers its rows. */
export type Query = <R extends object>(statement: Statement, values?: readonly unknown[]) => Promise<R[]>;

export type Database = {
  readonly location: string;
  /** One statement by itself: durable when it resolves. */
  readonly query: Query;
  /** All that `work` does, or nothing. It may run again when PostgreSQL asks for that, so it does nothing else. */
  transaction<T>(work: (query: Query) => Promise<T>): Promise<T>;
  /** Rows of one moment in time, however long reading them takes. */
  snapshot<T>(work: (query: Query) => AsyncIterable<T>): AsyncIterable<T>;
  close(): Promise<void>;
};

/** PostgreSQL stores whole numbers of 64 bits; none of Keyward's needs more than the 53 of a JavaScript number. */
const bigint = 20;
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === bigint ? Number : pg.types.getTypeParser(oid, format as 'text')) as pg.CustomTypesConfig['getTypeParser'],
};

/** Brings the tables up to date, and answers the steps that were missing. */
export async function migrateDatabase({ config }: Target): Promise<readonly string[]> {
  const pool = new pg.Pool({
    ...config,
    Client: ProvingClient,
    max: 1,
    connectionTimeoutMillis: connectMs,
    statement_timeout: migrationMs,
    onConnect: (client) => (client as ProvingClient).demandProof(),
  });
  pool.on('error', () => undefined);
  try {
    return await migrate(pool);
  } catch (error) {
    throw storeError(error);
  } finally {
    await pool.end();
  }
}

export function openDatabase({ config, location }: Target): Database {
  const pool = new pg.Pool({
    ...config,
    Client: ProvingClient,
    types,
    application_name: 'keyward',
    keepAlive: true,
    connectionTimeoutMillis: connectMs,
    statement_timeout: statementMs,
    query_timeout: answerMs,
    lock_timeout: lockMs,
    idle_in_transaction_session_timeout: idleInTransactionMs,
    onConnect: async (client) => {
      (client as ProvingClient).demandProof();
      await client.query({ ...demandDurability });
    },
  });
  // An idle connection that ended is noticed here; the pool has already let go of it.
  pool.on('error', () => undefined);
  let closed = false;

  /** Lends a connection. What went wrong decides whether anybody gets it again. */
  async function connected<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    if (closed) throw new KeywardError('storage_failed', 'The vault is closed.');
    const client = await pool.connect();
    // The connection may end between two statements; the next of them says so.
    const ignore = () => undefined;
    client.on('error', ignore);
    let useless = false;
    try {
      return await work(client);
    } catch (error) {
      useless = endsConnection(error);
      throw error;
    } finally {
      client.off('error', ignore);
      client.release(useless);
    }
  }

  async function retried<T>(work: () => Promise<T>): Promise<T> {
    for (let left = retries; ; left -= 1) {
      try {
        return await work();
      } catch (error) {
        if (left === 0 || !asksToRetry(error)) throw storeError(error);
        await sleep(Math.random() * 50);
      }
    }
  }

  return {
    location,
    query: (statement, values) => retried(() => connected((client) => queryOn(client)(statement, values))),
    transaction: (work) => retried(() => connected((client) => transacted(client, 'begin', work))),
    async *snapshot(work) {
      if (closed) throw new KeywardError('storage_failed', 'The vault is closed.');
      const client = await pool.connect().catch((error: unknown) => {
        throw storeError(error);
      });
      let useless = true;
      try {
        await client.query('begin isolation level repeatable read, read only');
        yield* work(queryOn(client));
        await client.query('commit');
        useless = false;
      } catch (error) {
        throw storeError(error);
      } finally {
        client.release(useless);
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      await pool.end();
    },
  };
}

function queryOn(client: pg.PoolClient): Query {
  return async <R extends object>({ name, text }: Statement, values: readonly unknown[] = []) => {
    const { rows } = await client.query<R>({ name, text, values: [...values] });
    return rows;
  };
}

async function transacted<T>(client: pg.PoolClient, begin: string, work: (query: Query) => Promise<T>): Promise<T> {
  await client.query(begin);
  try {
    const done = await work(queryOn(client));
    await client.query('commit');
    return done;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}
