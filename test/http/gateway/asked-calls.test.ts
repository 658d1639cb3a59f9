/** Calls that wait for their owner's yes, by the doors of programs: the gateway and REST. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decide, openApprovals } from '../../../src/broker/approvals/page.ts';
import { person } from '../../support/principals.ts';
import { type EchoApi, startEchoApi } from '../../support/servers/echo-api.ts';
import { type EchoEnv, echoConnector, echoEnv } from '../../support/servers/echo-connector.ts';
import { type RestServer, startRest } from '../../support/servers/rest.ts';

const ann = person('acme', 'ann');
let api: EchoApi;
let echo: EchoEnv;
let keyward: RestServer;
let id: string;
beforeAll(async () => {
  api = await startEchoApi();
  echo = await echoEnv(api.origin);
  keyward = await startRest({ ...echo.env, KEYWARD_RELEASE: 'allow' }, new Map([['ann', ann]]));
});
afterAll(async () => {
  await keyward.close();
  await Promise.all([api.close(), echo.remove()]);
});
beforeEach(async () => {
  const input = { connectorId: echoConnector, authenticationType: 'bearer', token: 'sk-canary-of-asked-calls' };
  id = String((await keyward.keyward.run('create_credential', input, { principal: ann })).credentialId);
});

/** A program that writes in pieces, as a client that names itself. */
async function upload(...pieces: string[]): Promise<{ status: number; text: string }> {
  const body = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
      controller.close();
    },
  });
  const response = await fetch(`${keyward.origin}/proxy/${id}/items?n=1`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${keyward.token('ann')}`,
      'content-type': 'text/plain',
      'user-agent': 'sdk/1',
      'x-request-id': crypto.randomUUID(),
    },
    body,
    duplex: 'half',
  } as RequestInit);
  return { status: response.status, text: await response.text() };
}

const waiting = async () => {
  const [view] = (await openApprovals(keyward.keyward.usual.broker, ann)).filter(({ state }) => state === 'pending');
  if (view === undefined) throw new Error('Nothing waits.');
  return view;
};
const say = async (answer: 'once' | 'deny') =>
  decide(keyward.keyward.usual.broker, ann, (await waiting()).approvalId, { answer });

describe('a program', () => {
  it('381. is told that the owner was asked, and its upload is sent as it was shown once they said yes', async () => {
    const path = `/connection/${id}`;
    const limited = await keyward.send('ann', 'PATCH', path, { body: { policy: { preset: 'askBeforeWriting' } } });
    const ask = [{ methods: null, except: ['GET', 'HEAD'], paths: null }];
    expect(limited.body).toMatchObject({ data: { policy: { methods: null, paths: null, ask } } });
    const sent = api.seen.length;
    const told = await upload('in ', 'pieces');
    expect(told).toMatchObject({ status: 403 });
    expect(JSON.parse(told.text)).toMatchObject({ error: { code: 'approval_required', hint: expect.any(String) } });
    expect(told.text).not.toMatch(/approvals\/|[0-9a-f]{8}-/);
    expect(api.seen.length).toBe(sent);
    const { details } = await waiting();
    expect(details.call).toMatchObject({ method: 'POST', url: `${api.origin}/v1/items?n=1`, body: 'in pieces' });
    expect(Object.keys(details.call?.headers ?? {}).sort()).toEqual(['accept', 'accept-language', 'content-type']);
    await say('once');
    expect(await upload('in pie', 'ces')).toMatchObject({ status: 200 });
    expect(api.seen.at(-1)).toMatchObject({ method: 'POST', url: '/v1/items?n=1', body: 'in pieces' });
    expect(await upload('in ', 'other pieces')).toMatchObject({ status: 403 });
    await say('deny');
    expect(JSON.parse((await upload('x')).text)).toMatchObject({ error: { code: 'approval_denied' } });
  });

  it('380. undoes no rule that asks, where KEYWARD_RELEASE allows everything else, before the owner said yes', async () => {
    const path = `/connection/${id}`;
    const set = (policy: unknown) => keyward.send('ann', 'PATCH', path, { body: { policy } });
    await set({ ask: [{ methods: ['DELETE'] }] });
    for (const wider of [null, { methods: ['DELETE'] }, { ask: [{ methods: ['PUT'] }] }]) {
      expect(await set(wider)).toMatchObject({ status: 403 });
    }
    expect((await waiting()).act).toBe('policy');
    const held = async () => (await keyward.keyward.usual.broker.vault.get('credential', ann, id))?.policy;
    expect((await held())?.ask).toHaveLength(1);
    await say('deny');
    expect(await set(null)).toMatchObject({ status: 403 });
    expect((await held())?.ask).toHaveLength(1);
    // Limits that ask for nothing are widened as before.
    const other = { connectorId: echoConnector, authenticationType: 'bearer', token: 'sk-canary-of-asked-calls' };
    id = String((await keyward.keyward.run('create_credential', other, { principal: ann })).credentialId);
    const plain = `/connection/${id}`;
    await keyward.send('ann', 'PATCH', plain, { body: { policy: { methods: ['GET'] } } });
    expect(await keyward.send('ann', 'PATCH', plain, { body: { policy: null } })).toMatchObject({ status: 200 });
  });

  it('378. 380. takes no rule away and ends no such connection by REST either, without the owner', async () => {
    const path = `/connection/${id}`;
    await keyward.send('ann', 'PATCH', path, { body: { policy: { ask: [{ methods: ['DELETE'] }] } } });
    const told = await keyward.send('ann', 'DELETE', path);
    expect(told).toMatchObject({ status: 403 });
    expect((await waiting()).act).toBe('delete');
    await say('once');
    expect(await keyward.send('ann', 'DELETE', path)).toMatchObject({ status: 200 });
    expect((await keyward.send('ann', 'PATCH', path, { body: { policy: { preset: 'readOnlyish' } } })).status).toBe(
      422,
    );
  });
});
