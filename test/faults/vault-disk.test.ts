/** A full disk, a read-only disk, and clocks that jump. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { bundleChild, runChild } from '../support/child.ts';
import { fakeClock, needsFakeClock } from '../support/faults/fake-clock.ts';
import { needs, report } from '../support/faults/report.ts';
import { ann, tempFolder, vaultFolder } from '../support/vault/vault-folder.ts';

it('a full and a read-only disk give typed errors, keep the old state readable, and need no restart', async (test) => {
  const alone = process.getuid?.() === 0 ? ['unshare', '-m'] : ['unshare', '-Urm'];
  const [command = '', ...options] = alone;
  const folder = tempFolder();
  const mount = `mount -t tmpfs -o size=256k tmpfs ${folder}`;
  needs(test, command, ...options, 'sh', '-c', mount);
  const script = await bundleChild('test/support/faults/full-disk.ts');
  const [line = ''] = await runChild(script, [path.join(folder, 'disk')], { command: alone }).done();
  const outcome = JSON.parse(line) as Record<string, unknown>;
  report(
    `full disk: ${outcome.full} after ${outcome.writes} writes, audit ${outcome.fullAudit}, afterwards ${outcome.afterSpace}`,
  );
  report(`read-only disk: commit, readable, audit; commit and audit afterwards: ${outcome.readOnly}`);
  expect(outcome).toMatchObject({
    full: 'storage_full',
    fullKept: true,
    fullAudit: 'audit_unavailable',
    afterSpace: 'done',
    readOnly: 'storage_readonly true audit_unavailable done done',
    end: true,
    remains: 0,
  });
});

it('clock jumps of ±10 days stop no writer and lose no write', async (test) => {
  needsFakeClock(test);
  const place = vaultFolder();
  const clock = path.join(place.root, 'clock');
  await writeFile(clock, '+0');
  const script = await bundleChild('test/support/vault/vault-writer.ts');
  const env = {
    ...fakeClock,
    FAKETIME_TIMESTAMP_FILE: clock,
    FAKETIME_NO_CACHE: '1',
  };
  const ids = Array.from({ length: 6 }, randomUUID);
  const args = [place.file, place.key.key ?? '', '6', '300', ids.join(',')];
  const children = [0, 1].map(() => runChild(script, args, { env }));
  const done = Promise.all(children.map((child) => child.done()));
  let jumps = 0;
  let running = true;
  void done
    .finally(() => {
      running = false;
    })
    .catch(() => undefined);
  for (; running; jumps++) {
    await writeFile(clock, ['+10d', '+0', '-10d', '+0'][jumps % 4] ?? '');
    await sleep(50);
  }
  const lines = (await done).flat().filter((line) => !line.startsWith('vault '));
  const store = await place.open();
  const rows = await store.list('credential', ann, {}, { limit: 100 });
  const stored = rows.reduce((sum, { name }) => sum + Number(name), 0);
  const years = new Set(rows.map(({ updatedAt }) => Math.round((updatedAt - Date.now()) / 86_400_000)));
  report(
    `clock jumps: ${jumps} jumps of ±10 days, ${lines.length} acknowledged, ${stored} stored, last changes ${[...years].join(', ')} days from now`,
  );
  expect({ acknowledged: lines.length, different: new Set(lines).size, stored }).toEqual({
    acknowledged: 3600,
    different: 3600,
    stored: 3600,
  });
});
