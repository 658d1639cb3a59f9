/** `keyward key …` as the built program, on a vault in a file. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keywardMain } from '../../support/clients/mcp-clients.ts';

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

describe('keyward key', () => {
  it('rotates and rewraps, says which data key seals how much, and writes both into the audit log', async () => {
    const old = { KEYWARD_KEY: key };
    await expect(keyward(old, 'key', 'status')).rejects.toMatchObject({ code: 1 });
    await keyward(old, 'token', 'create', '--user', 'ann');
    expect(await keyward(old, 'key', 'status')).toMatch(/KEYWARD_KEY[\s\S]+1 +seals everything new/);
    expect(await keyward(old, 'key', 'rotate')).toMatch(/^1 record sealed anew/);
    expect(await keyward(old, 'key', 'status')).toMatch(/0 +kept for the audit log[\s\S]+1 +seals everything new/);

    const file = join(home, 'new.key');
    await writeFile(file, randomBytes(32).toString('base64'));
    await expect(keyward(old, 'key', 'rewrap')).rejects.toMatchObject({ code: 2 });
    await keyward(old, 'key', 'rewrap', '--new-key-file', file);
    await expect(keyward(old, 'token', 'list')).rejects.toMatchObject({ code: 1 });
    const now = { KEYWARD_KEY_FILE: file };
    expect(await keyward(now, 'token', 'list')).toContain('ann');
    const audit = await keyward(now, 'audit', 'tail');
    expect(audit).toContain('key.rotate');
    expect(audit).toContain('key.rewrap');
    expect(await keyward(now, 'audit', 'verify')).toContain('The audit log is whole');
  });
});
