/** One PostgreSQL server for a whole test run; `KEYWARD_TEST_DATABASE_URL` names one that is there already. */
import type { TestProject } from 'vitest/node';
import { startPostgres } from './postgres-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    readonly postgresUrl: string;
  }
}

export default async function setup({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env.KEYWARD_TEST_DATABASE_URL;
  if (given !== undefined && given !== '') {
    provide('postgresUrl', given);
    return undefined;
  }
  const server = await startPostgres();
  provide('postgresUrl', server.url);
  return server.stop;
}
