/** Whatever goes wrong in a request is in the log under the id that its answer carries. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { localPrincipal } from '../../../src/principal.ts';
import { type RestServer, startRest } from '../../support/servers/rest.ts';

let keyward: RestServer;
beforeAll(async () => {
  keyward = await startRest({}, new Map([['ann', { ...localPrincipal, user: 'ann' }]]));
});
afterAll(() => keyward.close());

const id = '3f0c1f0e-7a52-4a4e-9d0c-2f1f6c1f7a10';

/** What the log says of the request that was answered like this, besides that there was one. */
function loggedOf({ headers }: { readonly headers: Headers }): unknown[] {
  const requestId = headers.get('x-request-id') ?? 'none';
  const lines = keyward.keyward.lines.map((line) => JSON.parse(line) as { event: string; requestId?: string });
  return lines.flatMap((line) => (line.requestId === requestId && line.event !== 'request' ? [line.event] : []));
}

it('an error that nobody expected, over MCP, REST and the gateway, and on a page', async () => {
  const broken = () => {
    throw new TypeError('the vault fell over');
  };
  Object.assign(keyward.keyward.usual.broker.vault, { findVisible: broken, findAttempt: broken });
  const message = { method: 'tools/call', params: { name: 'get_connection', arguments: { connectionId: id } } };
  const overMcp = await fetch(`${keyward.origin}/mcp`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${keyward.token('ann')}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }),
  });
  expect(await overMcp.text()).toContain('isError');
  expect(loggedOf(overMcp)).toEqual(['mcp.tool_failed']);
  expect(loggedOf(await keyward.send('ann', 'GET', `/connection/${id}/credentials`))).toEqual(['rest.failed']);
  const authorization = { authorization: `Bearer ${keyward.token('ann')}` };
  const gateway = await fetch(`${keyward.origin}/proxy/${id}/x`, { headers: authorization });
  expect([gateway.status, loggedOf(gateway)]).toEqual([500, ['gateway.failed']]);
  const page = await fetch(`${keyward.origin}/connect/${id}`);
  expect([page.status, loggedOf(page)]).toEqual([500, ['page_failed']]);
});
