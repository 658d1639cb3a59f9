/** What sixteen long answers at once cost: memory, and turns of the event loop in which nobody else is served. */
import { stdout } from 'node:process';
import { expect, it } from 'vitest';
import { callApi, maxCharacters } from '../../../src/broker/calls/call-api.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { acme, principal, startBroker } from '../../support/broker.ts';
import { startHttpServer } from '../../support/servers/http-server.ts';

const ann = principal('ann');
const million = 1_048_576;

it('134. sixteen answers of 10 MB at once take less than 200 MB, and no turn does half a second of work', async () => {
  const heavy = Buffer.from(`[${'{},'.repeat(3_490_000).slice(0, -1)}]`);
  const server = await startHttpServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(heavy);
  });
  const keyward = await startBroker({ origin: server.origin, settings: { maxCalls: 16 } });
  const input = { connectorId: acme, authenticationType: 'api_key', apiKey: 'acme_s3cretS3cretS3cret' };
  const created = await createCredential(keyward.broker, ann, input, { obtainedBy: 'rest' });
  const connectionId = created.kind === 'created' ? created.credentialId : '';
  const get = () => callApi(keyward.broker, ann, { connectionId, method: 'GET', path: '/heavy' });
  await get();

  const before = process.memoryUsage.rss();
  let most = 0;
  const turns: number[] = [];
  let running = true;
  // Time of this process, not of the clock: others may have the machine.
  let spent = process.cpuUsage();
  const watch = () => {
    const { user, system } = process.cpuUsage(spent);
    spent = process.cpuUsage();
    turns.push((user + system) / 1_000);
    most = Math.max(most, process.memoryUsage.rss() - before);
    if (running) setImmediate(watch);
  };
  watch();
  const pages = await Promise.all(Array.from({ length: 16 }, get));
  running = false;
  await Promise.all([keyward.close(), server.close()]);
  turns.sort((a, b) => b - a);
  const longest = turns[0] ?? 0;
  stdout.write(
    `16 answers of 10 MB: ${Math.round(most / million)} MB more, ${turns.length} turns, the longest did ` +
      `${longest.toFixed(1)} ms of work, then ${turns[1]?.toFixed(1)} ms\n`,
  );
  expect(pages.map(({ body }) => String(body).length)).toEqual(Array(16).fill(maxCharacters));
  expect(most / million).toBeLessThan(200);
  expect(longest).toBeLessThan(500);
});
