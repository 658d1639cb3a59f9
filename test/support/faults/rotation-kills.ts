/** Kills processes that rotate the data key, and looks after each kill whether everything can still be read. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { keyUse, rotateDataKey } from '../../../src/vault/key-change.ts';
import { openVault } from '../../../src/vault/open.ts';
import { bundleChild, runChild } from '../child.ts';
import { openPlace, type Place } from '../vault/places.ts';
import { ann, newCredential } from '../vault/rows.ts';

export type RotationKills = {
  readonly unreadable: number;
  /** Data keys at the end: one more than before for each rotation that was begun. */
  readonly keys: number;
  /** Data keys that open anything, after one more rotation that nobody killed. */
  readonly powerful: number;
  /** Records under another than the current key, after one more rotation that nobody killed. */
  readonly left: number;
  /** Kills that met a rotation half done. */
  readonly interrupted: number;
};

export async function killRotations(place: Place, kills: number, records = 400): Promise<RotationKills> {
  const rotator = await bundleChild('test/support/vault/key-rotator.ts');
  const secretOf = (id: string) => ({ kind: 'inputs' as const, inputs: { apiKey: `secret of ${id}` } });
  const ids = Array.from({ length: records }, randomUUID);
  const vault = await openVault(await openPlace(place));
  await vault.commit(
    ids.map((id) => ({ op: 'create', kind: 'credential', record: newCredential({ id }), secret: secretOf(id) })),
  );
  await vault.close();

  // Kills are spread over the time that a rotation takes which nobody kills.
  const first = runChild(rotator, place.args);
  await first.saw('ready');
  const started = performance.now();
  await first.saw('rotated');
  const whole = performance.now() - started;
  first.process.kill('SIGKILL');
  await first.ended;

  let [unreadable, interrupted] = [0, 0];
  for (let kill = 0; kill < kills; kill += 1) {
    const child = runChild(rotator, place.args);
    await child.saw('ready');
    await sleep((whole * (kill + Math.random()) * 1.2) / kills);
    child.process.kill('SIGKILL');
    await child.ended;
    const store = await openPlace(place);
    const after = await openVault(store);
    if (store.keyring.dataKeys.size > 1) interrupted += 1;
    for (const id of ids) {
      const credential = await after.get('credential', ann, id);
      const secret = credential && (await after.open('credential', credential).catch(() => undefined));
      if (JSON.stringify(secret) !== JSON.stringify(secretOf(id))) unreadable += 1;
    }
    await after.close();
  }
  const store = await openPlace(place);
  await rotateDataKey(store);
  const { keys } = await keyUse(store);
  await store.close();
  const left = keys.filter(({ state }) => state !== 'seals').reduce((sum, use) => sum + use.records, 0);
  const powerful = keys.filter(({ state }) => state !== 'audit').length;
  return { unreadable, keys: keys.length, powerful, left, interrupted };
}
