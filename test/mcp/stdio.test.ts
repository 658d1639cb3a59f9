import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientKinds, type KeywardProcess, startKeyward, startWithClient } from '../support/clients/mcp-clients.ts';
import { type Answer, rawModern } from '../support/clients/raw-mcp.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const missingId = '550e8400-e29b-41d4-a716-446655440000';

function expectOnlyJsonRpc(keyward: KeywardProcess) {
  for (const line of keyward.stdout) {
    const message = JSON.parse(line);
    expect(message.jsonrpc).toBe('2.0');
    expect('result' in message || 'error' in message || 'method' in message).toBe(true);
  }
}

describe('40. stdout', () => {
  it('40. carries nothing but JSON-RPC through 10,000 mixed calls with failures, and every call is answered once', async () => {
    const total = 10_000;
    const keyward = await startKeyward({ env: world.env });
    const { call, request } = await rawModern(keyward.transport);
    const key = { connectorId, authenticationType: 'api_key' };
    const mix: ((index: number) => Promise<Answer>)[] = [
      () => call('list_connectors', { query: 'acme' }),
      () => call('list_connectors', { limit: -1, colour: 'red' }),
      () => call('get_credential_metadata', { connectorId }),
      () => call('get_credential_metadata', { connectorId: 'nope\n"quoted"\u2028' }),
      () => call('list_credentials', { limit: 5 }),
      () => call('get_connection', { connectionId: missingId }),
      () => call('get_connection_credentials', { connectionId: '../../etc' }),
      () => call('no_such_tool', {}),
      () => call('list_connectors', 'no object'),
      () => request('no/such/method', {}),
      () => request('tools/list', {}),
      (index) =>
        call('create_credential', index % 100 === 11 ? { ...key, apiKey: goodApiKey } : { ...key, apiKey: '\u0000' }),
      (index) => call('check_attempt', { attemptId: missingId, waitSeconds: index }),
    ];
    for (const junk of ['', 'junk', '{"jsonrpc":"2.0"}', '[]', `${'['.repeat(5_000)}`, '{"id":1,"jsonrpc":"1.0"}']) {
      keyward.child.stdin?.write(`${junk}\n`);
    }

    let next = 0;
    let answered = 0;
    const worker = async () => {
      for (let index = next++; index < total; index = next++) {
        const answer = await mix[index % mix.length]?.(index);
        if (answer?.result !== undefined || answer?.error !== undefined) answered += 1;
      }
    };
    await Promise.all(Array.from({ length: 50 }, worker));
    expect(answered).toBe(total);
    expect(await keyward.stop()).toBe(0);

    expectOnlyJsonRpc(keyward);
    const ids = keyward.stdout.map((line) => JSON.parse(line).id);
    expect(new Set(ids.filter((id) => typeof id === 'number')).size).toBe(total);
    // Every line of the log is one of Keyward's own, and none holds what was sent.
    for (const line of keyward.stderr().trim().split('\n').filter(Boolean))
      expect(JSON.parse(line).event).toBeTypeOf('string');
    expect(keyward.stderr()).not.toContain(goodApiKey);
  }, 240_000);

  it('41. stays clean when a dependency prints, with console or straight to stdout', async () => {
    const preload = new URL('noisy-dependency.mjs', import.meta.url).href;
    for (const kind of clientKinds) {
      const env = { ...world.env, NODE_OPTIONS: `--import=${preload}` };
      const { keyward, client } = await startWithClient(kind, { env });
      for (let round = 0; round < 20; round += 1) {
        await client.get('list_connectors', { query: 'acme' });
        await delay(5);
      }
      await client.close();
      expect(await keyward.exited).toBe(0);
      expectOnlyJsonRpc(keyward);
      expect(keyward.stdout.join('\n')).not.toContain('noise');
      expect(keyward.stderr()).toContain('stdout.write_dropped');
    }
  });
});

describe('a client that goes away', () => {
  it('ends the process at once, even while a call waits', async () => {
    const { keyward, client } = await startWithClient('modern', { env: world.env });
    const started = await client.get('create_credential', { connectorId, authenticationType: 'oauth2' });
    const args = { attemptId: started.attemptId, waitSeconds: 50 };
    let waiting: Promise<unknown> = Promise.resolve();
    await new Promise<void>((resolve) => {
      waiting = client.call('check_attempt', args, { onprogress: () => resolve() }).catch(() => 'gone');
    });
    const begun = performance.now();
    expect(await keyward.stop()).toBe(0);
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(await waiting).toBe('gone');
  });

  it('ends the process when stdout can’t be written any more', async () => {
    const keyward = await startKeyward({ env: world.env });
    const { call } = await rawModern(keyward.transport);
    await call('list_connectors', {});
    keyward.child.stdout?.destroy();
    call('list_connectors', {}).catch(() => 'gone');
    expect(await keyward.exited).toBe(0);
  });

  it('may be slow to read: no answer is lost and nothing warns', async () => {
    const keyward = await startKeyward({ env: world.env });
    const { call } = await rawModern(keyward.transport);
    await call('list_connectors', {});
    keyward.child.stdout?.pause();
    const answers = Array.from({ length: 500 }, () => call('get_credential_metadata', { connectorId }));
    await delay(300);
    keyward.child.stdout?.resume();
    expect(await Promise.all(answers)).toHaveLength(500);
    expect(keyward.stderr()).not.toContain('Warning');
    await keyward.stop();
  });
});

describe.each(clientKinds)('waiting for a person, with a %s client', (kind) => {
  it('reports progress that only grows, and stops when the call is cancelled', async () => {
    const { keyward, client } = await startWithClient(kind, { env: world.env });
    const { attemptId } = await client.get('create_credential', { connectorId, authenticationType: 'oauth2' });
    const seen: number[] = [];
    const stop = new AbortController();
    const call = client.call(
      'check_attempt',
      { attemptId, waitSeconds: 50 },
      {
        signal: stop.signal,
        onprogress: ({ progress, total }) => {
          expect(total).toBe(50);
          seen.push(progress);
          if (seen.length === 2) stop.abort();
        },
      },
    );
    await expect(call).rejects.toThrow();
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(new Set(seen).size).toBe(2);

    // The server has stopped too: a later answer has no company.
    const before = keyward.stdout.length;
    expect(await client.get('check_attempt', { attemptId, waitSeconds: 2 })).toEqual({ status: 'pending' });
    expect(keyward.stdout.slice(before)).toHaveLength(1);
    await client.close();
    await keyward.exited;
  });
});
