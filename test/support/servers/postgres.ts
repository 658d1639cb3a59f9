/** An empty database for each test, on the server of the test run. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject, onTestFinished } from 'vitest';
import type { KeySettings } from '../../../src/seal/outer-key/sources.ts';
import { openPostgresStore } from '../../../src/store/postgres/postgres-store.ts';
import type { Store } from '../../../src/store/store.ts';

/** An empty database on this server. */
export async function makeDatabase(
  server: string = inject('postgresUrl'),
): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const name = `keyward_${randomBytes(8).toString('hex')}`;
  await asAdmin(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async drop() {
      await asAdmin(server, `drop database ${name} with (force)`);
    },
  };
}

/** URL of an empty database; it is dropped when the test ends. */
export async function freshDatabase(server?: string): Promise<string> {
  const { url, drop } = await makeDatabase(server);
  onTestFinished(drop);
  return url;
}

/** Runs one statement on this database and answers its rows. */
export async function asAdmin(
  url: string,
  statement: string,
  values: unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(statement, values);
    return rows;
  } finally {
    await client.end();
  }
}

/** Runs statements on this database, by somebody who may do everything there, until the test ends. */
export async function connect(
  url: string,
): Promise<(statement: string, values?: unknown[]) => Promise<Record<string, unknown>[]>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  return async (statement, values = []) => (await client.query(statement, values)).rows;
}

/** The outer key of every vault here; it protects nothing. */
export const postgresKey: KeySettings = {
  key: randomBytes(32).toString('base64'),
  fallbackKeyFile: '/nowhere/key',
  keychain: false,
};

/** Opens the vault of this database; it is closed when the test ends. */
export async function openTestStore(url: string, key: KeySettings = postgresKey): Promise<Store> {
  const store = await openPostgresStore({ url, key });
  onTestFinished(() => store.close());
  return store;
}
