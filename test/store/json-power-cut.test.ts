/** A power cut forgets what was not synced, which no kill can show. */
import { rm } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { openJsonStore } from '../../src/store/json/json-store.ts';
import { forgetfulDisk, type Leftover, restore } from '../support/faults/forgetful-disk.ts';
import { ann, credentialRow, vaultFolder } from '../support/vault/vault-folder.ts';

const commits = 5;

/** Makes a vault, commits to it, looks at each folder that a power cut could have left, and answers what is wrong with it. */
async function* faults(ignoring?: 'sync' | 'syncFolder'): AsyncGenerator<string> {
  const disk = forgetfulDisk(ignoring);
  const place = vaultFolder();
  const store = await place.open({ disk });
  const rows = Array.from({ length: commits }, (_, at) => credentialRow({ createdAt: at + 1 }));
  disk.acknowledge();
  for (const row of rows) {
    await store.commit([{ op: 'insert', kind: 'credential', row }]);
    disk.acknowledge();
  }
  let looked = 0;
  for (const leftover of disk.leftovers()) {
    looked += 1;
    const problem = await look(leftover, rows);
    if (problem !== undefined) yield `${leftover.what}: ${problem}`;
  }
  expect(looked).toBeGreaterThan(100);

  async function look(leftover: Leftover, expected: readonly object[]): Promise<string | undefined> {
    const folder = `${place.root}/after`;
    await restore(leftover, folder);
    try {
      const after = await openJsonStore({ path: `${folder}/vault.json`, key: place.key, keychain: null });
      const found = await after.list('credential', ann, {}, { limit: 100 });
      await after.close();
      // The first acknowledgement is the vault itself.
      if (found.length < leftover.acknowledged - 1) return `${found.length} rows of ${leftover.acknowledged - 1}`;
      expect(found).toEqual(expected.slice(0, found.length));
      if (leftover.acknowledged > 0 && after.keyring.vaultId !== store.keyring.vaultId) return 'another vault';
    } catch (error) {
      return (error as { code: string }).code;
    } finally {
      await rm(folder, { recursive: true });
    }
    return undefined;
  }
}

it('a power cut at any step leaves a vault that opens and has every acknowledged write', async () => {
  const found: string[] = [];
  for await (const fault of faults()) found.push(fault);
  expect(found).toEqual([]);
});

it('the test above notices when the file is not synced', async () => {
  expect((await faults('sync').next()).done).toBe(false);
});

it('the test above notices when the folder is not synced', async () => {
  expect((await faults('syncFolder').next()).done).toBe(false);
});
