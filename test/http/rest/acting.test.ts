/** Who acts for others, and what that never reaches: every door, every caller. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Scope } from '../../../src/principal.ts';
import { person } from '../../support/principals.ts';
import { type RestServer, startRest } from '../../support/servers/rest.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../../support/world.ts';

const actAs: readonly Scope[] = ['credentials:act-as'];
const people = new Map([
  ['ann', person('acme', 'ann')],
  ['bob', person('acme', 'bob')],
  ['backend', person('acme', 'backend', actAs)],
  ['elsewhere', person('other', 'backend', actAs)],
  ['onlyActing', { tenant: 'acme', user: 'shy', scopes: new Set(actAs) }],
]);

let world: World;
let rest: RestServer;
beforeAll(async () => {
  world = await startWorld({ passwords: ['bob:hunter22'] });
  rest = await startRest(world.env, people);
});
afterAll(async () => {
  await rest?.close();
  await world?.close();
});

const acme = `/connectors/${connectorId}/credentials`;
const forUser = (user: string) => ({ headers: { 'x-alloy-userid': user } });

/** A connection of this person's own making. */
async function connect(user: string): Promise<string> {
  const body = { userId: user, authenticationType: 'api_key', apiKey: goodApiKey };
  const { body: made } = await rest.send(user, 'POST', acme, { body });
  return (made as { credentialId: string }).credentialId;
}

/** A tool of the MCP door: its result, or the status of a refusal. */
async function tool(name: string, user: string | null, called: string, args: Record<string, unknown>) {
  const answer = await rest.send(name, 'POST', '/mcp', {
    body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: called, arguments: args } },
    headers: { accept: 'application/json, text/event-stream', ...(user !== null && { 'x-alloy-userid': user }) },
  });
  const text = answer.text.startsWith('event:') ? answer.text.replace(/^[\s\S]*?\ndata: /, '') : answer.text;
  const { result } = JSON.parse(text) as { result?: { isError?: boolean; content: { text: string }[] } };
  return { status: answer.status, failed: result?.isError === true, text };
}

