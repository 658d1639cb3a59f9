/** Files, modes, links and faults of the file store. */
import { chmodSync, statSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Disk, type NewFile, realDisk } from '../../src/store/json/disk.ts';
import { openVault } from '../../src/vault/open.ts';
import {
  ann,
  apiKeySecret,
  canary,
  credentialRow,
  filesBelow,
  newCredential,
  tempFolder,
  vaultFolder,
} from '../support/vault/vault-folder.ts';

const insert = (row = credentialRow()) => [{ op: 'insert' as const, kind: 'credential' as const, row }];
const mode = async (file: string) => ((await stat(file)).mode & 0o777).toString(8);
const everything = { limit: 100 };

/** The real disk with some calls changed, for every file of it. */
function diskWith(changed: Partial<Disk>, file: (real: NewFile) => Partial<NewFile> = () => ({})): Disk {
  return {
    ...realDisk,
    create: async (name) => {
      const real = await realDisk.create(name);
      return { ...real, ...file(real) };
    },
    ...changed,
  };
}

function fails(code: string): () => Promise<never> {
  return () => Promise.reject(Object.assign(new Error(code), { code }));
}

describe('the files of a vault', () => {
  it('36. with umask 000, vault, temporary file, locks, audit log and key file are 0600 and folders 0700', async () => {
    const before = process.umask(0);
    onTestFinished(() => void process.umask(before));
    const place = vaultFolder();
    const temporary: number[] = [];
    const disk = diskWith({
      async rename(from, to) {
        temporary.push(statSync(from).mode & 0o777);
        await realDisk.rename(from, to);
      },
    });
    const store = await place.open({ disk, key: place.noKey });
    await store.commit(insert());
    await store.appendAudit(['{}']);
    await store.withLease('x', { waitMs: 0 }, async () => undefined);
    expect(temporary).toEqual([0o600, 0o600]);
    const entries = await readdir(place.root, { recursive: true, withFileTypes: true });
    expect(entries.map((entry) => entry.name)).toEqual(
      expect.arrayContaining(['vault.json', 'vault.json.lock', 'audit.log', 'audit.log.lock', 'vault.key']),
    );
    for (const entry of entries) {
      expect([entry.name, await mode(path.join(entry.parentPath, entry.name))]).toEqual([
        entry.name,
        entry.isDirectory() ? '700' : '600',
      ]);
    }
  });

  it('36. that others could read are tightened when the vault is opened', async () => {
    const place = vaultFolder();
    const store = await place.open();
    await store.commit(insert());
    await store.appendAudit(['{}']);
    await store.close();
    for (const name of await readdir(place.data)) await chmod(path.join(place.data, name), 0o644);
    await chmod(place.data, 0o755);
    const again = await place.open();
    expect(await mode(place.data)).toBe('700');
    expect(await mode(place.file)).toBe('600');
    await again.commit(insert());
    await again.appendAudit(['{}']);
    for (const name of ['vault.json', 'vault.json.lock', 'audit.log', 'audit.log.lock']) {
      expect([name, await mode(path.join(place.data, name))]).toEqual([name, '600']);
    }
  });

  it('leave a folder that holds other things as open as it was', async () => {
    const place = vaultFolder();
    await mkdir(place.data);
    chmodSync(place.data, 0o755);
    await writeFile(path.join(place.data, 'letter.txt'), '');
    await (await place.open()).close();
    expect(await mode(place.data)).toBe('755');
  });

  it('37. a symbolic link in the place of the vault, a lock, the audit log or a temporary file is refused, its target untouched', async () => {
    const target = path.join(tempFolder(), 'target');
    await writeFile(target, 'mine');
    const linked = async (name: string) => {
      const place = vaultFolder();
      await mkdir(place.data);
      await symlink(target, path.join(place.data, name));
      return place;
    };
    await expect((await linked('vault.json')).open()).rejects.toMatchObject({ code: 'vault_damaged' });
    await expect((await linked('vault.json.lock')).open()).rejects.toMatchObject({ code: 'storage_failed' });
    const store = await (await linked('audit.log')).open();
    await expect(store.appendAudit(['{}'])).rejects.toMatchObject({ code: 'audit_unavailable' });
    const place = await linked('guessed');
    await expect(realDisk.create(path.join(place.data, 'guessed'))).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await readFile(target, 'utf8')).toBe('mine');
  });

  it('37. a vault that becomes a symbolic link while running is refused, its target untouched', async () => {
    const place = vaultFolder();
    const store = await place.open();
    await store.commit(insert());
    const moved = path.join(place.root, 'moved.json');
    await realDisk.rename(place.file, moved);
    const before = await readFile(moved);
    await symlink(moved, place.file);
    await expect(store.commit(insert())).rejects.toMatchObject({ code: 'vault_damaged' });
    await expect(store.list('credential', ann, {}, everything)).rejects.toMatchObject({ code: 'vault_damaged' });
    expect((await readFile(moved)).equals(before)).toBe(true);
  });

  it('39. hold no secret, no owner and no connector in any encoding', async () => {
    const place = vaultFolder();
    const vault = await openVault(await place.open({ key: place.noKey }));
    const record = newCredential({ name: canary, connectorId: canary, owner: canary, inputs: { canary } });
    await vault.commit([{ op: 'create', kind: 'credential', record, secret: apiKeySecret() }]);
    const stored = await vault.get('credential', { tenant: record.tenant, user: canary }, record.id);
    if (stored === undefined) throw new Error('not stored');
    await vault.commit([{ op: 'update', kind: 'credential', record: stored, secret: apiKeySecret() }]);
    await vault.audit({ tenant: 't', user: 'u', action: 'credential.release', subject: record.id, outcome: 'allowed' });
    await vault.close();
    const needles = [canary, Buffer.from(canary).toString('hex'), record.id].flatMap((text) =>
      // Base64 shows a text in three ways, depending on where in a group of three bytes it begins.
      [
        text,
        ...[0, 1, 2].map((at) =>
          Buffer.from(' '.repeat(at) + text)
            .toString('base64')
            .slice(4, -4),
        ),
      ],
    );
    const files = await filesBelow(place.root);
    expect(files.size).toBeGreaterThan(3);
    for (const [name, bytes] of files) {
      for (const needle of needles) {
        if (name.endsWith('audit.log') && needle === record.id) continue;
        expect([name, bytes.includes(needle)]).toEqual([name, false]);
      }
    }
  });

  it('are cleared of what killed writers left', async () => {
    const place = vaultFolder();
    await (await place.open()).close();
    const left = ['vault.json.tmp-0011223344556677', 'vault.json.new-0011223344556677'];
    for (const name of left) await writeFile(path.join(place.data, name), 'x');
    await writeFile(path.join(place.data, 'vault.json.backup'), 'x');
    await place.open();
    const names = await readdir(place.data);
    for (const name of left) expect(names).not.toContain(name);
    expect(names).toContain('vault.json.backup');
  });

  it('keep the temporary file of a live writer when another process starts', async () => {
    const place = vaultFolder();
    let seen: string[] = [];
    const disk = diskWith({
      async rename(from, to) {
        if (from.includes('.tmp-')) {
          await (await place.open()).close();
          seen = await readdir(place.data);
        }
        await realDisk.rename(from, to);
      },
    });
    await (await place.open({ disk })).commit(insert());
    expect(seen.filter((name) => name.includes('.tmp-'))).toHaveLength(1);
  });

  it('never get the inode of a file that a process still trusts', async () => {
    const place = vaultFolder();
    const [reader, writer] = [await place.open(), await place.open()];
    await reader.list('credential', ann, {}, everything);
    const { ino } = await stat(place.file);
    for (let at = 0; at < 20; at++) {
      await writer.commit(insert());
      expect((await stat(place.file)).ino).not.toBe(ino);
    }
  });

  it('that can no longer be looked at are a storage error, and open again once they can', async () => {
    const place = vaultFolder();
    const row = credentialRow();
    const store = await place.open();
    await store.commit(insert(row));
    await rename(place.data, `${place.data}.aside`);
    await writeFile(place.data, 'a file where the folder was');
    await expect(store.get('credential', ann, row.id)).rejects.toMatchObject({ code: 'storage_failed' });
    await rm(place.data);
    await rename(`${place.data}.aside`, place.data);
    expect(await store.get('credential', ann, row.id)).toEqual(row);
  });

  it('may lie on a path with spaces, quotes and other alphabets', async () => {
    const place = vaultFolder(path.join(tempFolder(), 'a \'ü 鍵" b'));
    const row = credentialRow();
    await (await place.open()).commit(insert(row));
    expect(await (await place.open()).get('credential', ann, row.id)).toEqual(row);
  });
});

