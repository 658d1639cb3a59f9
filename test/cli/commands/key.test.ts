/** `keyward key …` as the built program, on a vault in a file. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../../src/store/open.ts';
import { keywardMain } from '../../support/clients/mcp-clients.ts';
import { credentialRow } from '../../support/vault/rows.ts';

const run = promisify(execFile);
const key = randomBytes(32).toString('hex');

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'keyward-cli-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** Runs `keyward` with this outer key; rejects with its exit code. */
const keyward = async (env: Record<string, string>, ...args: readonly string[]) =>
  (await run(process.execPath, [keywardMain, ...args], { env: { PATH: process.env.PATH, KEYWARD_HOME: home, ...env } }))
    .stdout;

async function newKeyFile(): Promise<string> {
  const file = join(home, 'new.key');
  await writeFile(file, randomBytes(32).toString('base64'), { mode: 0o600 });
  return file;
}

describe('keyward key', () => {
  it('rotates and rewraps, says which data key seals how much, and writes both into the audit log', async () => {
    const old = { KEYWARD_KEY: key };
    await expect(keyward(old, 'key', 'status')).rejects.toMatchObject({ code: 1 });
    await keyward(old, 'token', 'create', '--user', 'ann');
    expect(await keyward(old, 'key', 'status')).toMatch(/KEYWARD_KEY[\s\S]+1 +seals everything new/);
    expect(await keyward(old, 'key', 'rotate')).toMatch(/^1 record sealed anew/);
    expect(await keyward(old, 'key', 'status')).toMatch(/0 +retired[\s\S]+1 +seals everything new/);

    const file = await newKeyFile();
    await expect(keyward(old, 'key', 'rewrap')).rejects.toMatchObject({ code: 2 });
    const said = await keyward(old, 'key', 'rewrap', '--new-key-file', file);
    expect(said).toMatch(/data key was rotated[\s\S]+1 record sealed anew/);
    expect(said).toContain("Every client's configuration needs the new key from its next start on.");
    await expect(keyward(old, 'token', 'list')).rejects.toMatchObject({ code: 1 });
    const now = { KEYWARD_KEY_FILE: file };
    expect(await keyward(now, 'key', 'status')).toMatch(/0 +retired[\s\S]+0 +retired[\s\S]+1 +seals everything new/);
    expect(await keyward(now, 'token', 'list')).toContain('ann');
    const audit = await keyward(now, 'audit', 'tail');
    expect(audit).toContain('key.rotate');
    expect(audit).toContain('key.rewrap');
    expect(await keyward(now, 'audit', 'verify')).toContain('The audit log is whole');
  });

  it('109. rewraps without rotating only for a reason in words, which the audit log keeps', async () => {
    const old = { KEYWARD_KEY: key };
    await keyward(old, 'token', 'create', '--user', 'ann');
    const file = await newKeyFile();
    const rewrap = (...flags: string[]) => keyward(old, 'key', 'rewrap', '--new-key-file', file, ...flags);
    await expect(rewrap('--keep-data-key', 'no')).rejects.toMatchObject({ code: 2 });
    const reason = 'the old key never left this room';
    expect(await rewrap('--keep-data-key', reason)).toContain('The data key stays');
    const now = { KEYWARD_KEY_FILE: file };
    expect(await keyward(now, 'key', 'status')).not.toContain('retired');
    expect(await keyward(now, 'audit', 'tail')).toContain(reason);
  });

  it('108. says which records did not open, and ends with 1; the rotation is done', async () => {
    const env = { KEYWARD_KEY: key };
    await keyward(env, 'token', 'create', '--user', 'ann');
    const place = { kind: 'file' as const, path: join(home, 'data', 'vault.json') };
    const store = await openStore({ store: place, key: { key, fallbackKeyFile: '/nowhere/key', keychain: false } });
    const row = credentialRow({ sealed: 'nonsense' });
    await store.commit([{ op: 'insert', kind: 'credential', row }]);
    await store.close();
    const rotated = await keyward(env, 'key', 'rotate').catch((error: unknown) => error);
    expect(rotated).toMatchObject({ code: 1, stderr: expect.stringContaining(`credential ${row.id}`) });
    expect(await keyward(env, 'key', 'status')).toContain(`credential ${row.id}`);
    expect(await keyward(env, 'audit', 'tail')).toMatch(new RegExp(`key\\.set-aside.*${row.id}`));
    expect(await keyward(env, 'key', 'rotate')).toMatch(/sealed anew/);
  });
});