describe('a backend that names the user', () => {
  it('sees, uses, verifies, changes and deletes what that user owns, through every door, and it is not its own', async () => {
    const id = await connect('bob');
    const seen = await rest.send('backend', 'GET', `/connection/${id}`, forUser('bob'));
    expect(seen).toMatchObject({ status: 200, body: { data: { connection_id: id, access: 'use' } } });
    expect(seen.text).not.toContain('shares');
    expect((await rest.send('backend', 'GET', `/proxy/${id}/me`, forUser('bob'))).status).toBe(200);
    const renamed = await rest.send('backend', 'PATCH', `/connection/${id}`, {
      ...forUser('bob'),
      body: { name: 'Main' },
    });
    expect(renamed).toMatchObject({ status: 200, body: { data: { name: 'Main', access: 'use' } } });
    for (const [called, args] of [
      ['get_connection', { connectionId: id }],
      ['call_api', { connectionId: id, method: 'GET', path: '/me' }],
      ['verify_credential', { credentialId: id }],
      ['update_credential', { credentialId: id, name: 'Other' }],
      ['list_credentials', {}],
    ] as const) {
      const answer = await tool('backend', 'bob', called, args);
      expect(answer, called).toMatchObject({ status: 200, failed: false });
      expect(answer.text, called).not.toMatch(/"access\\?":\\?"owner/);
    }
    const gone = await rest.send('backend', 'DELETE', `/connection/${id}`, forUser('bob'));
    expect(gone).toMatchObject({ status: 200, body: { data: { deleted: true } } });
    expect((await rest.send('bob', 'GET', `/connection/${id}`)).status).toBe(404);
  });

  it('147. never reads a secret, shares, allows more or looks at the log or the OAuth clients for a user', async () => {
    const id = await connect('bob');
    const limited = { body: { policy: { methods: ['GET'] } } };
    expect((await rest.send('bob', 'PATCH', `/connection/${id}`, limited)).status).toBe(200);
    const asBob = forUser('bob');
    const refused = [
      await rest.send('backend', 'GET', `/connection/${id}/credentials`, asBob),
      await rest.send('backend', 'PUT', `/connection/${id}/shares`, {
        ...asBob,
        body: { with: 'user:ann', permission: 'use' },
      }),
      await rest.send('backend', 'PATCH', `/connection/${id}`, { ...asBob, body: { policy: null } }),
      await rest.send('backend', 'GET', '/audit', asBob),
      await rest.send('backend', 'GET', '/auth-configs', asBob),
      await rest.send('backend', 'POST', '/auth-configs', { ...asBob, body: { connectorId, clientId: 'x' } }),
    ];
    for (const answer of refused) {
      expect(answer).toMatchObject({ status: 403, body: { error: { code: 403 } } });
      expect(answer.text).not.toContain(goodApiKey);
    }
    for (const [called, args] of [
      ['get_connection_credentials', { connectionId: id }],
      ['share_connection', { connectionId: id, with: 'user:ann', permission: 'use' }],
      ['update_credential', { credentialId: id, policy: null }],
    ] as const) {
      const answer = await tool('backend', 'bob', called, args);
      expect(answer, called).toMatchObject({ status: 200, failed: true });
      expect(answer.text).toContain('forbidden');
      expect(answer.text).not.toContain(goodApiKey);
    }
    const { body } = await rest.send('bob', 'GET', `/connection/${id}`);
    expect(body).toMatchObject({ data: { shares: [], policy: { methods: ['GET'] } } });
  });

  it('147. a secret is not found out by using it either: what a share does not let through, acting does not', async () => {
    const body = { userId: 'bob', authenticationType: 'basic', username: 'bob', password: 'hunter22' };
    const id = ((await rest.send('bob', 'POST', acme, { body })).body as { credentialId: string }).credentialId;
    const own = await rest.send('bob', 'GET', `/proxy/${id}/me`);
    const acted = await rest.send('backend', 'GET', `/proxy/${id}/me`, forUser('bob'));
    expect(own.status).not.toBe(403);
    expect(acted).toMatchObject({ status: 403, body: { error: { code: 'forbidden' } } });
  });

  it('147. reaches what the user owns, not what others share with the user', async () => {
    const id = await connect('ann');
    const share = { body: { with: 'user:bob', permission: 'use' } };
    expect((await rest.send('ann', 'PUT', `/connection/${id}/shares`, share)).status).toBe(200);
    expect((await rest.send('bob', 'GET', `/connection/${id}`)).status).toBe(200);
    expect((await rest.send('backend', 'GET', `/connection/${id}`, forUser('bob'))).status).toBe(404);
    expect((await rest.send('backend', 'GET', `/proxy/${id}/me`, forUser('bob'))).status).toBe(404);
    expect((await tool('backend', null, 'list_credentials', { userId: 'bob' })).text).not.toContain(id);
    expect((await tool('backend', 'bob', 'list_credentials', {})).text).not.toContain(id);
  });
});

describe('anybody else who names another user', () => {
  it('148. is refused at every door, and nothing is seen, done or sent', async () => {
    const id = await connect('bob');
    const asked = [
      ['GET', acme],
      ['GET', `${acme}/metadata`],
      ['GET', `/connection/${id}`],
      ['GET', `/connection/${id}/credentials`],
      ['DELETE', `/connection/${id}`],
      ['GET', '/api/credentials'],
      ['GET', '/auth-configs'],
      ['GET', `/proxy/${id}/me`],
    ] as const;
    for (const [method, path] of asked) {
      const answer = await rest.send('ann', method, path, forUser('bob'));
      expect(answer.status, `${method} ${path}`).toBe(403);
      // In its tenant there is no such user, whatever the name.
      const stranger = await rest.send('elsewhere', method, path, forUser('bob'));
      if (path.includes(id)) expect([403, 404], `${method} ${path}`).toContain(stranger.status);
      else expect(stranger.text, `${method} ${path}`).not.toContain(id);
    }
    expect((await tool('ann', 'bob', 'call_api', { connectionId: id, method: 'GET', path: '/me' })).status).toBe(403);
    expect((await tool('elsewhere', 'bob', 'get_connection', { connectionId: id })).failed).toBe(true);
    expect((await rest.send('bob', 'GET', `/connection/${id}`)).body).toMatchObject({ data: { last_used_at: null } });
  });

  it('148. the scope to act is no scope to do: each act needs its own, too', async () => {
    const id = await connect('bob');
    expect((await rest.send('onlyActing', 'GET', `/connection/${id}`, forUser('bob'))).status).toBe(403);
    expect((await rest.send('onlyActing', 'GET', `/proxy/${id}/me`, forUser('bob'))).status).toBe(403);
    expect((await rest.send('onlyActing', 'DELETE', `/connection/${id}`, forUser('bob'))).status).toBe(403);
  });

  it('148. one request is for one user: a body that names another is refused', async () => {
    const body = { userId: 'ann', authenticationType: 'api_key', apiKey: goodApiKey };
    expect((await rest.send('backend', 'POST', acme, { ...forUser('bob'), body })).status).toBe(403);
    expect((await tool('backend', 'bob', 'list_credentials', { userId: 'ann' })).failed).toBe(true);
    const same = { ...forUser('bob'), body: { ...body, userId: 'bob' } };
    expect((await rest.send('backend', 'POST', acme, same)).status).toBe(200);
  });

  it('names itself, which needs no scope', async () => {
    const id = await connect('ann');
    const answer = await rest.send('ann', 'GET', `/proxy/${id}/me`, forUser('ann'));
    expect(answer.status).toBe(200);
    expect((await rest.send('ann', 'GET', `/connection/${id}`, forUser('ann'))).body).toMatchObject({
      data: { access: 'owner' },
    });
  });
});
