import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { KeySettings } from '../../src/seal/outer-key/sources.ts';
import { realDisk } from '../../src/store/json/disk.ts';
import { verifyAudit } from '../../src/vault/audit/audit-verify.ts';
import { keyUse, outerKeyInWords, rewrapDataKeys, rotateDataKey } from '../../src/vault/key-change.ts';
import { openVault } from '../../src/vault/open.ts';
import { killRotations } from '../support/faults/rotation-kills.ts';
import { freshPlace, openPlace, type Place, placeNames } from '../support/vault/places.ts';
import { ann, apiKeySecret, newCredential, tempFolder, vaultFolder } from '../support/vault/vault-folder.ts';

/** Opens the vault, does something, closes it. */
async function within<T>(place: Place, work: (parts: Awaited<ReturnType<typeof opened>>) => Promise<T>): Promise<T> {
  const parts = await opened(place);
  try {
    return await work(parts);
  } finally {
    await parts.vault.close();
  }
}

async function opened(place: Place) {
  const store = await openPlace(place);
  return { store, vault: await openVault(store) };
}

const event = { ...ann, action: 'credential.release', outcome: 'allowed' } as const;

describe.each(placeNames)('the keys of a vault in %s', (name) => {
  it('rotate while others read and write: everything is under the new key, and nobody noticed', async () => {
    const place = await freshPlace(name);
    const serving = await opened(place);
    const { vault } = serving;
    const records = Array.from({ length: 30 }, () => newCredential({ name: '0' }));
    await vault.commit(
      records.map((record) => ({ op: 'create', kind: 'credential', record, secret: apiKeySecret('0') })),
    );
    await vault.audit(event);
    let done = false;
    const writing = records.slice(0, 2).map(async ({ id }) => {
      for (let next = 1; !done; next += 1) {
        const record = await vault.get('credential', ann, id);
        if (record === undefined) throw new Error('The credential is gone.');
        await vault.commit([
          { op: 'update', kind: 'credential', record: { ...record, name: `${next}` }, secret: apiKeySecret(`${next}`) },
          { op: 'create', kind: 'credential', record: newCredential({ name: 'new' }), secret: apiKeySecret('new') },
        ]);
        // Only metadata: the box stays whatever it is by now.
        const again = await vault.get('credential', ann, id);
        if (again === undefined) throw new Error('The credential is gone.');
        await vault.commit([{ op: 'update', kind: 'credential', record: { ...again, account: `${next}` } }]);
        // Whoever never lets go of the file's lock lets nobody else in.
        await sleep(30);
      }
    });
    const rotated = await within(place, ({ store }) => rotateDataKey(store));
    done = true;
    await Promise.all(writing);
    expect(rotated.resumed).toBe(false);
    expect(rotated.resealed).toBeGreaterThanOrEqual(30);

    await vault.audit(event);
    await within(place, async ({ store, vault: fresh }) => {
      const { keys } = await keyUse(store);
      expect(keys).toMatchObject([
        { state: 'audit', records: 0 },
        { state: 'seals', records: expect.any(Number) },
      ]);
      for (const { id } of records) {
        const record = await fresh.get('credential', ann, id);
        if (record === undefined) throw new Error('The credential is gone.');
        expect(await fresh.open('credential', record)).toEqual(apiKeySecret(record.name));
        const seen = await vault.get('credential', ann, id);
        expect(seen && (await vault.open('credential', seen))).toEqual(apiKeySecret(record.name));
      }
      // Lines of before and after, each under the key of its chain.
      expect(await verifyAudit(store)).toMatchObject({ ok: true, lines: 2 });
    });
    await vault.close();
  });

  it('106. what a process makes under keys that it read before arrives under those of now, or not at all', async () => {
    const place = await freshPlace(name);
    const late = await opened(place);
    const old = late.store.keyring.currentKeyId;
    await late.vault.audit(event);
    await within(place, ({ store }) => rotateDataKey(store));
    // It has not looked since.
    expect(late.store.keyring.currentKeyId).toBe(old);
    const records = [newCredential(), newCredential()];
    await late.vault.audit(event);
    await late.vault.commit(
      records.map((record) => ({ op: 'create', kind: 'credential', record, secret: apiKeySecret() }) as const),
    );
    await within(place, async ({ store, vault }) => {
      expect(store.keyring.currentKeyId).not.toBe(old);
      for (const { id } of records) {
        const record = await vault.get('credential', ann, id);
        expect(record && (await vault.open('credential', record))).toEqual(apiKeySecret());
      }
      expect(await verifyAudit(store)).toMatchObject({ ok: true, lines: 2, chains: 2 });
    });
    await late.vault.close();
  });

  it('38. rotation killed at random: every record is readable each time, and the next rotation completes', {
    timeout: 120_000,
  }, async () => {
    expect(await killRotations(await freshPlace(name), 4, 100)).toMatchObject({ unreadable: 0, left: 0, powerful: 1 });
  });

  it('go under another outer key: the old one no longer opens the vault; with the data key kept, who has it open goes on', {
    timeout: 180_000,
  }, async () => {
    const place = await freshPlace(name);
    const serving = await opened(place);
    const record = newCredential();
    await serving.vault.commit([{ op: 'create', kind: 'credential', record, secret: apiKeySecret() }]);
    const file = join(tempFolder(), 'new.key');
    await writeFile(file, randomBytes(32).toString('hex'), { mode: 0o600 });
    const rest = { fallbackKeyFile: place.key.fallbackKeyFile, keychain: false };
    const folder = place.store.kind === 'file' ? dirname(place.store.path) : null;
    const passphrase = 'a long new passphrase';
    const chain: KeySettings[] = [{ keyFile: file, ...rest }, { keyFile: file, passphrase, ...rest }, rest];
    let key = place.key;
    for (const next of chain) {
      const generated = next === rest;
      if (folder === null && generated) {
        // Another machine could never be given it.
        const refused = within({ ...place, key }, ({ store }) => rewrapDataKeys(store, next, folder));
        await expect(refused).rejects.toMatchObject({ code: 'config_invalid' });
        continue;
      }
      await within({ ...place, key }, ({ store }) => rewrapDataKeys(store, next, folder, { keepDataKey: true }));
      await expect(openPlace({ ...place, key })).rejects.toMatchObject({ code: /^key_(wrong|missing)$/ });
      key = next;
      await within({ ...place, key }, async ({ store, vault }) => {
        const stored = await vault.get('credential', ann, record.id);
        expect(stored && (await vault.open('credential', stored))).toEqual(apiKeySecret());
        expect(outerKeyInWords(store.keys, key)).not.toBe('');
        // A passphrase gets a new salt; any other key would be the same one again.
        if (key.passphrase !== undefined) return;
        await expect(rewrapDataKeys(store, key, folder)).rejects.toMatchObject({ code: 'conflict' });
      });
      const still = await serving.vault.get('credential', ann, record.id);
      expect(still && (await serving.vault.open('credential', still))).toEqual(apiKeySecret());
    }
    await serving.vault.close();
  });
});

it('a fresh data key that could not be stored seals nothing: what is written afterwards can be read again', async () => {
  const place = vaultFolder();
  let full = false;
  const rename: typeof realDisk.rename = (from, to) =>
    full ? Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) : realDisk.rename(from, to);
  const store = await place.open({ disk: { ...realDisk, rename } });
  const vault = await openVault(store);
  full = true;
  await expect(rotateDataKey(store)).rejects.toMatchObject({ code: 'storage_full' });
  full = false;
  const record = newCredential();
  await vault.commit([{ op: 'create', kind: 'credential', record, secret: apiKeySecret() }]);
  const again = await openVault(await place.open());
  const stored = await again.get('credential', ann, record.id);
  expect(stored && (await again.open('credential', stored))).toEqual(apiKeySecret());
});
