/** Several real processes on one vault. */
import { cp, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleChild, runChild } from '../support/child.ts';
import { ann, credentialRow, filesBelow, tempFolder, vaultFolder } from '../support/vault/vault-folder.ts';

let writer = '';
beforeAll(async () => {
  writer = await bundleChild('test/support/vault/vault-writer.ts');
});

describe('processes on one vault', () => {
  it('lose none of their writes when two of them write at once', async () => {
    const place = vaultFolder();
    const key = place.key.key ?? '';
    const children = [0, 1].map(() => runChild(writer, [place.file, key, '8', '15']));
    const lines = (await Promise.all(children.map((child) => child.done()))).flat();
    const acknowledged = new Map(lines.filter((line) => !line.startsWith('vault ')).map(split));
    const store = await place.open();
    const stored = await store.list('credential', ann, {}, { limit: 100 });
    expect(acknowledged.size).toBe(16);
    expect(new Map(stored.map(({ id, name, version }) => [id, [name, version]]))).toEqual(
      new Map([...acknowledged].map(([id]) => [id, ['15', 15]])),
    );
    expect((await readdir(place.data)).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });

  it('agree on one vault and one key when they make it at the same moment', async () => {
    const place = vaultFolder();
    const children = Array.from({ length: 5 }, () => runChild(writer, [place.file, '', '1', '1']));
    const lines = (await Promise.all(children.map((child) => child.done()))).flat();
    expect(new Set(lines.filter((line) => line.startsWith('vault '))).size).toBe(1);
    const store = await place.open({ key: place.noKey });
    expect((await store.list('credential', ann, {}, { limit: 100 })).length).toBe(5);
    const names = [...(await filesBelow(place.root)).keys()];
    expect(names.filter((name) => /\.(tmp|new)-/.test(name))).toEqual([]);
  });

  it('keep a vault readable when one of them is killed while it writes', async () => {
    const place = vaultFolder();
    const key = place.key.key ?? '';
    for (let round = 0; round < 5; round++) {
      const child = runChild(writer, [place.file, key, '4', '100000']);
      await child.saw('vault ');
      while (child.lines.length < 20 + round * 7) await new Promise((resolve) => setImmediate(resolve));
      child.process.kill('SIGKILL');
      await child.ended;
      const acknowledged = new Map(child.lines.slice(1).map(split));
      const store = await place.open();
      const stored = new Map((await store.list('credential', ann, {}, { limit: 1000 })).map((row) => [row.id, row]));
      for (const [id, number] of acknowledged) expect(Number(stored.get(id)?.name)).toBeGreaterThanOrEqual(number);
      await store.close();
    }
  });
});

it('where no file lock can be loaded, a vault can be read, but nothing is written or made', async () => {
  const place = vaultFolder();
  const store = await place.open();
  const row = credentialRow();
  await store.commit([{ op: 'insert', kind: 'credential', row }]);
  const before = await readFile(place.file);
  // Outside of this repository the native package is not found, as on a system that it has no build for.
  const inside = await bundleChild('test/support/vault/vault-step.ts');
  const folder = tempFolder();
  await cp(path.dirname(inside), folder, { recursive: true });
  const script = path.join(folder, path.basename(inside));
  const makes = vaultFolder();
  for (const args of [
    [makes.file, '', 'create'],
    [place.file, place.key.key ?? '', 'read', row.id],
    [place.file, place.key.key ?? '', 'add', row.id],
  ]) {
    const child = runChild(script, args);
    child.process.stdin?.end('now\n');
    const [ready, outcome] = await child.done();
    expect([ready, args[2], outcome]).toEqual(['ready', args[2], args[2] === 'read' ? 'done' : 'storage_failed']);
  }
  expect((await readFile(place.file)).equals(before)).toBe(true);
  expect([...(await filesBelow(makes.root)).keys()]).toEqual([]);
});

/** Later lines of one credential win: `new Map` keeps the last. */
function split(line: string): [string, number] {
  const [id = '', number = ''] = line.split(' ');
  return [id, Number(number)];
}
