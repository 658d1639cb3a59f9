/** Moving a vault between places, backing it up and restoring it. */
import { randomUUID } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Owner } from '../../../src/principal.ts';
import { openStore } from '../../../src/store/open.ts';
import type { KindRow, Store } from '../../../src/store/store.ts';
import { verifyAudit } from '../../../src/vault/audit/audit-verify.ts';
import { rotateDataKey, underPassphrase } from '../../../src/vault/key-change.ts';
import { openArchive, writeArchive } from '../../../src/vault/move/archive.ts';
import { copyVault, notRestored } from '../../../src/vault/move/move.ts';
import { readOwnerMap, underNewOwner } from '../../../src/vault/move/owner-map.ts';
import { openVault } from '../../../src/vault/open.ts';
import type { SeenDefinitions } from '../../../src/vault/vault.ts';
import { reading } from '../../support/principals.ts';
import { spellingsOf } from '../../support/spellings.ts';
import { freshPlace, openPlace, type Place, type PlaceName, placeNames } from '../../support/vault/places.ts';
import {
  ann,
  apiKeySecret,
  attemptRow,
  bob,
  canary,
  filesBelow,
  newCredential,
  tempFolder,
} from '../../support/vault/vault-folder.ts';

const same = (found: KindRow) => found;
const attemptSecret = { codeVerifier: 'v', key: 'k', inputs: {}, device: null };
/** What the owner of the shared credential saw of its MCP server. */
const seen: SeenDefinitions = {
  server: 'https://mcp.example/mcp',
  items: [{ kind: 'tool', name: 'read', seen: { description: canary }, now: { description: 'Says something else.' } }],
  unread: { prompts: null },
};

/** A vault with something of everything; answers the ids that matter. */
async function fill(store: Store) {
  const vault = await openVault(store);
  const seenTools = { row: 1, added: 0, changed: 1 };
  const shared = newCredential({ shares: [{ with: 'user:bob', permission: 'use' }], seenTools });
  const connected = newCredential({ owner: 'bob', authConfigOwner: 'ann' });
  const credentials = [shared, connected, ...Array.from({ length: 4 }, () => newCredential({ owner: 'bob' }))];
  const config = { tenant: ann.tenant, owner: ann.user, connectorId: 'github', name: 'n', clientId: 'c', scopes: null };
  const session = { tenant: ann.tenant, owner: ann.user, hash: 'ab', scopes: ['credentials:read'], expiresAt: null };
  const { sealed: _, version: __, secretVersion: ___, createdAt: ____, updatedAt: _____, ...attempt } = attemptRow();
  await vault.commit([
    ...credentials.map((record) => ({ op: 'create', kind: 'credential', record, secret: apiKeySecret() }) as const),
    { op: 'create', kind: 'authConfig', record: { ...config, id: randomUUID() }, secret: { clientSecret: canary } },
    { op: 'create', kind: 'session', record: { ...session, id: randomUUID() }, secret: {} },
    { op: 'create', kind: 'attempt', record: attempt, secret: attemptSecret },
    { op: 'create', kind: 'seenTools', record: { id: shared.id, tenant: ann.tenant, owner: ann.user }, secret: seen },
  ]);
  for (let at = 0; at < 3; at += 1) await vault.audit({ ...ann, action: 'credential.use', outcome: 'allowed' });
  return { vault, shared, connected };
}

async function secretAt(store: Store, owner: Owner, id: string): Promise<unknown> {
  const vault = await openVault(store);
  const record = await vault.get('credential', owner, id);
  return record && vault.open('credential', record);
}

async function seenAt(store: Store, owner: Owner, id: string): Promise<unknown> {
  const vault = await openVault(store);
  const row = await vault.get('seenTools', owner, id);
  const counted = (await vault.get('credential', owner, id))?.seenTools;
  return row && { row: counted?.row, version: row.version, ...(await vault.open('seenTools', row)) };
}

const adopting = (place: Place, keys: Store['keys']) => openStore({ ...place, adopt: keys });

