/**
 * Before all tests: one PostgreSQL server for the whole run; `KEYWARD_TEST_DATABASE_URL` names one that is there already.
 * What else whoever runs them has set for a Keyward or a PostgreSQL of their own is taken away: tests set what they need.
 */
import { rm } from 'node:fs/promises';
import type { TestProject } from 'vitest/node';
import { type PostgresPrograms, unpackPostgres } from './postgres-programs.ts';
import { startPostgres } from './postgres-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    readonly postgresUrl: string;
    /** Null where a server was named: a test that starts one itself unpacks them. */
    readonly postgresPrograms: PostgresPrograms | null;
  }
}

const ofTheTests = ['KEYWARD_TEST_DATABASE_URL', 'KEYWARD_FAULTS_FULL'];

export default async function setup({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  for (const name of Object.keys(process.env)) {
    if (/^(KEYWARD_|PG)/.test(name) && !ofTheTests.includes(name)) delete process.env[name];
  }
  const given = process.env.KEYWARD_TEST_DATABASE_URL;
  if (given !== undefined && given !== '') {
    provide('postgresUrl', given);
    provide('postgresPrograms', null);
    return undefined;
  }
  const programs = await unpackPostgres();
  const server = await startPostgres([], {}, programs);
  provide('postgresUrl', server.url);
  provide('postgresPrograms', programs);
  return async () => {
    await server.stop();
    await rm(programs.folder, { recursive: true, force: true });
  };
}