describe('a disk that fails', () => {
  const faults: [string, string, (real: NewFile) => Partial<NewFile>, Partial<Disk>][] = [
    ['full at the write', 'storage_full', () => ({ write: fails('ENOSPC') }), {}],
    ['over quota at the write', 'storage_full', () => ({ write: fails('EDQUOT') }), {}],
    ['full after a part', 'storage_full', (real) => ({ write: fullAfter(real, 100) }), {}],
    ['that takes nothing', 'storage_failed', () => ({ write: async () => 0 }), {}],
    ['broken at the write', 'storage_failed', () => ({ write: fails('EIO') }), {}],
    ['broken at the sync', 'storage_failed', () => ({ sync: fails('EIO') }), {}],
    [
      'that cuts files short',
      'storage_failed',
      (real) => ({ stat: async () => Object.assign(await real.stat(), { size: 1n }) }),
      {},
    ],
    ['read-only at the rename', 'storage_readonly', () => ({}), { rename: fails('EROFS') }],
    ['forbidden at the rename', 'storage_readonly', () => ({}), { rename: fails('EACCES') }],
  ];
  for (const [what, code, file, calls] of faults) {
    it(`${what} gives ${code}, keeps the old state readable and works again without a restart`, async () => {
      const place = vaultFolder();
      let broken = false;
      const faulty = diskWith(calls, file);
      const store = await place.open({
        disk: {
          ...realDisk,
          create: (name) => (broken ? faulty : realDisk).create(name),
          rename: (from, to) => (broken ? faulty : realDisk).rename(from, to),
        },
      });
      const [old, lost, later] = [credentialRow(), credentialRow(), credentialRow()];
      await store.commit(insert(old));
      const before = await readFile(place.file);
      const generation = (bytes: Buffer) => Number(/"generation":(\d+)/.exec(bytes.toString())?.[1]);
      broken = true;
      const both = [
        store.commit(insert(lost)),
        store.commit([{ op: 'update', kind: 'credential', row: { ...old, version: 2, name: 'lost' }, ifVersion: 1 }]),
      ];
      for (const { status, reason } of (await Promise.allSettled(both)) as PromiseRejectedResult[]) {
        expect([status, reason.code]).toEqual(['rejected', code]);
      }
      expect((await readFile(place.file)).equals(before)).toBe(true);
      expect(await store.list('credential', ann, {}, everything)).toEqual([old]);
      expect((await readdir(place.data)).filter((name) => name.includes('.tmp-'))).toEqual([]);
      broken = false;
      await store.commit(insert(later));
      expect(generation(await readFile(place.file))).toBe(generation(before) + 1);
      expect((await store.list('credential', ann, {}, everything)).map(({ id }) => id).sort()).toEqual(
        [old.id, later.id].sort(),
      );
      expect((await (await place.open()).list('credential', ann, {}, everything)).length).toBe(2);
    });
  }

  it('syncs a file once: after a failed sync it is thrown away', async () => {
    const place = vaultFolder();
    let syncs = 0;
    let broken = false;
    const disk = diskWith({}, (real) => ({
      sync: async () => {
        syncs += 1;
        if (broken) await fails('EIO')();
        await real.sync();
      },
    }));
    const store = await place.open({ disk });
    broken = true;
    syncs = 0;
    await expect(store.commit(insert())).rejects.toMatchObject({ code: 'storage_failed' });
    expect(syncs).toBe(1);
  });

  it('that takes a few bytes at a time still gets every byte', async () => {
    const place = vaultFolder();
    const disk = diskWith({}, (real) => ({
      write: (bytes, position) => real.write(bytes.subarray(0, 100), position),
    }));
    const row = credentialRow();
    await (await place.open({ disk })).commit(insert(row));
    expect(await (await place.open()).get('credential', ann, row.id)).toEqual(row);
  });

  it('that fails at the folder sync says that the outcome is not known, and shows what is in the file', async () => {
    const place = vaultFolder();
    let broken = false;
    const disk = diskWith({ syncFolder: (folder) => (broken ? fails('EIO')() : realDisk.syncFolder(folder)) });
    const store = await place.open({ disk });
    const row = credentialRow();
    broken = true;
    await expect(store.commit(insert(row))).rejects.toMatchObject({
      code: 'storage_failed',
      details: { ambiguous: true },
    });
    expect(await store.get('credential', ann, row.id)).toEqual(row);
    broken = false;
    await store.commit(insert());
    expect((await store.list('credential', ann, {}, everything)).length).toBe(2);
  });

  it('leaves no audit line behind that failed, and audits again afterwards', async () => {
    const place = vaultFolder();
    await mkdir(place.audit, { recursive: true });
    const store = await place.open();
    await expect(store.appendAudit(['{"lost":1}'])).rejects.toMatchObject({ code: 'audit_unavailable' });
    await realDisk.rename(place.audit, `${place.audit}.moved`);
    await store.appendAudit(['{"kept":1}']);
    expect(await readFile(place.audit, 'utf8')).toBe('{"kept":1}\n');
  });
});

