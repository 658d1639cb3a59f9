/** Moving, backing up and restoring with the built program. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keywardMain } from '../../support/clients/mcp-clients.ts';
import { killMoves } from '../../support/faults/move-kills.ts';
import { freshDatabase } from '../../support/servers/postgres.ts';

const run = promisify(execFile);

let home: string;
let env: Record<string, string>;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'keyward-move-'));
  env = { PATH: process.env.PATH ?? '', KEYWARD_HOME: home, KEYWARD_KEY: randomBytes(32).toString('hex') };
});
afterEach(() => rm(home, { recursive: true, force: true }));

const keyward = async (more: Record<string, string>, ...args: readonly string[]) =>
  (await run(process.execPath, [keywardMain, ...args], { env: { ...env, ...more } })).stdout;

it('a vault moves from the file to PostgreSQL under new owners, is backed up there, and restored into a file', async () => {
  const url = await freshDatabase();
  const place = { KEYWARD_STORE: url };
  expect(await keyward(place, 'migrate')).toMatch(/^Done: 0001, 0002, 0003, 0004/);
  expect(await keyward(place, 'migrate')).toMatch(/^The tables are up to date/);
  await keyward({}, 'token', 'create', '--user', 'ann');
  const owners = join(home, 'owners.json');
  const [from, to] = [
    { tenant: 'default', user: 'ann' },
    { tenant: 'team', user: 'anna' },
  ];
  await writeFile(owners, JSON.stringify([{ from, to }]));
  await expect(keyward({}, 'migrate-store', '--to', url)).rejects.toMatchObject({ code: 2 });
  for (let times = 0; times < 2; times += 1) {
    expect(await keyward(place, 'migrate-store', '--owners', owners)).toMatch(/^1 record and \d audit entries/);
  }
  expect(await keyward(place, 'token', 'list')).toMatch(/team +anna/);
  expect(await keyward(place, 'audit', 'verify')).toContain('The audit log is whole');
  expect(await keyward(place, 'status')).not.toContain(url);

  const file = join(home, 'backup');
  await keyward(place, 'backup', '--to', file);
  await expect(keyward(place, 'backup', '--to', file)).rejects.toMatchObject({ code: 1 });
  const other = { KEYWARD_HOME: join(home, 'other') };
  expect(await keyward(other, 'restore', '--from', file)).toContain('restored');
  // One that was revoked since the backup must not be good again.
  expect(await keyward(other, 'token', 'list')).toContain('There is no session token and no assistant yet');
  const audit = await keyward(other, 'audit', 'tail');
  for (const action of ['vault.move', 'vault.backup', 'vault.restore']) expect(audit).toContain(action);
  expect(await keyward(other, 'audit', 'verify')).toContain('The audit log is whole');
});

it('a move that is killed is run again, and then everything is there', async () => {
  const { said, missing, leaks, auditProblems } = await killMoves(4, 300, 1_500);
  expect(said).toContain('300 records');
  expect({ missing, leaks, auditProblems }).toEqual({ missing: 0, leaks: 0, auditProblems: 0 });
});
