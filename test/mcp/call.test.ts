import { afterAll, beforeAll, expect, it } from 'vitest';
import { callTool } from '../../src/mcp/call.ts';
import { tools } from '../../src/mcp/tools/index.ts';
import { outcomeOf } from '../support/clients/mcp-clients.ts';
import { type InProcess, openInProcess } from '../support/in-process.ts';

let keyward: InProcess;
beforeAll(async () => {
  keyward = await openInProcess({});
});
afterAll(() => keyward.close());

const missingId = '550e8400-e29b-41d4-a716-446655440000';

it('an error that nobody expected says nothing of itself to the caller; the log has its name and place, not its words', async () => {
  const canary = 'C4naryOfALibrary';
  const { usual, lines } = keyward;
  const vault = {
    ...usual.broker.vault,
    findVisible: () => {
      throw new TypeError(`could not parse ${canary}`, { cause: canary });
    },
  };
  const call = { ...usual, broker: { ...usual.broker, vault } };
  const { error } = outcomeOf(await callTool(call, 'get_connection', { connectionId: missingId }));
  expect(error).toMatchObject({ code: 'internal' });
  expect(JSON.stringify(error)).not.toContain(canary);
  const logged = lines.filter((line) => line.includes('mcp.tool_failed'));
  expect(logged).toHaveLength(1);
  expect(logged[0]).toContain('TypeError');
  expect(logged[0]).toMatch(/at .*call\.test\.ts/);
  expect(lines.join('\n')).not.toContain(canary);
});

it('every tool refuses a principal without the scope that the table names, and says which one is missing', async () => {
  const { usual } = keyward;
  const given: Record<string, Record<string, unknown>> = {
    list_connectors: {},
    get_credential_metadata: { connectorId: 'github' },
    create_credential: { connectorId: 'github', authenticationType: 'oauth2' },
    check_attempt: { attemptId: missingId },
    list_credentials: {},
  };
  for (const { name, scope } of tools.values()) {
    const args = given[name];
    if (!args) continue;
    const scopes = new Set([...usual.principal.scopes].filter((one) => one !== scope));
    const call = { ...usual, principal: { ...usual.principal, scopes } };
    const { error } = outcomeOf(await callTool(call, name, args));
    expect(error, name).toMatchObject({ code: 'insufficient_scope', message: expect.stringContaining(scope) });
  }
});

it('the tools that need a credential refuse a principal without their scope, too', async () => {
  const { usual, run } = keyward;
  const made = await run('create_credential', {
    connectorId: 'openai',
    authenticationType: 'api_key',
    apiKey: 'sk-0123456789abcdef0123456789abcdef',
  });
  const id = made.credentialId;
  for (const name of [
    'get_connection',
    'get_connection_credentials',
    'update_credential',
    'verify_credential',
    'delete_credential',
  ]) {
    const scope = tools.get(name)?.scope;
    const scopes = new Set([...usual.principal.scopes].filter((one) => one !== scope));
    const broker = { ...usual.broker, settings: { ...usual.broker.settings, release: 'allow' as const } };
    const call = { ...usual, broker, principal: { ...usual.principal, scopes } };
    const field = name.startsWith('get_') ? 'connectionId' : 'credentialId';
    const args = { [field]: id, ...(name === 'update_credential' ? { name: 'x' } : {}) };
    const { error } = outcomeOf(await callTool(call, name, args));
    expect(error, name).toMatchObject({ code: 'insufficient_scope', message: expect.stringContaining(scope ?? '') });
  }
});
