/** What the file store does with a file that is not what it wrote. */
import { copyFile, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { KeyHeader } from '../../src/seal/key-header.ts';
import { check, decodeVault } from '../../src/store/json/format.ts';
import { openVault } from '../../src/vault/open.ts';
import { ann, apiKeySecret, canary, credentialRow, newCredential, vaultFolder } from '../support/vault/vault-folder.ts';

const damaged = { code: 'vault_damaged' };
const insert = (row = credentialRow()) => [{ op: 'insert' as const, kind: 'credential' as const, row }];

/** A vault with one credential, closed. */
async function vaultWithOne() {
  const place = vaultFolder();
  const store = await place.open();
  const vault = await openVault(store);
  await vault.commit([{ op: 'create', kind: 'credential', record: newCredential(), secret: apiKeySecret() }]);
  await vault.close();
  return { ...place, keyring: store.keyring, bytes: await readFile(place.file) };
}

/** Opening fails with this code and leaves the file as it is. */
async function refuses(place: Awaited<ReturnType<typeof vaultWithOne>>, bytes: Buffer, ...codes: string[]) {
  await writeFile(place.file, bytes);
  const error = await place.open().then(
    () => undefined,
    (thrown: unknown) => thrown as { code: string; message: string },
  );
  expect(codes).toContain(error?.code);
  expect(error?.message).not.toContain(canary);
  expect((await readFile(place.file)).equals(bytes)).toBe(true);
}

describe('a vault file', () => {
  it('30. any bit of the file flipped is a typed error, and no plaintext comes out', async () => {
    const place = await vaultWithOne();
    const { bytes, keyring } = place;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = flip(bytes, bit);
      expect(() => check(decodeVault(flipped), keyring)).toThrow(expect.objectContaining({ name: 'KeywardError' }));
    }
    // The whole way, for a sample that reaches every part of the file.
    for (let bit = 0; bit < bytes.length * 8; bit += 61) {
      await refuses(place, flip(bytes, bit), 'vault_damaged', 'vault_newer', 'key_wrong', 'key_missing');
    }
  });

  it('31. truncated at any byte is refused and never starts empty', async () => {
    const place = await vaultWithOne();
    for (let length = 0; length < place.bytes.length; length++) {
      await refuses(place, place.bytes.subarray(0, length), 'vault_damaged');
    }
  });

  it('with anything appended is refused', async () => {
    const place = await vaultWithOne();
    for (const tail of ['\n', ' ', '{}', '\0']) {
      await refuses(place, Buffer.concat([place.bytes, Buffer.from(tail)]), 'vault_damaged');
    }
  });

  it('of a newer format is refused as such, whatever follows', async () => {
    const place = await vaultWithOne();
    await refuses(place, Buffer.from('{"keyward":3,"anything":true}'), 'vault_newer');
    await refuses(place, Buffer.from('{"keyward":10,'), 'vault_newer');
  });

  it('with any edited header is refused', async () => {
    const place = await vaultWithOne();
    const text = place.bytes.toString();
    const end = text.indexOf(',"rows":[');
    const header = JSON.parse(`${text.slice(0, end)}}`) as Record<string, unknown>;
    const keys = header.keys as KeyHeader;
    const { outer } = keys;
    const [keyId = '', record] = Object.entries(keys.dataKeys)[0] ?? [];
    const passphrase = { ...outer, source: 'passphrase', salt: 'AAAA', memoryBytes: 2 ** 40, passes: 2 };
    const inKeys: [Record<string, unknown>, ...string[]][] = [
      [{ vaultId: '00000000-0000-4000-8000-000000000000' }, 'key_wrong'],
      [{ vaultId: 7 }, 'vault_damaged'],
      [{ revision: 2 }, 'vault_damaged'],
      [{ dataKeys: {} }, 'vault_damaged'],
      [{ dataKeys: { [keyId]: { ...record, wrapped: 'AAAA' } } }, 'vault_damaged'],
      [{ dataKeys: { [keyId]: { ...record, state: 'opens' } } }, 'vault_damaged'],
      [{ dataKeys: { '0000000000000000': record } }, 'vault_damaged'],
      [{ dataKeys: [] }, 'vault_damaged'],
      [{ outer: null }, 'vault_damaged'],
      [{ outer: { ...outer, source: 'nowhere' } }, 'vault_damaged'],
      [{ outer: { ...outer, source: 'passphrase' } }, 'vault_damaged'],
      [{ outer: { ...outer, fingerprint: '00' } }, 'key_wrong'],
      [{ outer: passphrase }, 'key_missing'],
      [{ outer: { ...outer, source: 'file' } }, 'vault_damaged'],
      [{ mac: '' }, 'vault_damaged'],
      [{ extra: true }, 'vault_damaged'],
    ];
    const edits: [Record<string, unknown>, ...string[]][] = [
      [{ generation: 1 }, 'vault_damaged'],
      [{ generation: 99 }, 'vault_damaged'],
      [{ generation: '2' }, 'vault_damaged'],
      [{ keys: null }, 'vault_damaged'],
      [{ extra: true }, 'vault_damaged'],
      ...inKeys.map(([edit, ...codes]): [Record<string, unknown>, ...string[]] => [
        { keys: { ...keys, ...edit } },
        ...codes,
      ]),
    ];
    for (const [edit, ...codes] of edits) {
      const edited = JSON.stringify({ ...header, ...edit }).slice(0, -1) + text.slice(end);
      await refuses(place, Buffer.from(edited), ...codes);
    }
  });

  it('whose rows were removed, repeated or reordered is refused', async () => {
    const place = await vaultWithOne();
    const store = await place.open();
    await store.commit(insert());
    await store.close();
    const lines = (await readFile(place.file)).toString().split('\n');
    const [head = '', one = '', two = '', tail = ''] = lines;
    const bare = (line: string) => line.replace(/,$/, '');
    const edits = [
      [head, bare(one), tail, ''],
      [head, tail, ''],
      [head, `${bare(two)},`, bare(one), tail, ''],
      [head, `${bare(one)},`, bare(one), tail, ''],
    ];
    for (const edited of edits) await refuses(place, Buffer.from(edited.join('\n')), 'vault_damaged');
  });

  it('33. replaced by an older state while running is refused, and works again when it is put right', async () => {
    const place = vaultFolder();
    const store = await place.open();
    const [first, second] = [credentialRow(), credentialRow()];
    await store.commit(insert(first));
    await copyFile(place.file, `${place.file}.backup`);
    await store.commit(insert(second));
    await rename(place.file, `${place.file}.newest`);
    await copyFile(`${place.file}.backup`, place.file);
    await expect(store.get('credential', ann, first.id)).rejects.toMatchObject(damaged);
    await expect(store.commit(insert())).rejects.toMatchObject(damaged);
    await rename(`${place.file}.newest`, place.file);
    expect(await store.get('credential', ann, second.id)).toEqual(second);
  });

  it('33. replaced by another history of the same length is refused', async () => {
    const place = vaultFolder();
    const store = await place.open();
    await store.commit(insert());
    await copyFile(place.file, `${place.file}.backup`);
    await store.commit(insert());
    await copyFile(`${place.file}.backup`, `${place.file}.fork`);
    await rename(`${place.file}.fork`, place.file);
    const other = await place.open();
    await other.commit(insert());
    await expect(store.list('credential', ann, {}, { limit: 1 })).rejects.toMatchObject(damaged);
  });

  it('replaced by another vault under the same key is refused while running', async () => {
    const [here, there] = [vaultFolder(), vaultFolder()];
    const store = await here.open();
    const other = await there.open({ key: here.key });
    await other.commit(insert());
    await copyFile(there.file, here.file);
    await expect(store.list('credential', ann, {}, { limit: 1 })).rejects.toMatchObject(damaged);
  });

  it('that vanishes while running is an error, not an empty vault', async () => {
    const place = vaultFolder();
    const store = await place.open();
    await store.commit(insert());
    await rm(place.file);
    await expect(store.list('credential', ann, {}, { limit: 1 })).rejects.toMatchObject(damaged);
    await expect(store.commit(insert())).rejects.toMatchObject(damaged);
    expect(await readdir(place.data)).not.toContain('vault.json');
  });

  it('that is gone while remains of a write are there is not replaced by a new vault', async () => {
    const place = await vaultWithOne();
    await rm(place.file);
    await writeFile(path.join(place.data, 'vault.json.tmp-0011223344556677'), place.bytes.subarray(0, 100));
    await expect(place.open()).rejects.toMatchObject(damaged);
    expect(await readdir(place.data)).not.toContain('vault.json');
  });

  it('is made again when only the very first write was interrupted', async () => {
    const place = vaultFolder();
    const first = await place.open();
    await first.close();
    await rename(place.file, path.join(place.data, 'vault.json.new-0011223344556677'));
    const store = await place.open();
    await store.commit(insert());
    expect((await readdir(place.data)).filter((name) => name.includes('.new-'))).toEqual([]);
  });

  it('that is a folder, a link to nothing or a link to a vault is refused', async () => {
    const real = await vaultWithOne();
    const places = [vaultFolder(), vaultFolder()];
    const targets = [path.join(real.root, 'nothing'), real.file];
    for (const [at, place] of places.entries()) {
      const store = await place.open();
      await store.close();
      await rm(place.file);
      await symlink(targets[at] ?? '', place.file);
      await expect(place.open({ key: real.key })).rejects.toMatchObject(damaged);
    }
    expect((await readFile(real.file)).equals(real.bytes)).toBe(true);
    expect(await readdir(real.root)).not.toContain('nothing');
  });
});

it('34. a wrong key is key_wrong, a missing one key_missing, and the file stays as it is', async () => {
  const place = await vaultWithOne();
  await expect(place.open({ key: vaultFolder().key })).rejects.toMatchObject({ code: 'key_wrong' });
  await expect(place.open({ key: place.noKey })).rejects.toMatchObject({ code: 'key_missing' });
  expect((await readFile(place.file)).equals(place.bytes)).toBe(true);
});

function flip(bytes: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}
