/** Several Keywards of one person on one vault and one callback port, as real processes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { clickThrough } from '../../support/clients/click-through.ts';
import { freePort, type KeywardProcess, startWithClient, type TestClient } from '../../support/clients/mcp-clients.ts';
import { raw } from '../../support/clients/raw-http.ts';
import { createBrowser, linkOut } from '../../support/clients/session.ts';
import { connectorId, startWorld, type World } from '../../support/world.ts';

let world: World;
let home: string;
let port: number;
const running: KeywardProcess[] = [];

beforeAll(async () => {
  world = await startWorld();
});
afterEach(async () => {
  for (const { child } of running) child.kill('SIGKILL');
  await Promise.all(running.splice(0).map(({ exited }) => exited));
  await rm(home, { recursive: true, force: true });
});
afterAll(() => world.close());

/** Processes with the same home and the same fixed port. */
async function start(count: number): Promise<{ keyward: KeywardProcess; client: TestClient }[]> {
  home = await mkdtemp(join(tmpdir(), 'keyward-sharing-'));
  port = await freePort();
  const env = { ...world.env, KEYWARD_PORT: `${port}` };
  const all = await Promise.all(Array.from({ length: count }, () => startWithClient('modern', { home, env })));
  running.push(...all.map(({ keyward }) => keyward));
  return all;
}

/** Starts a flow and goes through it up to the callback, which is not opened yet. */
async function consented({ client }: { client: TestClient }) {
  const started = await client.get('create_credential', { connectorId, authenticationType: 'oauth2' });
  const browser = createBrowser();
  const callback = await clickThrough(linkOut(await browser.open(String(started.oauthUrl))));
  expect(callback.port).toBe(`${port}`);
  const finish = async () => (await browser.open(callback)).heading;
  const status = async () => (await client.get('check_attempt', { attemptId: started.attemptId })).status;
  return { finish, status };
}

/** Resolves when somebody serves the callback port again. */
async function served(): Promise<void> {
  const looks = async () => (await raw(`http://127.0.0.1:${port}`, '/')).status;
  for (;;) {
    if ((await looks().catch(() => 0)) === 404) return;
    await delay(50);
  }
}

describe('Keywards that share a callback port', () => {
  it('finish each other’s flows: the callback may reach any of them', async () => {
    const [one, two] = await start(2);
    if (!one || !two) throw new Error('They did not start.');
    const first = await consented(one);
    const second = await consented(two);
    expect(await second.finish()).toBe('Acme is connected');
    expect(await first.finish()).toBe('Acme is connected');
    expect(await first.status()).toBe('completed');
    expect(await second.status()).toBe('completed');
  });

  it('take the port over when its owner is killed, and finish what that one had begun', async () => {
    const [one, two] = await start(2);
    if (!one || !two) throw new Error('They did not start.');
    const first = await consented(one);
    const second = await consented(two);
    one.keyward.child.kill('SIGKILL');
    await one.keyward.exited;
    await served();
    expect(await second.finish()).toBe('Acme is connected');
    expect(await first.finish()).toBe('Acme is connected');
    expect(await second.status()).toBe('completed');
  });

  it('take the port over when its owner goes away in good order', async () => {
    const [one, two] = await start(2);
    if (!one || !two) throw new Error('They did not start.');
    await consented(one);
    const second = await consented(two);
    expect(await one.keyward.stop()).toBe(0);
    await served();
    expect(await second.finish()).toBe('Acme is connected');
  });

  it('agree on one owner when they all begin at once', async () => {
    const all = await start(4);
    const flows = await Promise.all(all.map(consented));
    for (const [index, { keyward }] of all.entries()) {
      expect(await flows[index]?.finish()).toBe('Acme is connected');
      if (index === all.length - 1) break;
      keyward.child.kill('SIGKILL');
      await keyward.exited;
      await served();
    }
  });
});
