/**
 * `npm run demo`: the main job against a real authorization server and a small API on this computer. With `--open` a
 * person does the browser part. Ends with "every step done" and exit code 0, or names the step that failed, and 1.
 */
import { parseArgs } from 'node:util';
import open from 'open';
import { redactText } from '../../src/log.ts';
import { connectClient, type KeywardProcess, startKeyward, testKey } from '../../test/support/clients/mcp-clients.ts';
import { followLink } from '../../test/support/clients/person.ts';
import { startWorld } from '../../test/support/world.ts';
import { runJob } from './job.ts';
import { must, runSteps, type Step } from './steps.ts';

/** Seconds: long enough to use an access token, short enough to see it expire. */
const accessTokenTtl = 6;

/** Keyward ends by itself when its client goes; if not, it is killed after this time. */
const stopWithinMs = 15_000;

const { values: flags } = parseArgs({ options: { open: { type: 'boolean', default: false } } });
const endings: (() => Promise<unknown>)[] = [];
const secrets = new Set([testKey]);
const mask = (text: string) => redactText([...secrets].reduce((rest, secret) => rest.replaceAll(secret, '…'), text));
const say = (line: string) => void process.stdout.write(`${line}\n`);

async function job(step: Step): Promise<void> {
  const world = await step(
    'service',
    async () => {
      const started = await startWorld({ accessTokenTtl });
      endings.push(started.close);
      return started;
    },
    ({ server }) => `an authorization server and an API at ${server.issuer}`,
  );
  secrets.add(world.env.KEYWARD_AUTH_CUSTOM_ACME_CLIENT_SECRET ?? '');

  const { keyward, client } = await step(
    'keyward',
    async () => {
      const started = await startKeyward({ env: world.env });
      endings.push(() => stop(started));
      return { keyward: started, client: await connectClient('modern', started.transport) };
    },
    ({ keyward: { home } }) => `started over stdio, with a vault of its own in ${home}`,
  );

  await runJob(step, {
    world,
    keyward,
    client,
    person: flags.open ? openBrowser : walkThrough,
    secrets: () => {
      for (const token of world.issued) secrets.add(token);
      return [...secrets];
    },
  });
}

/** Goes through the pages as a person would, without a browser. */
async function walkThrough(link: string): Promise<void> {
  const { step } = await followLink(link);
  must(step === 'completed', `the last page says ${step}`);
}

async function openBrowser(link: string): Promise<void> {
  say('Your browser opens that link. Sign in with any name; the demo waits until you have finished.');
  // Where no browser can be started, the person opens the link.
  await open(link).catch(() => undefined);
}

async function stop({ stop: goAway, child }: KeywardProcess): Promise<void> {
  const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
  await goAway();
  clearTimeout(timer);
}

/** Ends what was started, last first; the temporary folders go with it. Once, whoever asks. */
let ended: Promise<void> | undefined;
function end(): Promise<void> {
  ended ??= (async () => {
    for (const ending of endings.reverse()) await ending();
  })();
  return ended;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end().then(() => process.exit(1)));

const done = await runSteps(job, say, mask);
await end();
// Not by waiting: a step that failed half-way may have left a server open that nobody knows of.
process.exit(done ? 0 : 1);