describe.each([
  ['a file', 'PostgreSQL'],
  ['PostgreSQL', 'a file'],
] as [PlaceName, PlaceName][])('moving from %s to %s', (here, there) => {
  async function begin() {
    const from = await freshPlace(here);
    const source = await openPlace(from);
    // One outer key, as somebody has who moves.
    const to: Place = { ...(await freshPlace(there)), key: from.key };
    return { source, to, ...(await fill(source)) };
  }

  it('takes credentials, shares, auth configs, sessions and the audit log along; pending attempts stay behind', async () => {
    const { source, to, shared } = await begin();
    const target = await adopting(to, source.keys);
    const moved = await copyVault(source, target, same);
    expect(moved).toEqual({ records: { credential: 6, authConfig: 1, session: 1, seenTools: 1 }, auditLines: 3 });
    expect(await target.findVisible(reading(bob), shared.id)).toMatchObject({ id: shared.id, shares: shared.shares });
    expect(await secretAt(target, ann, shared.id)).toEqual(apiKeySecret());
    expect(await seenAt(target, ann, shared.id)).toEqual({ row: 1, version: 1, ...seen });
    expect(await target.listTokens('session', { limit: 5 })).toEqual(await source.listTokens('session', { limit: 5 }));
    expect(await verifyAudit(target)).toMatchObject({ ok: true, lines: 3 });
    await target.close();
    // It is a vault of its own from then on.
    const again = await openPlace(to);
    expect(again.keyring).toEqual(source.keyring);
    await Promise.all([again.close(), source.close()]);
  });

  it('333. takes passkeys along, which a restore does not bring back', async () => {
    const [from, to, restored] = [await freshPlace(here), await freshPlace(there), await freshPlace(there)];
    const source = await openPlace(from);
    const vault = await openVault(source);
    const id = randomUUID();
    const record = {
      id,
      tenant: ann.tenant,
      owner: ann.user,
      name: 'Laptop',
      counter: 7,
      usedAt: null,
      copiedAt: null,
    };
    const secret = { credentialId: canary, publicKey: canary, userHandle: canary };
    await vault.commit([{ op: 'create', kind: 'passkey', record, secret }]);
    const target = await adopting({ ...to, key: from.key }, source.keys);
    const backup = await adopting({ ...restored, key: from.key }, source.keys);
    expect(await copyVault(source, target, same)).toMatchObject({ records: { passkey: 1 } });
    const arrived = await openVault(target);
    const found = await arrived.findPasskey(id);
    expect(found && (await arrived.open('passkey', found))).toEqual(secret);
    await copyVault(source, backup, same, notRestored);
    expect(await backup.findPasskey(id)).toBeUndefined();
    await Promise.all([source.close(), target.close(), backup.close()]);
  });

  it('goes on after an interruption, follows what changed meanwhile, and does nothing a third time', async () => {
    const { source, to, vault, shared } = await begin();
    const first = await adopting(to, source.keys);
    let count = 0;
    const interrupted = copyVault(source, first, (found) => {
      count += 1;
      if (count === 4) throw new Error('interrupted');
      return found;
    });
    await expect(interrupted).rejects.toThrow('interrupted');
    await first.close();

    const changed = await vault.get('credential', ann, shared.id);
    if (changed === undefined) throw new Error('The credential is gone.');
    await vault.commit([{ op: 'update', kind: 'credential', record: changed, secret: apiKeySecret('newer') }]);
    await vault.audit({ ...ann, action: 'credential.use', outcome: 'allowed' });
    await rotateDataKey(source);
    const second = await adopting(to, source.keys);
    for (let run = 0; run < 2; run += 1) {
      expect(await copyVault(source, second, same)).toMatchObject({ records: { credential: 6 }, auditLines: 4 });
    }
    expect(await secretAt(second, ann, shared.id)).toEqual(apiKeySecret('newer'));
    expect(await verifyAudit(second)).toMatchObject({ ok: true, lines: 4 });
    await Promise.all([second.close(), source.close()]);
  });

  it('overwrites nothing: neither another vault, nor one that somebody has used since', async () => {
    const { source, to } = await begin();
    const target = await adopting(to, source.keys);
    await copyVault(source, target, same);
    const used = await openVault(target);
    const [record] = await used.list('credential', bob, {}, { limit: 1 });
    if (record === undefined) throw new Error('The credential is gone.');
    await used.commit([{ op: 'update', kind: 'credential', record, secret: apiKeySecret('rotated there') }]);
    await expect(copyVault(source, target, same)).rejects.toMatchObject({ code: 'conflict' });
    expect(await secretAt(target, bob, record.id)).toEqual(apiKeySecret('rotated there'));
    await target.close();

    const other = await freshPlace(there);
    const occupied = await openPlace(other);
    await fill(occupied);
    await occupied.close();
    await expect(adopting({ ...other, key: to.key }, source.keys)).rejects.toMatchObject({
      code: /^(conflict|key_wrong)$/,
    });
    await source.close();
  });

  it('gives what is moved to new owners, shares included, and stops rather than share with somebody else', async () => {
    const { source, to, shared, connected } = await begin();
    const move = (from: Owner, user: string, tenant = 'team') => ({ from, to: { tenant, user } });
    const map = readOwnerMap(JSON.stringify([move(ann, 'anna'), move(bob, 'bert')]));
    const target = await adopting(to, source.keys);
    await copyVault(source, target, (found) => underNewOwner(source, map, found));
    const anna = { tenant: 'team', user: 'anna' };
    expect(await secretAt(target, anna, shared.id)).toEqual(apiKeySecret());
    expect(await seenAt(target, anna, shared.id)).toEqual({ row: 1, version: 1, ...seen });
    expect(await target.get('credential', ann, shared.id)).toBeUndefined();
    expect(await target.findVisible(reading({ tenant: 'team', user: 'bert' }), shared.id)).toBeDefined();
    expect((await target.listTokens('session', { limit: 5 }))[0]).toMatchObject(
      anna ? { tenant: 'team', owner: 'anna' } : {},
    );

    const bert = { tenant: 'team', user: 'bert' };
    expect(await target.get('credential', bert, connected.id)).toMatchObject({ authConfigOwner: 'anna' });

    // The OAuth client stays behind in another tenant.
    const row = await source.get('credential', bob, connected.id);
    if (row === undefined) throw new Error('The credential is gone.');
    const without = () => underNewOwner(source, [move(bob, 'bert')], { kind: 'credential', row });
    expect(without).toThrow(expect.objectContaining({ code: 'conflict' }));
    // Bob stays behind in his tenant: user:bob would mean another bob.
    const alone = [move(ann, 'anna')];
    const elsewhere = await adopting({ ...(await freshPlace(there)), key: to.key }, source.keys);
    const unclear = copyVault(source, elsewhere, (found) => underNewOwner(source, alone, found));
    await expect(unclear).rejects.toMatchObject({ code: 'conflict' });
    await Promise.all([target.close(), elsewhere.close(), source.close()]);
  });
});

