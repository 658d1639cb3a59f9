import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { openVault } from '../../src/vault/open.ts';
import type { AttemptSecret, Credential, New, Vault } from '../../src/vault/vault.ts';
import { ann, apiKeySecret, attemptRow, bob, newCredential, vaultFolder } from '../support/vault/vault-folder.ts';

async function openFresh(place = vaultFolder()): Promise<{ vault: Vault; store: Store; place: typeof place }> {
  const store = await place.open();
  const vault = await openVault(store);
  onTestFinished(() => vault.close());
  return { vault, store, place };
}

async function create(vault: Vault, changed: Partial<New<Credential>> = {}, apiKey?: string): Promise<Credential> {
  const record = newCredential(changed);
  await vault.commit([{ op: 'create', kind: 'credential', record, secret: apiKeySecret(apiKey) }]);
  const stored = await vault.get('credential', { tenant: record.tenant, user: record.owner }, record.id);
  if (stored === undefined) throw new Error('not stored');
  return stored;
}

const read = async (vault: Vault, { id }: { id: string }): Promise<Credential> => {
  const found = await vault.get('credential', ann, id);
  if (found === undefined) throw new Error('not found');
  return found;
};

describe('a vault', () => {
  it('answers a record without its sealed part, and its secret only when it is opened', async () => {
    const { vault } = await openFresh();
    const credential = await create(vault, {}, 'k1');
    expect(credential).not.toHaveProperty('sealed');
    expect((await vault.list('credential', ann, {}, { limit: 5 }))[0]).toEqual(credential);
    expect(credential).toMatchObject({ version: 1, secretVersion: 1, createdAt: credential.updatedAt });
    expect(await vault.open('credential', credential)).toEqual(apiKeySecret('k1'));
  });

  it('keeps the secret and its version when only metadata changes, and counts both when the secret does', async () => {
    const { vault } = await openFresh();
    const first = await create(vault, {}, 'k1');
    await vault.commit([{ op: 'update', kind: 'credential', record: { ...first, name: 'renamed' } }]);
    const second = await read(vault, first);
    expect(second).toMatchObject({ name: 'renamed', version: 2, secretVersion: 1 });
    expect(await vault.open('credential', second)).toEqual(apiKeySecret('k1'));
    await vault.commit([{ op: 'update', kind: 'credential', record: second, secret: apiKeySecret('k2') }]);
    const third = await read(vault, first);
    expect(third).toMatchObject({ version: 3, secretVersion: 2 });
    // A reader that still holds the old record gets what is there now.
    expect(await vault.open('credential', first)).toEqual(apiKeySecret('k2'));
  });

  it('refuses an update or a delete that was made from an older record', async () => {
    const { vault } = await openFresh();
    const old = await create(vault);
    await vault.commit([{ op: 'update', kind: 'credential', record: old }]);
    const late = [
      [{ op: 'update' as const, kind: 'credential' as const, record: old, secret: apiKeySecret('late') }],
      [{ op: 'update' as const, kind: 'credential' as const, record: old }],
      [{ op: 'delete' as const, kind: 'credential' as const, record: old }],
    ];
    for (const changes of late) await expect(vault.commit(changes)).rejects.toMatchObject({ code: 'conflict' });
    expect(await vault.open('credential', old)).toEqual(apiKeySecret());
  });

  it('stores a credential and the end of its attempt together or not at all', async () => {
    const { vault } = await openFresh();
    const { sealed, version, secretVersion, createdAt, updatedAt, ...record } = attemptRow();
    const secret: AttemptSecret = { codeVerifier: 'v', key: 'k', inputs: {}, device: null };
    await vault.commit([{ op: 'create', kind: 'attempt', record, secret }]);
    const attempt = await vault.findAttempt(record.id);
    if (attempt === undefined) throw new Error('not stored');
    expect(await vault.open('attempt', attempt)).toEqual(secret);
    const finish = (credential: New<Credential>) =>
      vault.commit([
        { op: 'update', kind: 'attempt', record: { ...attempt, status: 'completed', credentialId: credential.id } },
        { op: 'create', kind: 'credential', record: credential, secret: apiKeySecret() },
      ]);
    const [one, two] = [newCredential(), newCredential()];
    await finish(one);
    await expect(finish(two)).rejects.toMatchObject({ code: 'conflict' });
    expect(await vault.get('credential', ann, two.id)).toBeUndefined();
    expect((await vault.findAttempt(record.id))?.credentialId).toBe(one.id);
  });

  it('opens a secret anew once it was replaced, and answers one that nobody can change', async () => {
    const { vault } = await openFresh();
    const credential = await create(vault, {}, 'k1');
    const opened = await vault.open('credential', credential);
    expect(() => Object.assign(opened, { inputs: {} })).toThrow(TypeError);
    expect(() => Object.assign('inputs' in opened ? opened.inputs : {}, { apiKey: 'k3' })).toThrow(TypeError);
    await vault.commit([{ op: 'update', kind: 'credential', record: credential, secret: apiKeySecret('k2') }]);
    expect(await vault.open('credential', credential)).toEqual(apiKeySecret('k2'));
  });

  it('says not_found for the secret of a record that is gone', async () => {
    const { vault } = await openFresh();
    const credential = await create(vault);
    await vault.commit([{ op: 'delete', kind: 'credential', record: credential }]);
    await expect(vault.open('credential', credential)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('32. does not open a secret that was put into the record of another owner, id, kind or version', async () => {
    const { vault, store } = await openFresh();
    const mine = await create(vault, {}, 'mine');
    const theirs = await create(vault, { owner: 'bob' }, 'theirs');
    const rows = {
      mine: await store.get('credential', ann, mine.id),
      theirs: await store.get('credential', bob, theirs.id),
    };
    if (rows.mine === undefined || rows.theirs === undefined) throw new Error('not stored');
    const swap = {
      kind: 'credential',
      owner: ann,
      id: mine.id,
      from: rows.mine.sealed,
      to: rows.theirs.sealed,
    } as const;
    await store.reseal([swap]);
    await expect(vault.open('credential', mine)).rejects.toMatchObject({ code: 'vault_damaged' });
    await store.reseal([{ ...swap, from: swap.to, to: swap.from }]);
    // The store takes any row; only somebody with the data key could write one like this.
    const planted = [
      { ...rows.theirs, id: randomUUID(), owner: 'ann' },
      { ...rows.mine, id: randomUUID() },
      { ...rows.mine, id: randomUUID(), tenant: 'other' },
      { ...rows.mine, secretVersion: 2 },
    ];
    for (const row of planted) {
      const change =
        row.id === mine.id
          ? { op: 'update' as const, kind: 'credential' as const, row, ifVersion: 1 }
          : { op: 'insert' as const, kind: 'credential' as const, row };
      await store.commit([change]);
      const record = await vault.get('credential', { tenant: row.tenant, user: row.owner }, row.id);
      if (record === undefined) throw new Error('not stored');
      await expect(vault.open('credential', record)).rejects.toMatchObject({ code: 'vault_damaged' });
    }
    const { sealed, version, secretVersion, createdAt, updatedAt } = rows.mine;
    const attempt = attemptRow({ id: mine.id, sealed, version, secretVersion, createdAt, updatedAt });
    await store.commit([{ op: 'insert', kind: 'attempt', row: attempt }]);
    await expect(vault.open('attempt', attempt)).rejects.toMatchObject({ code: 'vault_damaged' });
  });

  it('notes use lazily: nothing is written at once, everything at close', async () => {
    const place = vaultFolder();
    const { vault, store } = await openFresh(place);
    const credentials = [await create(vault), await create(vault)];
    for (const credential of credentials) for (let at = 0; at < 100; at++) vault.touch(credential);
    await sleep(20);
    expect((await store.list('credential', ann, {}, { limit: 5 })).map(({ lastUsedAt }) => lastUsedAt)).toEqual([
      null,
      null,
    ]);
    const before = Date.now();
    await vault.close();
    const again = await openFresh(place);
    for (const { lastUsedAt, version } of await again.vault.list('credential', ann, {}, { limit: 5 })) {
      expect(lastUsedAt).toBeGreaterThan(before - 10_000);
      expect(version).toBe(1);
    }
  });

  it('proves to other processes on the same vault, and only to them, that it has the key', async () => {
    const place = vaultFolder();
    const { vault } = await openFresh(place);
    const proof = vault.proof('callback-port', '7355:nonce');
    expect(proof).toMatch(/^[0-9a-f]{64}$/);
    expect((await openFresh(place)).vault.proof('callback-port', '7355:nonce')).toBe(proof);
    const others = [
      vault.proof('callback-port', '7356:nonce'),
      vault.proof('other', '7355:nonce'),
      vault.proof('callback-por', 't7355:nonce'),
      (await openFresh()).vault.proof('callback-port', '7355:nonce'),
    ];
    expect(others).not.toContain(proof);
  });
});
