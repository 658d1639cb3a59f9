import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openMark } from '../../src/store/mark.ts';

it('what is noted of a vault is written when a flush ends, also behind one that is under way', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'keyward-marks-'));
  const keeper = await openMark(join(folder, 'marks'), '/a/vault.json', false);
  keeper.note({ vaultId: 'one', generation: 1, history: 'a' });
  void keeper.flush();
  await keeper.flush();
  const files = await readdir(join(folder, 'marks'));
  expect(files).toEqual([expect.stringMatching(/^[0-9a-f]{32}\.json$/)]);
  await rm(folder, { recursive: true });
});