describe('the audit log', () => {
  it('closes off a line that a crash cut short, and keeps it', async () => {
    const place = vaultFolder();
    const store = await place.open();
    await store.appendAudit(['{"a":1}']);
    await writeFile(place.audit, '{"a":1}\n{"b":', { mode: 0o600 });
    await store.appendAudit(['{"c":1}']);
    expect(await readFile(place.audit, 'utf8')).toBe('{"a":1}\n{"b":\n{"c":1}\n');
  });

  it('that was moved away to archive it goes on in a new file', async () => {
    const place = vaultFolder();
    const store = await place.open();
    await store.appendAudit(['{"a":1}']);
    await realDisk.rename(place.audit, `${place.audit}.1`);
    await store.appendAudit(['{"b":1}']);
    expect(await readFile(place.audit, 'utf8')).toBe('{"b":1}\n');
  });

  it('reads lines that are longer than what is read at once', async () => {
    const store = await vaultFolder().open();
    const lines = ['x'.repeat(200_000), 'y', `${'ü'.repeat(100_000)}z`];
    await store.appendAudit(lines);
    const read: string[] = [];
    for await (const line of store.readAudit()) read.push(line);
    expect(read).toEqual(lines);
  });
});

it('a lock that somebody else keeps is vault_busy after the wait, and nothing is written', async () => {
  const place = vaultFolder();
  const waiting = await place.open({ lockWaitMs: 50 });
  const disk = diskWith({
    async rename(from, to) {
      if (from.includes('.tmp-')) await expect(waiting.commit(insert())).rejects.toMatchObject({ code: 'vault_busy' });
      await realDisk.rename(from, to);
    },
  });
  await (await place.open({ disk })).commit(insert());
  expect((await waiting.list('credential', ann, {}, everything)).length).toBe(1);
});

it('a lock file that was removed or replaced does not let two writers in', async () => {
  const place = vaultFolder();
  const first = await place.open({ lockWaitMs: 50 });
  await first.commit(insert());
  await unlink(`${place.file}.lock`);
  const disk = diskWith({
    async rename(from, to) {
      await expect(first.commit(insert())).rejects.toMatchObject({ code: 'vault_busy' });
      await realDisk.rename(from, to);
    },
  });
  await (await place.open({ disk })).commit(insert());
  await first.commit(insert());
  expect((await first.list('credential', ann, {}, everything)).length).toBe(3);
});

/** A disk with this many bytes left. */
function fullAfter(real: NewFile, left: number): NewFile['write'] {
  return async (bytes, position) => {
    if (position >= left) return fails('ENOSPC')();
    return real.write(bytes.subarray(0, left - position), position);
  };
}
