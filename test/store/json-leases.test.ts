/** Leases of the file store: what is left on disk, and turns with a Keyward from before each name had a file. */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import locks from 'fs-native-extensions';
import { expect, it } from 'vitest';
import { vaultFolder } from '../support/vault/vault-folder.ts';

it('leaves no file of a lease behind, whether its work succeeded or failed', async () => {
  const vault = vaultFolder();
  const store = await vault.open();
  const names = Array.from({ length: 300 }, (_, at) => `refresh:${at}`);
  await Promise.all(names.map((name) => store.withLease(name, { waitMs: 10_000 }, async () => undefined)));
  await store.withLease('refresh:x', { waitMs: 0 }, () => Promise.reject(new Error('mine'))).catch(() => undefined);
  const left = (await readdir(`${vault.file}.leases`)).filter((name) => !/^\d\d?\.lock$/.test(name));
  expect(left).toEqual([]);
});

it('takes turns with an older Keyward, which holds one of 64 files alone', async () => {
  const vault = vaultFolder();
  const store = await vault.open();
  const name = 'refresh:shared';
  const slot = (createHash('sha256').update(name).digest()[0] ?? 0) % 64;
  await mkdir(`${vault.file}.leases`, { recursive: true });
  const former = await open(path.join(`${vault.file}.leases`, `${slot}.lock`), 'w+');
  expect(locks.tryLock(former.fd, { shared: false })).toBe(true);
  await expect(store.withLease(name, { waitMs: 30 }, async () => 1)).rejects.toMatchObject({ code: 'vault_busy' });
  locks.unlock(former.fd);
  const beside = await store.withLease(name, { waitMs: 1_000 }, async () =>
    locks.tryLock(former.fd, { shared: false }),
  );
  expect(beside).toBe(false);
  await former.close();
});

it('lets one holder in at a time although each removes the file that the next one waits for', async () => {
  const vault = vaultFolder();
  const stores = [await vault.open(), await vault.open()];
  let inside = 0;
  let most = 0;
  const work = async () => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
  };
  const turns = Array.from({ length: 120 }, (_, at) => stores[at % 2]?.withLease('one', { waitMs: 60_000 }, work));
  await Promise.all(turns);
  expect(most).toBe(1);
});
