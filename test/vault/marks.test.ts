/** What this computer remembers of a vault, so that nobody removes or replaces it unnoticed between two runs. */
import { copyFile, cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { openArchive, writeArchive } from '../../src/vault/move/archive.ts';
import { copyVault, notRestored } from '../../src/vault/move/move.ts';
import { openVault } from '../../src/vault/open.ts';
import { connect } from '../support/servers/postgres.ts';
import { freshPlace, type Place, type PlaceName, placeNames } from '../support/vault/places.ts';
import { ann, newCredential } from '../support/vault/rows.ts';
import { apiKeySecret, tempFolder } from '../support/vault/vault-folder.ts';

const damaged = { code: 'vault_damaged' };

async function rememberedPlace(name: PlaceName) {
  const place = await freshPlace(name);
  const marks = path.join(tempFolder(), 'config', 'marks');
  const open = () => openStore({ store: place.store, key: place.key, marks });
  /** A run of Keyward that stores something, and writes it down. */
  const run = async () => {
    const vault = await openVault(await open());
    await vault.audit({ ...ann, action: 'credential.create', outcome: 'allowed' });
    await vault.commit([{ op: 'create', kind: 'credential', record: newCredential(), secret: apiKeySecret() }]);
    await vault.close();
  };
  const forget = async () => {
    for (const file of await readdir(marks)) await rm(path.join(marks, file));
  };
  return { place, marks, open, run, forget };
}

/** Keeps the vault as it is and answers what puts it back; `null` puts none there. */
async function copyOf({ store }: Place): Promise<(which: 'kept' | 'none') => Promise<void>> {
  if (store.kind === 'file') {
    const folder = path.dirname(store.path);
    await cp(folder, `${folder}.kept`, { recursive: true });
    return async (which) => {
      await rm(store.path);
      if (which === 'kept') await copyFile(path.join(`${folder}.kept`, path.basename(store.path)), store.path);
      else await rm(path.join(folder, 'audit.log'), { force: true });
    };
  }
  const write = await connect(store.url);
  const tables = ['keyward_records', 'keyward_audit', 'keyward_vault'];
  for (const table of tables) await write(`create table ${table}_kept as select * from ${table}`);
  return async (which) => {
    for (const table of tables) {
      await write(`delete from ${table}`);
      const over = table === 'keyward_audit' ? 'overriding system value' : '';
      if (which === 'kept') await write(`insert into ${table} ${over} select * from ${table}_kept`);
    }
  };
}

async function closed(opening: Promise<Store>): Promise<void> {
  await (await opening).close();
}

describe.each(placeNames)('a vault in %s', (name) => {
  it('124. that somebody removed is no reason to make a new one, until somebody says so', async () => {
    const { place, open, run, forget } = await rememberedPlace(name);
    await run();
    await (await copyOf(place))('none');
    await expect(open()).rejects.toMatchObject({ ...damaged, message: expect.stringContaining('now there is none') });
    await forget();
    await closed(open());
  });

  it('125. in whose place an older copy was put is refused at the next start, and the newest one opens', async () => {
    const { place, open, run, forget } = await rememberedPlace(name);
    await run();
    const older = await copyOf(place);
    await closed(open());
    await run();
    await older('kept');
    await expect(open()).rejects.toMatchObject({ ...damaged, message: expect.stringContaining('older than') });
    await forget();
    await closed(open());
    await run();
  });

  it('125. in whose place another vault was put is refused at the next start', async () => {
    const { place, open, run } = await rememberedPlace(name);
    await closed(openStore({ store: place.store, key: place.key }));
    const other = await copyOf(place);
    await other('none');
    await run();
    await other('kept');
    await expect(open()).rejects.toMatchObject({ ...damaged, message: expect.stringContaining('another vault') });
  });

  it('126. is restored from a backup over a mark, without session tokens and what waits, and is remembered anew', async () => {
    const { place, marks, open, run } = await rememberedPlace(name);
    await run();
    const store = await open();
    const vault = await openVault(store);
    const session = { id: crypto.randomUUID(), tenant: 'acme', owner: 'ann', hash: '', scopes: [], expiresAt: null };
    const visit = { id: crypto.randomUUID(), tenant: 'acme', owner: 'ann', expiresAt: Date.now() + 60_000 };
    await vault.commit([
      { op: 'create', kind: 'session', record: session, secret: {} },
      { op: 'create', kind: 'visit', record: visit, secret: {} },
    ]);
    const file = path.join(tempFolder(), 'backup');
    await writeArchive(file, store, store.keys);
    await vault.close();
    await run();
    await (await copyOf(place))('none');

    const archive = await openArchive(file, place.key);
    const target = await openStore({ ...place, marks, adopt: archive.keys });
    expect(await copyVault(archive, target, (found) => found, notRestored)).toMatchObject({
      records: { credential: 1 },
    });
    await target.close();
    const restored = await open();
    const kinds: string[] = [];
    for await (const { kind } of restored.scan()) kinds.push(kind);
    expect(kinds).toEqual(['credential']);
    await restored.close();
    await run();
  });
});

it('124. an audit log without its vault is no place for a new one', async () => {
  const { place, open, run, forget } = await rememberedPlace('a file');
  const { store } = place;
  if (store.kind !== 'file') throw new Error('This is no file.');
  await run();
  await rm(store.path);
  await forget();
  await expect(open()).rejects.toMatchObject({ ...damaged, message: expect.stringContaining('audit log') });
  await rename(path.join(path.dirname(store.path), 'audit.log'), `${store.path}.old-log`);
  await closed(open());
});

it('125. two computers with one vault, and a folder that keeps no marks, harm nobody', async () => {
  const { place, marks, open, run } = await rememberedPlace('a file');
  await run();
  // Another computer, which remembers for itself.
  const elsewhere = path.join(tempFolder(), 'marks');
  const vault = await openVault(await openStore({ ...place, marks: elsewhere }));
  await vault.commit([{ op: 'create', kind: 'credential', record: newCredential(), secret: apiKeySecret() }]);
  await vault.close();
  await closed(open());
  await rm(marks, { recursive: true });
  await mkdir(path.dirname(marks), { recursive: true });
  await copyFile(import.meta.filename, marks);
  await run();
});
