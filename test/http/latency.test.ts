/** What the time of an answer tells a stranger: nothing. */
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { expect, it } from 'vitest';
import { startDeployment } from '../support/servers/deployment.ts';
import { connectorId, goodApiKey } from '../support/world.ts';

const samples = 10_000;
const tries = 4;

it('8. over HTTP a stranger’s id takes as long as a missing one: medians of 10,000 each differ by less than 5 %', async () => {
  const team = await startDeployment();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const { keyward, issuer } = team;
    const ann = await keyward.client('modern', await issuer.tokenFor('ann', ['credentials:read', 'credentials:write']));
    const input = { connectorId, authenticationType: 'api_key', apiKey: goodApiKey };
    const { credentialId } = await ann.get('create_credential', input);
    await ann.close();
    const headers = { authorization: `Bearer ${await issuer.tokenFor('bob', ['credentials:read'])}` };
    const { hostname, port } = new URL(keyward.origin);
    const timed = (id: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const start = process.hrtime.bigint();
        const sent = request({ agent, hostname, port, path: `/connection/${id}`, headers }, (response) => {
          const took = () => resolve(Number(process.hrtime.bigint() - start));
          const right = response.statusCode === 404;
          response.resume().on('end', right ? took : () => reject(new Error(`${response.statusCode}`)));
        });
        sent.on('error', reject).end();
      });
    const difference = async () => {
      const foreign: number[] = [];
      const missing: number[] = [];
      for (let sample = 0; sample < samples; sample += 1) {
        const id = randomUUID();
        // Who goes first alternates, so that neither is always the one after a pause.
        if (sample % 2 === 0) foreign.push(await timed(String(credentialId)));
        missing.push(await timed(id));
        if (sample % 2 === 1) foreign.push(await timed(String(credentialId)));
      }
      return Math.abs(median(foreign) - median(missing)) / median(missing);
    };
    // A machine that other tests share is noisy; a real difference shows every time.
    const differences: number[] = [];
    while (differences.length < tries && !differences.some((one) => one < 0.05)) differences.push(await difference());
    expect(Math.min(...differences)).toBeLessThan(0.05);
  } finally {
    agent.destroy();
    await team.close();
  }
}, 300_000);

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
