import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, it, vi } from 'vitest';
import { KeywardError } from '../../src/errors.ts';
import { outcomeOf, startKeyward } from '../support/clients/mcp-clients.ts';
import { followLink } from '../support/clients/person.ts';
import { rawModern } from '../support/clients/raw-mcp.ts';
import { openInProcess } from '../support/in-process.ts';
import { connectorId, startWorld } from '../support/world.ts';

const planted = {
  apiKey: 'acme_C4naryApiKey0123456789',
  username: 'ann',
  password: 'C4nary pass word 0123456789',
  wrongKey: 'C4nary-wrong-key-0123456789',
  /** Of the right form, and the service does not take it. */
  refusedKey: 'acme_C4naryRefused0123456789',
  clientSecret: 'C4naryClientSecret0123456789',
};
/** What the service takes of it. */
const known = {
  clientSecret: planted.clientSecret,
  apiKeys: [planted.apiKey],
  passwords: [`ann:${planted.password}`],
};
const canaries = [
  planted.apiKey,
  planted.password,
  planted.wrongKey,
  planted.refusedKey,
  planted.clientSecret,
  // As HTTP Basic carries them (RFC 7617 §2).
  btoa(`ann:${planted.password}`),
  btoa(`keyward:${planted.clientSecret}`),
].flatMap((text) => [text, encodeURIComponent(text), btoa(text), Buffer.from(text).toString('hex')]);

/** Arguments that carry a secret where none belongs, and calls that fail for every other reason. */
const badCalls: readonly [tool: string, args: Record<string, unknown>][] = [
  ['list_connectors', { query: planted.apiKey, cursor: planted.wrongKey }],
  ['list_connectors', { [planted.wrongKey]: 1 }],
  ['list_credentials', { status: planted.wrongKey, userId: planted.password }],
  ['list_credentials', { userId: planted.password }],
  ['get_connection', { connectionId: planted.apiKey }],
  ['check_attempt', { attemptId: planted.apiKey }],
  ['create_credential', { connectorId: planted.apiKey, authenticationType: 'api_key' }],
  ['create_credential', { connectorId, authenticationType: planted.apiKey }],
  ['create_credential', { connectorId, authenticationType: 'api_key', apiKey: planted.wrongKey }],
  ['create_credential', { connectorId, authenticationType: 'api_key', apiKey: planted.refusedKey }],
  [
    'create_credential',
    { connectorId, authenticationType: 'api_key', apiKey: planted.apiKey, credentialId: planted.wrongKey },
  ],
  [
    'create_credential',
    { connectorId, authenticationType: 'basic', password: planted.password, extra: planted.password },
  ],
  ['create_credential', { connectorId, authenticationType: 'oauth2', authConfigId: planted.wrongKey }],
  [
    'create_credential',
    { connectorId, authenticationType: 'oauth2', redirectUri: `https://evil.example/${planted.wrongKey}` },
  ],
  ['create_credential', { connectorId, authenticationType: 'oauth2', name: `${planted.wrongKey}\n` }],
];

/** A name that nothing has (of a connector, a field, …) is repeated to whoever gave it; nothing else of a call is. */
const repeatsName = /There is no|has no authentication type|is not a field/;

