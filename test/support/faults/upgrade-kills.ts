/** Kills processes that bring a vault of the first format up to date, and looks after each kill what is there. */
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyAudit } from '../../../src/vault/audit/audit-verify.ts';
import { keyUse, retireUnused, rotateDataKey } from '../../../src/vault/key-change.ts';
import { bundleChild, runChild } from '../child.ts';
import { firstFormatPlace, unreadableIn } from '../vault/first-format.ts';
import { openPlace, type PlaceName } from '../vault/places.ts';

export type UpgradeKills = {
  readonly unreadable: number;
  /** Audit logs that did not verify, right after the kill or once everything was finished. */
  readonly auditProblems: number;
  /** Vaults that were not as one that nobody killed, once everything was finished. */
  readonly unfinished: number;
  /** How many kills met a process that had said so much: `ready`, `opened`, `retired`, `rotated`. */
  readonly said: Readonly<Record<string, number>>;
};

export async function killUpgrades(name: PlaceName, kills: number): Promise<UpgradeKills> {
  const upgrader = await bundleChild('test/support/vault/vault-upgrader.ts');
  const begin = async () => {
    const place = await firstFormatPlace(name);
    const child = runChild(upgrader, place.args);
    await child.saw('ready');
    const started = performance.now();
    child.process.stdin?.write('now\n');
    return { place, child, started };
  };
  const first = await begin();
  await first.child.saw('rotated');
  // Kills are spread over the time that one takes which nobody kills.
  const whole = performance.now() - first.started;
  await first.child.done();

  let [unreadable, auditProblems, unfinished] = [0, 0, 0];
  const said: Record<string, number> = {};
  for (let kill = 0; kill < kills; kill += 1) {
    const { place, child } = await begin();
    await sleep((whole * (kill + Math.random())) / kills);
    child.process.kill('SIGKILL');
    await child.ended;
    const last = child.lines.at(-1) ?? '';
    said[last] = (said[last] ?? 0) + 1;
    const store = await openPlace(place);
    unreadable += await unreadableIn(store);
    if (!(await verifyAudit(store)).ok) auditProblems += 1;
    await retireUnused(store);
    await rotateDataKey(store);
    unreadable += await unreadableIn(store);
    if (!(await verifyAudit(store)).ok) auditProblems += 1;
    const { keys, damaged } = await keyUse(store);
    if (keys.filter(({ state }) => state !== 'audit').length !== 1 || damaged.length > 0) unfinished += 1;
    await store.close();
  }
  return { unreadable, auditProblems, unfinished, said };
}
