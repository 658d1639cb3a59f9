import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KeywardProcess, outcomeOf, startKeyward } from '../support/clients/mcp-clients.ts';
import { rawModern } from '../support/clients/raw-mcp.ts';
import { connectorId, startWorld, type World } from '../support/world.ts';

const missingId = '550e8400-e29b-41d4-a716-446655440000';

let world: World;
let keyward: KeywardProcess;
let client: Awaited<ReturnType<typeof rawModern>>;
beforeAll(async () => {
  world = await startWorld();
  keyward = await startKeyward({ env: world.env });
  client = await rawModern(keyward.transport);
});
afterAll(async () => {
  await keyward.stop();
  await world.close();
});

/** Calls a tool that must fail, and checks the shape that every error has. */
async function errorOf(tool: string, args: unknown) {
  const { result } = await client.call(tool, args);
  expect(result).toEqual({ ...result, isError: true, content: [{ type: 'text', text: expect.any(String) }] });
  const { error } = outcomeOf(result);
  expect(error).toEqual({ code: expect.any(String), message: expect.any(String), hint: expect.any(String) });
  return { code: '', message: '', hint: '', ...error };
}

describe('bad input gets one error that names every wrong field and the next step', () => {
  const cases: [what: string, tool: string, args: Record<string, unknown>, fields: string[]][] = [
    ['a missing field', 'get_credential_metadata', {}, ['connectorId is missing']],
    ['an empty field', 'get_credential_metadata', { connectorId: '' }, ['connectorId must not be empty']],
    ['null', 'get_credential_metadata', { connectorId: null }, ['connectorId must be a string']],
    ['an extra field', 'list_connectors', { colour: 'red' }, ['colour is not a field here']],
    [
      'several problems at once',
      'list_connectors',
      { query: 5, limit: 0, colour: 'red', size: 1 },
      ['query must be a string', 'limit must be at least 1', 'colour is not', 'size is not'],
    ],
    ['a number with a fraction', 'list_connectors', { limit: 1.5 }, ['limit must be a whole number']],
    ['a number that is too big', 'list_connectors', { limit: 101 }, ['limit must be at most 100']],
    [
      'a word off the list',
      'list_credentials',
      { status: 'odd' },
      ['status must be one of active, reconnect_required'],
    ],
    [
      'a text that is too long',
      'list_connectors',
      { query: 'x'.repeat(201) },
      ['query must be at most 200 characters'],
    ],
    [
      'a waiting time off the range',
      'check_attempt',
      { attemptId: missingId, waitSeconds: 51 },
      ['waitSeconds must be'],
    ],
    ['a made-up cursor', 'list_credentials', { cursor: 'abc' }, ['cursor']],
    ['nothing to change', 'update_credential', { credentialId: missingId }, []],
    [
      'a field of another type',
      'create_credential',
      { connectorId, authenticationType: 5 },
      ['authenticationType must'],
    ],
    [
      'fields that the connector does not take',
      'create_credential',
      { connectorId, authenticationType: 'api_key', apiKee: 'x', colour: 'red' },
      ['apiKee', 'colour'],
    ],
    [
      'a secret of the wrong form',
      'create_credential',
      { connectorId, authenticationType: 'api_key', apiKey: 'nope' },
      ['apiKey'],
    ],
    [
      'an unknown authentication type',
      'create_credential',
      { connectorId, authenticationType: 'carrier_pigeon' },
      ['authentication type'],
    ],
  ];

  it.each(cases)('%s', async (_what, tool, args, fields) => {
    const { code, message, hint } = await errorOf(tool, args);
    expect(['invalid_input', 'not_found']).toContain(code);
    for (const field of fields) expect(message).toContain(field);
    expect(hint).not.toBe('');
  });

  const ids = ['../', '%2e', 'x', `${missingId} `, missingId.replace('-4', '-1'), '５50e8400'];
  it.each(ids)('13. the malformed id %j', async (id) => {
    for (const [tool, field] of [
      ['check_attempt', 'attemptId'],
      ['get_connection', 'connectionId'],
      ['get_connection_credentials', 'connectionId'],
      ['update_credential', 'credentialId'],
      ['verify_credential', 'credentialId'],
      ['delete_credential', 'credentialId'],
    ] as const) {
      const { code, message } = await errorOf(tool, { [field]: id });
      expect(code).toBe('invalid_input');
      expect(message).toContain(field);
    }
  });

  it('an unknown connector, with the nearest ids', async () => {
    for (const tool of ['get_credential_metadata', 'list_credentials']) {
      const { code, hint } = await errorOf(tool, { connectorId: 'custom.acne' });
      expect(code).toBe('unknown_connector');
      expect(hint).toContain('custom.acme');
    }
  });

  it('48. keys that reach for the prototype', async () => {
    const args = JSON.parse('{"query":"x","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
    expect((await errorOf('list_connectors', args)).code).toBe('invalid_input');
    expect((await errorOf('create_credential', { ...args, connectorId })).code).toBe('invalid_input');
  });

  it('never quotes a value, since it may be a secret', async () => {
    const canary = 'c4nary-5ecret-value';
    for (const [tool, args] of [
      ['list_connectors', { query: { canary }, limit: canary }],
      ['list_connectors', { query: canary, category: { canary }, colour: canary }],
      ['check_attempt', { attemptId: canary }],
      ['list_credentials', { status: canary, cursor: canary }],
      ['create_credential', { connectorId, authenticationType: 'api_key', apiKey: canary, name: { canary } }],
    ] as const) {
      expect(JSON.stringify(await errorOf(tool, args))).not.toContain(canary);
    }
  });
});

it('a missing id gets the same words everywhere', async () => {
  for (const tool of ['get_connection', 'get_connection_credentials'] as const) {
    const first = await errorOf(tool, { connectionId: missingId });
    const second = await errorOf(tool, { connectionId: missingId.replace('550e', '660e') });
    expect(first.code).toBe('not_found');
    expect(second.message.replace('660e', '550e')).toBe(first.message);
  }
});

it('a tool that does not exist is an error of the protocol, not of a tool', async () => {
  for (const name of ['nope', '__proto__', 'toString', '']) {
    const { error, result } = await client.call(name, {});
    expect(result).toBeUndefined();
    expect(error?.code).toBe(-32602);
  }
});

it('arguments that are no object are an error of the protocol', async () => {
  for (const args of ['text', 5, [1]]) expect((await client.call('list_connectors', args)).error?.code).toBe(-32602);
});

it('the list of tools may be cached by anybody for some minutes', async () => {
  const { result } = await client.request('tools/list', {});
  expect(result).toMatchObject({ ttlMs: 600_000, cacheScope: 'public' });
});
