import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { createCredential } from '../../src/broker/connect/create.ts';
import { getConnection } from '../../src/broker/credentials/manage.ts';
import { openInProcess } from '../support/in-process.ts';
import { person } from '../support/principals.ts';
import { connectorId, goodApiKey, startWorld } from '../support/world.ts';

const samples = 10_000;
const tries = 5;

it('8. a stranger’s id takes as long as a missing one: medians of 10,000 each differ by less than 5 %', async () => {
  const world = await startWorld();
  const keyward = await openInProcess(world.env);
  try {
    const { broker } = keyward.usual;
    const bob = person('other', 'bob');
    const input = { connectorId, authenticationType: 'api_key', apiKey: goodApiKey };
    const created = await createCredential(broker, person('acme', 'ann'), input, { obtainedBy: 'rest' });
    if (created.kind !== 'created') throw new Error('Nothing should be missing.');
    const timed = async (given: string) => {
      // A text of its own, as with every request: looking up one that was looked up before is faster.
      const id = Buffer.from(given).toString();
      const start = process.hrtime.bigint();
      await getConnection(broker, bob, { connectionId: id }).catch(() => undefined);
      return Number(process.hrtime.bigint() - start);
    };
    const difference = async () => {
      const foreign: number[] = [];
      const missing: number[] = [];
      for (let sample = 0; sample < samples; sample += 1) {
        const id = randomUUID();
        // Who goes first alternates, so that neither is always the one after a pause.
        if (sample % 2 === 0) foreign.push(await timed(created.credentialId));
        missing.push(await timed(id));
        if (sample % 2 === 1) foreign.push(await timed(created.credentialId));
      }
      return Math.abs(median(foreign) - median(missing)) / median(missing);
    };
    await difference();
    // A machine that other tests share is noisy; a real difference shows every time.
    const differences: number[] = [];
    while (differences.length < tries && !differences.some((one) => one < 0.05)) differences.push(await difference());
    expect(Math.min(...differences)).toBeLessThan(0.05);
  } finally {
    await keyward.close();
    await world.close();
  }
}, 120_000);

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
