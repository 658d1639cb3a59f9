import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openJsonStore } from '../../src/store/json/json-store.ts';
import { runSharesContract } from './shares-contract.ts';

runSharesContract('one file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'keyward-shares-'));
  const store = await openJsonStore({
    path: join(folder, 'data', 'vault.json'),
    key: { key: randomBytes(32).toString('base64'), fallbackKeyFile: join(folder, 'key'), keychain: false },
    keychain: null,
  });
  onTestFinished(async () => {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });
  return store;
});
