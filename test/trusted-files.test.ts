/** Files that only this user, or root, could have written: the property behind connector files and keys. */
import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { closeToOthers, strangerTo } from '../src/trusted-files.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'keyward-trusted-')));
  file = join(folder, 'one', 'two', 'file');
  await mkdir(dirname(file), { recursive: true, mode: 0o755 });
  await writeFile(file, '', { mode: 0o600 });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

it('97. is nobody’s but this user’s exactly when file and folders take no writing from others, or the folder is sticky', async () => {
  const mode = fc.integer({ min: 0, max: 0o77 }).map((others) => 0o700 | others);
  const sticky = fc.boolean();
  const property = fc.asyncProperty(mode, mode, mode, sticky, async (ofFile, ofTwo, ofOne, guarded) => {
    await chmod(file, ofFile);
    await chmod(dirname(file), ofTwo);
    await chmod(join(folder, 'one'), ofOne | (guarded ? 0o1000 : 0));
    const open = (one: number) => (one & 0o022) !== 0;
    const trusted = !open(ofFile) && !open(ofTwo) && (guarded || !open(ofOne));
    expect((await strangerTo(file)) === null).toBe(trusted);
  });
  await fc.assert(property, { numRuns: 100 });
});

it('97. counts the folder of a link as well as what the link leads to', async () => {
  const open = join(folder, 'open');
  await mkdir(open);
  await symlink(file, join(open, 'link'));
  expect(await strangerTo(join(open, 'link'))).toBeNull();
  await chmod(open, 0o777);
  expect(await strangerTo(join(open, 'link'))).toBe(
    `lies below ${open}, which can be written by other users of this computer`,
  );
  await chmod(open, 0o755);
  await chmod(file, 0o666);
  expect(await strangerTo(join(open, 'link'))).toBe('can be written by other users of this computer');
});

it('97. closes a folder of this user to others, and leaves those of others alone', async () => {
  await chmod(folder, 0o777);
  await closeToOthers(folder);
  expect(await strangerTo(file)).toBeNull();
  await chmod(folder, 0o777);
  vi.spyOn(process, 'getuid').mockReturnValue(54321);
  await closeToOthers(folder);
  vi.restoreAllMocks();
  expect(await strangerTo(file)).toContain('can be written by other users');
});