it('42. a secret of any kind is in no log, audit line, file or error, whatever goes wrong', async () => {
  const world = await startWorld({ accessTokenTtl: 2, ...known });
  const keyward = await startKeyward({ env: world.env });
  const client = await rawModern(keyward.transport);
  const said: string[] = [];
  const call = async (tool: string, args: Record<string, unknown>) => {
    const { result, error } = await client.call(tool, args);
    if (error) throw new Error(`${tool}: ${error.message}`);
    const outcome = outcomeOf(result);
    // Releasing a secret is the one answer that holds one.
    if (tool !== 'get_connection_credentials') said.push(JSON.stringify(result));
    return outcome;
  };
  const made = async (args: Record<string, unknown>) =>
    String((await call('create_credential', args)).data?.credentialId);

  const apiKey = await made({ connectorId, authenticationType: 'api_key', apiKey: planted.apiKey });
  const basic = await made({ connectorId, authenticationType: 'basic', username: 'ann', password: planted.password });
  const client1 = await made({ connectorId, authenticationType: 'oauth2_client_credentials' });
  const { data: started } = await call('create_credential', { connectorId, authenticationType: 'oauth2' });
  const link = String(started?.oauthUrl);
  await fetch(`http://127.0.0.1:${keyward.port}/oauth/callback?code=${planted.wrongKey}&state=${planted.wrongKey}`);
  await fetch(link, {
    method: 'POST',
    body: new URLSearchParams({ csrf: planted.wrongKey, action: planted.wrongKey }),
  });
  expect(await followLink(link)).toMatchObject({ step: 'completed' });
  const { data: ended } = await call('check_attempt', { attemptId: started?.attemptId });
  const oauth = String(ended?.credentialId);
  const all = [apiKey, basic, client1, oauth];

  for (const connectionId of all) {
    expect((await call('get_connection_credentials', { connectionId })).error).toBeUndefined();
    await call('verify_credential', { credentialId: connectionId });
  }
  await vi.waitUntil(
    async () => {
      await call('get_connection_credentials', { connectionId: oauth });
      return world.server.calls.refresh_token !== undefined;
    },
    { timeout: 15_000, interval: 200 },
  );

  for (const [tool, args] of badCalls) await call(tool, args);
  for (const message of [
    { method: planted.wrongKey },
    { id: 77_777, result: { secret: planted.wrongKey } },
    { method: 'notifications/progress', params: { progressToken: 9, progress: 1, message: planted.wrongKey } },
    { id: 'x', method: 'tools/call', params: { name: planted.wrongKey, arguments: planted.wrongKey } },
    { [planted.wrongKey]: planted.wrongKey },
  ]) {
    keyward.child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }
  keyward.child.stdin?.write(`${planted.wrongKey}\n`);

  // The service goes down in the middle of everything.
  await world.close();
  for (const id of all) {
    await call('get_connection_credentials', { connectionId: id });
    await call('verify_credential', { credentialId: id });
  }
  await call('delete_credential', { credentialId: oauth });
  await call('delete_credential', { credentialId: basic });

  // And the vault is damaged under its feet.
  await writeFile(join(keyward.home, 'data', 'vault.json'), '{"damaged":true}');
  const key = { connectorId, authenticationType: 'api_key', apiKey: planted.apiKey };
  expect((await call('create_credential', key)).error?.code).toBe('vault_damaged');
  expect((await call('get_connection_credentials', { connectionId: apiKey })).error?.code).toBe('vault_damaged');

  const files = await readEverything(keyward.home);
  expect(await keyward.stop()).toBeTypeOf('number');
  const tokens = [...world.issued];
  expect(tokens.length).toBeGreaterThanOrEqual(5);
  for (const canary of [...canaries, ...tokens]) {
    expect(keyward.stderr()).not.toContain(canary);
    expect(files).not.toContain(canary);
    for (const text of said) if (!repeatsName.test(text)) expect(text).not.toContain(canary);
  }
});

it('42. an error carries no secret anywhere: message, cause, details or stack', async () => {
  const world = await startWorld(known);
  const { run, lines, close } = await openInProcess(world.env);
  const make = async (args: Record<string, unknown>) =>
    String((await run('create_credential', { connectorId, ...args })).credentialId);
  const ids = [
    await make({ authenticationType: 'api_key', apiKey: planted.apiKey }),
    await make({ authenticationType: 'basic', username: 'ann', password: planted.password }),
    await make({ authenticationType: 'oauth2_client_credentials' }),
  ];
  await world.server.close();
  const errors: unknown[] = [];
  const note = async (tool: string, args: Record<string, unknown>) => {
    try {
      await run(tool, args);
    } catch (error) {
      errors.push(error);
    }
  };
  for (const [tool, args] of badCalls) await note(tool, args);
  await note('create_credential', { connectorId, authenticationType: 'oauth2_client_credentials' });
  for (const id of ids) {
    for (const tool of ['verify_credential', 'delete_credential']) await note(tool, { credentialId: id });
    await note('get_connection_credentials', { connectionId: id });
  }
  await close();
  await world.close();
  expect(errors.length).toBeGreaterThan(badCalls.length);
  for (const error of errors) {
    expect(error).toBeInstanceOf(KeywardError);
    const whole = inspect(error, { depth: 20, showHidden: true });
    for (const canary of [...canaries, ...world.issued])
      if (!repeatsName.test(whole)) expect(whole).not.toContain(canary);
  }
  for (const canary of [...canaries, ...world.issued]) expect(lines.join('\n')).not.toContain(canary);
});

/** Every file below a folder, as one text. */
async function readEverything(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'latin1')));
  return texts.join('\n');
}
