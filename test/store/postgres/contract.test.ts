import { freshDatabase, openTestStore } from '../../support/servers/postgres.ts';
import { runStoreContract } from '../contract.ts';
import { runSharesContract } from '../shares-contract.ts';

runStoreContract('PostgreSQL', async () => {
  const url = await freshDatabase();
  return () => openTestStore(url);
});

runSharesContract('PostgreSQL', async () => openTestStore(await freshDatabase()));
