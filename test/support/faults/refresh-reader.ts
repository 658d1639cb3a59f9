/**
 * A process of its own that reads one credential: `<folder> <origin> <credential id> [database]`. On every line on stdin that holds a number, it
 * makes so many reads at once and answers one line of JSON: the different tokens, the different error codes, the time.
 */
import { createInterface } from 'node:readline';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import { localPrincipal } from '../../../src/principal.ts';
import { startBroker } from '../broker.ts';

const [folder = '', origin = '', connectionId = '', database] = process.argv.slice(2);
const { broker, close } = await startBroker({ origin, folder, database });

async function readOnce(): Promise<string> {
  try {
    const { credentials } = await getConnectionCredentials(broker, localPrincipal, { connectionId });
    return `token ${credentials.accessToken}`;
  } catch (error) {
    return `error ${(error as { code?: string }).code ?? 'unknown'}`;
  }
}

process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const begun = performance.now();
  const outcomes = await Promise.all(Array.from({ length: Number(line) }, readOnce));
  const ms = performance.now() - begun;
  process.stdout.write(`${JSON.stringify({ outcomes: [...new Set(outcomes)], ms })}\n`);
}
await close();
