/** kill -9 at random moments, and two processes that write without mercy. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { verifyAudit } from '../../src/vault/audit/audit-verify.ts';
import { openVault } from '../../src/vault/open.ts';
import { bundleChild, type Child, runChild } from '../support/child.ts';
import { report } from '../support/faults/report.ts';
import { ann, type VaultFolder, vaultFolder } from '../support/vault/vault-folder.ts';

const kills = process.env.KEYWARD_FAULTS_FULL === '1' ? 1000 : 200;

let writer = '';
beforeAll(async () => {
  writer = await bundleChild('test/support/vault/vault-writer.ts');
});

/** The highest acknowledged number of each credential. */
function acknowledged(children: readonly Child[], highest = new Map<string, number>()): Map<string, number> {
  for (const line of children.flatMap((child) => child.lines)) {
    const [id = '', number = ''] = line.split(' ');
    if (id !== 'vault') highest.set(id, Math.max(highest.get(id) ?? 0, Number(number)));
  }
  return highest;
}

/** Opens the vault and answers each credential's number, which its name and its secret must agree on. */
async function storedNumbers(place: VaultFolder): Promise<Map<string, number>> {
  const vault = await openVault(await place.open());
  const found = await vault.list('credential', ann, {}, { limit: 10_000 });
  for (const credential of found) {
    const secret = { kind: 'inputs', inputs: { apiKey: `${credential.id} ${credential.name}` } };
    expect(await vault.open('credential', credential)).toEqual(secret);
  }
  await vault.close();
  return new Map(found.map(({ id, name }) => [id, Number(name)]));
}

it(`${kills} kills at random moments of writing lose no acknowledged write, and the vault opens each time`, async () => {
  const place = vaultFolder();
  const ids = Array.from({ length: 8 }, randomUUID).join(',');
  const highest = new Map<string, number>();
  let opened = 0;
  let lost = 0;
  let written = 0;
  for (let kill = 0; kill < kills; kill++) {
    const child = runChild(writer, [place.file, place.key.key ?? '', '8', '1000000', ids]);
    await child.saw('vault ');
    await sleep(Math.random() * 80);
    child.process.kill('SIGKILL');
    await child.ended;
    written += child.lines.length - 1;
    acknowledged([child], highest);
    const stored = await storedNumbers(place);
    opened += 1;
    for (const [id, number] of highest) if ((stored.get(id) ?? 0) < number) lost += 1;
  }
  report(
    `kill -9 at random: ${kills} kills, ${written} acknowledged writes, ${lost} lost, vault opened ${opened} of ${kills}`,
  );
  expect({ opened, lost }).toEqual({ opened: kills, lost: 0 });
  expect(written).toBeGreaterThan(kills);
});

it('2 processes × 1,000 writes to credentials of their own lose none', async () => {
  const place = vaultFolder();
  const started = performance.now();
  const children = [0, 1].map(() => runChild(writer, [place.file, place.key.key ?? '', '16', '63']));
  await Promise.all(children.map((child) => child.done()));
  const rate = (2 * 16 * 63) / ((performance.now() - started) / 1000);
  const highest = acknowledged(children);
  const stored = await storedNumbers(place);
  report(
    `two processes, own credentials: 2 × ${16 * 63} writes at ${Math.round(rate)}/s, ${count(highest)} acknowledged, ${count(stored)} stored`,
  );
  expect(count(highest)).toBe(2 * 16 * 63);
  expect(stored).toEqual(highest);
});

it('2 processes × 1,000 writes to the same ten credentials lose none', async () => {
  const place = vaultFolder();
  const ids = Array.from({ length: 10 }, randomUUID).join(',');
  const children = [0, 1].map(() => runChild(writer, [place.file, place.key.key ?? '', '10', '100', ids]));
  await Promise.all(children.map((child) => child.done()));
  const lines = children.flatMap((child) => child.lines).filter((line) => !line.startsWith('vault '));
  const stored = await storedNumbers(place);
  report(
    `two processes, same credentials: ${lines.length} acknowledged, ${new Set(lines).size} different, ${count(stored)} stored`,
  );
  // Every acknowledged number is another one: nobody overwrote what somebody else was told is stored.
  expect({ acknowledged: lines.length, different: new Set(lines).size, stored: count(stored) }).toEqual({
    acknowledged: 2000,
    different: 2000,
    stored: 2000,
  });
});

it('kills at random moments of auditing lose no acknowledged event, and the log verifies', async () => {
  const place = vaultFolder();
  const auditor = await bundleChild('test/support/vault/vault-auditor.ts');
  const rounds = kills / 10;
  let acknowledgedEvents = 0;
  for (let round = 0; round < rounds; round++) {
    const children = [0, 1].map(() => runChild(auditor, [place.file, place.key.key ?? '']));
    await Promise.all(children.map((child) => child.saw('0')));
    await sleep(Math.random() * 80);
    for (const child of children) child.process.kill('SIGKILL');
    await Promise.all(children.map((child) => child.ended));
    acknowledgedEvents += children.reduce((sum, child) => sum + child.lines.length, 0);
  }
  const audited = await verifyAudit(await place.open());
  const size = (await readFile(place.audit)).length;
  report(
    `kill -9 while auditing: ${2 * rounds} kills, ${acknowledgedEvents} acknowledged events, ${audited.lines} in the log of ${size} bytes, ` +
      `${audited.torn.length} torn, ${audited.problems.length} problems`,
  );
  expect(audited).toMatchObject({ ok: true, problems: [] });
  expect(audited.lines).toBeGreaterThanOrEqual(acknowledgedEvents);
});

function count(numbers: ReadonlyMap<string, number>): number {
  return [...numbers.values()].reduce((sum, number) => sum + number, 0);
}
