/** The tests' PostgreSQL finds a folder in which it can run, or says why there is none and what to do. */
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { unpackPostgres } from './postgres-programs.ts';

async function place(mode: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'keyward-place-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await chmod(folder, mode);
  return folder;
}

it('passes over folders that are missing, and those that its user can not enter', async () => {
  const [locked, open] = [await place(0o700), await place(0o755)];
  const { folder } = await unpackPostgres([join(locked, 'none'), locked, open]);
  const wanted = process.getuid?.() === 0 ? open : locked;
  expect(folder.startsWith(wanted)).toBe(true);
  if (wanted === open) expect(await readdir(locked)).toEqual([]);
});

it('is refused with its reason and the way out where no folder will do', async () => {
  await expect(unpackPostgres([join(await place(0o755), 'none')])).rejects.toThrow(
    /^The tests' PostgreSQL can't run [^:]*: ENOENT[^.]*\. Run the tests as .*TMPDIR.*KEYWARD_TEST_DATABASE_URL\.$/,
  );
});
