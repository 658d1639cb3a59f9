/** What earlier versions of Keyward wrote is read, and brought up to date. */
import { copyFile, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { migratePostgres } from '../../src/store/postgres/postgres-store.ts';
import { verifyAudit } from '../../src/vault/audit/audit-verify.ts';
import { adviceOnKeys, keyUse, retireUnused, rewrapDataKeys, rotateDataKey } from '../../src/vault/key-change.ts';
import { openArchive } from '../../src/vault/move/archive.ts';
import { copyVault } from '../../src/vault/move/move.ts';
import { openVault } from '../../src/vault/open.ts';
import {
  firstFormatBackup,
  firstFormatIds,
  firstFormatKey,
  firstFormatPassphrase,
  firstFormatPlace,
  inFile,
  unreadableIn,
} from '../support/vault/first-format.ts';
import { freshPlace, openPlace, placeNames } from '../support/vault/places.ts';
import { ann } from '../support/vault/rows.ts';

const states = async (store: Parameters<typeof keyUse>[0]) => (await keyUse(store)).keys.map(({ state }) => state);

describe.each(placeNames)('a vault of the first format in %s', (name) => {
  it('114. opens with its secrets and its audit log; keys that nothing needs are retired, a rotation goes on', async () => {
    const place = await firstFormatPlace(name);
    const store = await openPlace(place);
    expect(await states(store)).toEqual(['opens', 'opens', 'seals']);
    await retireUnused(store);
    expect(await states(store)).toEqual(['audit', 'opens', 'seals']);
    expect(await unreadableIn(store)).toBe(0);
    expect(await rotateDataKey(store)).toEqual({ resumed: true, resealed: 2, damaged: [] });
    await store.close();

    const again = await openPlace(place);
    expect(await states(again)).toEqual(['audit', 'audit', 'seals']);
    expect(await unreadableIn(again)).toBe(0);
    expect(await verifyAudit(again)).toMatchObject({ ok: true, lines: 2 });
    await again.close();
  });

  it('229. lists its connections, of whose servers nobody saw anything yet, and keeps what is seen from then on', async () => {
    const place = await firstFormatPlace(name);
    const store = await openPlace(place);
    const vault = await openVault(store);
    const records = await vault.list('credential', ann, {}, { limit: 5 });
    expect(records.map(({ id }) => id).sort()).toEqual(firstFormatIds);
    const [record] = records;
    if (record === undefined) throw new Error('There is no connection.');
    const { id, tenant, owner, seenTools = null } = record;
    expect([seenTools, await vault.get('seenTools', ann, id)]).toEqual([null, undefined]);
    const seen = { server: null, items: [], unread: {} };
    await vault.commit([
      { op: 'update', kind: 'credential', record: { ...record, seenTools: { row: 1, added: 0, changed: 0 } } },
      { op: 'create', kind: 'seenTools', record: { id, tenant, owner }, secret: seen },
    ]);
    await store.close();
    const again = await openPlace(place);
    const kept = await openVault(again);
    const row = await kept.get('seenTools', ann, id);
    expect(row && (await kept.open('seenTools', row))).toEqual(seen);
    expect((await kept.get('credential', ann, id))?.seenTools).toEqual({ row: 1, added: 0, changed: 0 });
    expect(await unreadableIn(again)).toBe(0);
    await again.close();
  });

  it('114. is brought up to date once, however many processes open it at the same time', async () => {
    const place = await firstFormatPlace(name);
    const stores = await Promise.all([0, 1, 2, 3].map(() => openPlace(place)));
    expect(new Set(stores.map(({ keyring }) => keyring.header.mac)).size).toBe(1);
    for (const store of stores) expect(await unreadableIn(store)).toBe(0);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('114. is restored from a backup of then', async () => {
    const archive = await openArchive(firstFormatBackup, firstFormatKey);
    const place = await freshPlace(name);
    const target = await openStore({ ...place, key: firstFormatKey, adopt: archive.keys });
    expect(await copyVault(archive, target, (found) => found)).toMatchObject({ auditLines: 2 });
    expect(await unreadableIn(target)).toBe(0);
    await rotateDataKey(target);
    expect(await states(target)).toEqual(['audit', 'audit', 'seals']);
    expect(await verifyAudit(target)).toMatchObject({ ok: true, lines: 2 });
    await target.close();
  });
});

it('114. the tables of the first format are brought up to date by twelve processes at once, and none of them fails', async () => {
  for (let round = 0; round < 2; round += 1) {
    const { args } = await firstFormatPlace('PostgreSQL');
    const done = await Promise.all(Array.from({ length: 12 }, () => migratePostgres(args[0] ?? '')));
    expect(done.filter((steps) => steps.length > 0)).toHaveLength(1);
  }
});

it('114. a file of the first format in the place of the one that was brought up to date is refused while running', async () => {
  const place = await inFile('key', firstFormatKey);
  await copyFile(place.file, `${place.file}.before`);
  const store = await openPlace(place);
  await copyFile(`${place.file}.before`, place.file);
  await expect(unreadableIn(store)).rejects.toMatchObject({ code: 'vault_damaged' });
  await store.close();
});

it('114. a vault whose passphrase can be guessed still opens, says what to do, and is brought up to date by a rewrap', {
  timeout: 120_000,
}, async () => {
  const place = await inFile('passphrase', firstFormatPassphrase);
  const store = await openPlace(place);
  expect(await adviceOnKeys(store, place.key)).toContain('keyward key rewrap');
  const { passphrase: _, ...rest } = firstFormatPassphrase;
  const next = { ...rest, passphrase: 'tidal mirth gecko union plank' };
  await rewrapDataKeys(store, next, null);
  expect(store.keys.outer).toMatchObject({ memoryBytes: 256 * 1024 * 1024, passes: 3 });
  expect(await adviceOnKeys(store, next)).toBeUndefined();
  await store.close();
  const again = await openPlace({ ...place, key: next });
  expect(again.keyring.dataKeys.size).toBe(1);
  await again.close();
  expect(await readFile(place.file, 'utf8')).toMatch(/^\{"keyward":2,/);
});