describe('a map of owners', () => {
  it('is refused when it is not one, or names an owner twice', () => {
    const one = { from: ann, to: bob };
    const wrong = [
      'x',
      '{}',
      '[1]',
      JSON.stringify([{ from: ann }]),
      JSON.stringify([one, one]),
      '[{"from":{},"to":{}}]',
    ];
    for (const text of wrong)
      expect(() => readOwnerMap(text)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
    expect(readOwnerMap(JSON.stringify([one]))).toEqual([one]);
  });
});

describe.each(placeNames)('a backup of a vault in %s', (name) => {
  async function backedUp() {
    const place = await freshPlace(name);
    const store = await openPlace(place);
    const filled = await fill(store);
    const folder = tempFolder();
    const file = join(folder, 'backup');
    const counts = await writeArchive(file, store, store.keys);
    return { place, store, file, folder, counts, ...filled };
  }

  it('229. restores everything into an empty place, of either kind, with what owners saw of MCP servers', async () => {
    const { store, place, file, counts, shared } = await backedUp();
    expect(counts).toEqual({ records: 10, auditLines: 3 });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    for (const kind of placeNames) {
      const archive = await openArchive(file, place.key);
      const target = await adopting({ ...(await freshPlace(kind)), key: place.key }, archive.keys);
      expect(await copyVault(archive, target, same)).toMatchObject({ records: { credential: 6 }, auditLines: 3 });
      expect(await secretAt(target, ann, shared.id)).toEqual(apiKeySecret());
      expect(await seenAt(target, ann, shared.id)).toEqual({ row: 1, version: 1, ...seen });
      await target.close();
    }
    await store.close();
  });

  it('39. shows nothing: no secret, no name, no owner', async () => {
    const { store, folder } = await backedUp();
    for (const content of (await filesBelow(folder)).values()) {
      for (const word of [...spellingsOf(canary), 'github', 'credential.use', 'user:bob']) {
        expect(content.includes(word), word).toBe(false);
      }
    }
    await store.close();
  });

  it('30. 31. that was altered, cut short, or put together from two, is refused', async () => {
    const { store, place, file } = await backedUp();
    const whole = await readFile(file, 'utf8');
    const lines = whole.trimEnd().split('\n');
    const [first = '', ...chunks] = lines;
    expect(chunks.length).toBe(3);
    const other = `${file}-2`;
    await writeArchive(other, store, store.keys);
    const [otherFirst = '', ...otherChunks] = (await readFile(other, 'utf8')).trimEnd().split('\n');
    const flipped = (text: string) => `${text.slice(0, 60)}${text[60] === 'A' ? 'B' : 'A'}${text.slice(61)}`;
    const wrong = [
      '',
      first,
      ...chunks.map((_, at) => [first, ...chunks.slice(0, at)].join('\n')),
      ...chunks.map((chunk, at) => [first, ...chunks.with(at, flipped(chunk))].join('\n')),
      [first, chunks[1], chunks[0], chunks[2]].join('\n'),
      [first, chunks[0], otherChunks[1], chunks[2]].join('\n'),
      [otherFirst, ...chunks].join('\n'),
      [first.replace('"keywardBackup":2,', '"keywardBackup":2,"x":1,'), ...chunks].join('\n'),
      whole.slice(0, -20),
      '{"keywardBackup":2}\nx\n',
      '{"keywardBackup":1}\nx\n',
    ];
    const damagedFile = `${file}-damaged`;
    for (const text of wrong) {
      await writeFile(damagedFile, text);
      const reading = openArchive(damagedFile, place.key).then(async (archive) => {
        for await (const _ of archive.scan());
      });
      await expect(reading, text.slice(0, 40)).rejects.toMatchObject({ code: 'vault_damaged' });
    }
    for (const nothing of [`${file}-none`, dirname(file)]) {
      await expect(openArchive(nothing, place.key)).rejects.toMatchObject({ code: 'not_found' });
    }
    await writeFile(damagedFile, '{"keywardBackup":3}\n');
    await expect(openArchive(damagedFile, place.key)).rejects.toMatchObject({ code: 'vault_newer' });
    await store.close();
  });

  it('takes no other file’s place, and opens with a passphrase of its own if it was given one', async () => {
    const { store, place, folder, file } = await backedUp();
    await expect(writeArchive(file, store, store.keys)).rejects.toMatchObject({ code: 'conflict' });
    const passphrase = 'correct horse battery';
    const second = join(folder, 'second');
    await writeArchive(second, store, await underPassphrase(store, place.key, passphrase));
    await expect(openArchive(second, place.key)).rejects.toMatchObject({ code: 'key_missing' });
    const { fallbackKeyFile, keychain } = place.key;
    const wrong = { passphrase: 'another long passphrase', fallbackKeyFile, keychain };
    await expect(openArchive(second, wrong)).rejects.toMatchObject({ code: 'key_wrong' });
    const archive = await openArchive(second, { ...wrong, passphrase });
    expect(archive.keyring.dataKeys).toEqual(store.keyring.dataKeys);
    expect([...(await filesBelow(folder)).keys()].sort()).toEqual([file, second]);
    await store.close();
  });
});
