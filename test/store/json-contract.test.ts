import { vaultFolder } from '../support/vault/vault-folder.ts';
import { runStoreContract } from './contract.ts';

runStoreContract('one file', async () => {
  const { open } = vaultFolder();
  return () => open();
});
