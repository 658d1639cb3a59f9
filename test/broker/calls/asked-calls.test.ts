/** Calls that wait for their owner's yes: what they see is what is sent, once, and nothing is sent before. */
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decide, openApprovals } from '../../../src/broker/approvals/page.ts';
import { headOf } from '../../../src/broker/calls/asked-call.ts';
import { type ApiInput, callApi } from '../../../src/broker/calls/call-api.ts';
import { callService } from '../../../src/broker/calls/call-service.ts';
import type { PolicyInput } from '../../../src/broker/calls/policy-input.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { deleteCredential } from '../../../src/broker/credentials/delete.ts';
import { updateCredential } from '../../../src/broker/credentials/manage.ts';
import { shareConnection } from '../../../src/broker/credentials/share.ts';
import type { Principal } from '../../../src/principal.ts';
import { acme, principal, startBroker, type TestBroker } from '../../support/broker.ts';
import { type EchoApi, startEchoApi } from '../../support/servers/echo-api.ts';

const apiKey = 'acme_s3cretS3cretS3cret';
const ann = principal('ann');
const bob = principal('bob');

let api: EchoApi;
let keyward: TestBroker;
let connectionId: string;
beforeAll(async () => {
  api = await startEchoApi();
  // Whatever this Keyward releases by itself, the owner's own rules hold.
  keyward = await startBroker({ origin: api.origin, settings: { release: 'allow' } });
});
afterAll(() => Promise.all([keyward.close(), api.close()]));
beforeEach(async () => {
  await forget();
  connectionId = await connect({ preset: 'askBeforeWriting' });
});

async function connect(policy: PolicyInput): Promise<string> {
  const input = { connectorId: acme, authenticationType: 'api_key', apiKey };
  const made = await createCredential(keyward.broker, ann, input, { obtainedBy: 'rest' });
  const credentialId = made.kind === 'created' ? made.credentialId : '';
  await updateCredential(keyward.broker, ann, { credentialId, policy });
  return credentialId;
}

/** Nothing was asked or answered. */
async function forget(): Promise<void> {
  const { vault } = keyward.broker;
  for (const record of await vault.list('approval', ann, {}, { limit: 500 }))
    await vault.commit([{ op: 'delete', kind: 'approval', record }]);
}

const call = (input: Partial<ApiInput> = {}, who: Principal = ann) =>
  callApi(keyward.broker, who, { connectionId, method: 'POST', path: '/items', body: { name: 'tea' }, ...input });
const opened = async () => (await openApprovals(keyward.broker, ann)).filter(({ state }) => state === 'pending');

/** The one request that waits. */
async function request() {
  const [view, more] = await opened();
  if (view === undefined || more !== undefined) throw new Error('Not one request waits.');
  return view;
}

const answer = async (decision: Parameters<typeof decide>[3]) =>
  decide(keyward.broker, ann, (await request()).approvalId, decision);

/** The code of the refusal, after which nothing must have reached the service. */
async function refusal(work: () => Promise<unknown>): Promise<string> {
  const before = api.seen.length;
  const code = await work().then(
    () => 'sent',
    (error) => error.code,
  );
  expect(api.seen.length).toBe(before);
  return code;
}

describe('a call that its owner wants to be asked before', () => {
  it('370. is sent with their yes only, once, whatever else this Keyward allows by itself', async () => {
    expect(await refusal(call)).toBe('approval_required');
    expect(await refusal(call)).toBe('approval_required');
    await answer({ answer: 'once' });
    expect(await call()).toMatchObject({ status: 200 });
    expect(api.seen.at(-1)).toMatchObject({ method: 'POST', url: '/v1/items', body: '{"name":"tea"}' });
    expect(await refusal(call)).toBe('approval_required');
    await answer({ answer: 'deny' });
    expect(await refusal(call)).toBe('approval_denied');
    // What the rules do not ask about goes on.
    expect(await call({ method: 'GET', path: '/items', body: undefined })).toMatchObject({ status: 200 });
  });

  it('370. of two at the same moment, one is sent', async () => {
    expect(await refusal(call)).toBe('approval_required');
    await answer({ answer: 'once' });
    const before = api.seen.length;
    const all = await Promise.allSettled([call(), call(), call()]);
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(api.seen.length).toBe(before + 1);
  });

  it('371. is sent exactly as it was shown, for generated methods, paths, headers and bodies', async () => {
    let sent = 0;
    await fc.assert(
      fc.asyncProperty(anyCall, async ({ method, path, headers, body }) => {
        await forget();
        const input = { connectionId, method, path, headers, reserved: 'refuse' as const, ...(body && { body }) };
        const send = () => callService(keyward.broker, ann, input);
        const code = await refusal(send);
        const [view] = await opened();
        if (view?.details.call === undefined) return code !== 'approval_required';
        const shown = view.details.call;
        await answer({ answer: 'once' });
        await (await send()).discard();
        const arrived = api.seen.at(-1);
        sent += 1;
        expect(shown.method).toBe(arrived?.method);
        expect(shown.url).toBe(`${api.origin}${arrived?.url}`);
        expect(shown.body ?? '').toBe(arrived?.body);
        expect(shown.bytes).toBe(Buffer.byteLength(arrived?.body ?? ''));
        // What is beside it are the credential, what the definition adds, and what frames a message.
        const { host, connection, ...rest } = arrived?.headers ?? {};
        const ours = /^(x-api-key|user-agent|accept-encoding|content-length|transfer-encoding)$/;
        const isOurs = (name: string) => ours.test(name) || (name === 'accept' && shown.headers.accept === undefined);
        const beside = Object.entries(rest).filter(([name]) => !isOurs(name));
        const told = Object.entries(shown.headers).map(([name, value]) => [name, value.trim()]);
        expect(Object.fromEntries(beside)).toEqual(Object.fromEntries(told));
        expect(JSON.stringify(view)).not.toContain(apiKey);
        return true;
      }),
      { numRuns: 50 },
    );
    expect(sent).toBeGreaterThan(15);
  });

  it.each<[string, Partial<ApiInput>]>([
    ['method', { method: 'PUT' }],
    ['path', { path: '/itemS' }],
    ['query', { path: '/items?a' }],
    ['body', { body: { name: 'teA' } }],
    ['spelling of the body', { body: '{"name": "tea"}' }],
    ['header', { headers: { 'x-own': '1' } }],
    ['media type', { headers: { 'content-type': 'text/plain' } }],
  ])('372. with another %s than was allowed is asked anew', async (_, changed) => {
    expect(await refusal(call)).toBe('approval_required');
    const asked = await request();
    await answer({ answer: 'once' });
    expect(await refusal(() => call(changed))).toBe('approval_required');
    expect((await request()).details.call).not.toEqual(asked.details.call);
  });

  it('372. is asked anew once what the page shows beside it has changed', async () => {
    expect(await refusal(call)).toBe('approval_required');
    const { approvalId } = await request();
    await updateCredential(keyward.broker, ann, { credentialId: connectionId, name: 'Another name' });
    await expect(decide(keyward.broker, ann, approvalId, { answer: 'once' })).rejects.toMatchObject({
      code: 'attempt_expired',
    });
    expect(await refusal(call)).toBe('approval_required');
  });

  it('373. goes through for minutes with whatever body, for this method and path, this connection and this caller', async () => {
    expect(await refusal(call)).toBe('approval_required');
    await answer({ answer: 'minutes', minutes: 5 });
    await call();
    await call({ body: 'else', path: '/items?a=b' });
    const other: Principal = { ...ann, client: 'Another program' };
    for (const work of [
      () => call({ method: 'DELETE' }),
      () => call({ path: '/items/1' }),
      () => call({ path: '/Items' }),
      () => call({}, other),
      () => call({}, { ...ann, via: 'another session' }),
    ]) {
      expect(await refusal(work)).toBe('approval_required');
    }
    const [granted] = (await openApprovals(keyward.broker, ann)).filter(({ state }) => state === 'granted');
    await decide(keyward.broker, ann, granted?.approvalId ?? '', { answer: 'end' });
    expect(await refusal(call)).toBe('approval_required');
  });

  it('373. goes through for minutes on all paths that the pattern of the rule names, and on no other', async () => {
    const own = await connect({ ask: [{ methods: ['POST'], paths: ['/repos/*/issues'] }, { except: ['GET'] }] });
    const on = (path: string) => () => call({ connectionId: own, path });
    expect(await refusal(on('/repos/a/issues'))).toBe('approval_required');
    expect((await request()).details.call?.pattern).toEqual({ of: 'rule', path: '/repos/*/issues' });
    await answer({ answer: 'minutes', minutes: 5 });
    await on('/repos/b/issues')();
    // A path that reads as the pattern does is another one.
    for (const path of ['/repos/a/hooks', '/repos/%2A/issues/', '/repos/*/issues/1'])
      expect(await refusal(on(path))).toBe('approval_required');
  });

  it.each([
    '/Payments',
    '/payments/',
    '/payments;v=1',
    '/payments.json',
    '/payments.x',
    '/payments.json5',
    '/payments.',
    '/%70ayments',
    '/PAYMENTS%20',
    '/payments%2F',
    '/pay%EF%BD%8Dents',
    '/payments//',
  ])('374. is asked about however its path is spelled: %s', async (path) => {
    const own = await connect({ ask: [{ paths: ['/payments'] }] });
    expect(await refusal(() => call({ connectionId: own, path }))).toBe('approval_required');
    expect(await call({ connectionId: own, path: '/refunds' })).toMatchObject({ status: 200 });
  });

  it.each<[string, Buffer, Record<string, string>]>([
    ['is no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), {}],
    ['holds a NUL', Buffer.from('a\0b'), {}],
    ['is longer than anybody reads', Buffer.alloc(20_001, 'a'), {}],
    ['is longer than is read', Buffer.alloc(200_000, 'a'), {}],
    ['is compressed', Buffer.from('plain'), { 'content-encoding': 'gzip' }],
    ['is read in UTF-7', Buffer.from('+ADw-b+AD4-'), { 'content-type': 'text/html; charset="utf-7"' }],
    ['is read in one of two', Buffer.from('+ADw-'), { 'content-type': 'text/html; charset=utf-8; charset=utf-7' }],
    ['names UTF-8 in a quotation', Buffer.from('+ADw-'), { 'content-type': 'a/b; x="; charset=utf-8"; charset=utf-7' }],
    ['is read in UTF-16', Buffer.from('ab'), { 'Content-Type': 'application/json;charset=UTF-16LE' }],
  ])('375. is refused in words where its body %s', async (_, body, headers) => {
    for (const given of [body, Readable.from([body])]) {
      const input = { connectionId, method: 'POST', path: '/items', headers, reserved: 'refuse' as const, body: given };
      expect(await refusal(() => callService(keyward.broker, ann, input))).toBe('forbidden');
    }
    expect(await opened()).toEqual([]);
  });

  it('376. is refused where it holds the secret of its connection, which is shown and kept nowhere', async () => {
    for (const input of [{ body: { key: apiKey } }, { path: `/items?key=${apiKey}` }, { headers: { 'x-own': apiKey } }])
      expect(await refusal(() => call(input))).toBe('forbidden');
    expect(await opened()).toEqual([]);
    const audit = JSON.stringify(await keyward.audited());
    expect(audit).toContain('credential.call');
    expect(audit + keyward.logged()).not.toContain(apiKey);
  });

  it('377. by somebody it is shared with is asked of its owner, who reads who asks; nobody else can answer', async () => {
    const policy = { methods: ['GET'], ask: [{ methods: ['POST'], paths: ['/items'] }] };
    const shared = { connectionId, with: 'user:bob', permission: 'use' as const, policy };
    await shareConnection(keyward.broker, ann, shared);
    const work = () => call({}, bob);
    await expect(work()).rejects.toMatchObject({ code: 'approval_required', details: {} });
    const view = await request();
    expect(view).toMatchObject({ client: 'bob, with Test Client', details: { call: { method: 'POST' } } });
    expect(await openApprovals(keyward.broker, bob)).toEqual([]);
    await expect(decide(keyward.broker, bob, view.approvalId, { answer: 'once' })).rejects.toMatchObject({
      code: 'not_found',
    });
    expect(await refusal(() => call({ method: 'DELETE', path: '/items' }, bob))).toBe('forbidden');
    await answer({ answer: 'once' });
    expect(await call({}, bob)).toMatchObject({ status: 200 });
    // What one of them was allowed is nothing to the other.
    expect(await refusal(work)).toBe('approval_required');
    expect(await refusal(call)).toBe('approval_required');
  });

  it('377. is asked about where the share would allow it: the rules of the connection hold for everybody', async () => {
    const shared = { connectionId, with: 'user:bob', permission: 'use' as const, policy: { methods: null } };
    await shareConnection(keyward.broker, ann, shared);
    expect(await refusal(() => call({}, bob))).toBe('approval_required');
  });

  it('380. stands before the end of its connection, too', async () => {
    const end = () => deleteCredential(keyward.broker, ann, { credentialId: connectionId });
    expect(await refusal(end)).toBe('approval_required');
    expect(await request()).toMatchObject({ act: 'delete' });
    expect(await call({ method: 'GET', path: '/items', body: undefined })).toMatchObject({ status: 200 });
    await answer({ answer: 'once' });
    expect(await end()).toMatchObject({ deleted: true });
  });

  it('381. has its streamed body read whole before anything is sent, without what a program’s client adds', async () => {
    const again = (n: number) => ({
      connectionId,
      method: 'POST',
      path: '/items',
      reserved: 'drop' as const,
      headers: {
        'user-agent': `sdk/${n}`,
        'x-stainless-retry-count': String(n),
        traceparent: `00-${n}`,
        'idempotency-key': `try-${n}`,
        'x-own': 'shown',
      },
      body: Readable.from([Buffer.from('in '), Buffer.from('pieces')]),
      bodyLength: 9,
    });
    expect(await refusal(() => callService(keyward.broker, ann, again(1)))).toBe('approval_required');
    expect((await request()).details.call).toMatchObject({
      headers: { 'idempotency-key': '(a new key for each try)', 'x-own': 'shown' },
      body: 'in pieces',
      bytes: 9,
    });
    await answer({ answer: 'once' });
    await (await callService(keyward.broker, ann, again(2))).discard();
    const arrived = api.seen.at(-1);
    expect(arrived).toMatchObject({
      body: 'in pieces',
      headers: { 'idempotency-key': 'try-2', 'user-agent': 'keyward' },
    });
    expect(JSON.stringify(arrived?.headers)).not.toMatch(/stainless|traceparent/);
    // What is no such key is a text for the service like any other, so it is shown.
    const text = { ...again(3), headers: { 'idempotency-key': 'a text of many words' } };
    expect(await refusal(() => callService(keyward.broker, ann, text))).toBe('approval_required');
    expect(headOf((await request()).details.call ?? never())).toContain('idempotency-key: a text of many words');
  });
});

function never(): never {
  throw new Error('There is no call.');
}

const word = fc.string({ unit: fc.constantFrom(..."abcXYZ019-._~%2F*;:@!$&'()+,="), maxLength: 8 });
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom('\n\na', ' ', '{"a":1,"a":2}', '\u202eevil', '<script>', 'a\r\nb', '\ufeffx'),
);

/** Whatever a caller may write; what can't be sent is refused before anybody is asked. */
const anyCall = fc.record({
  method: fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'MKCOL', 'REPORT'),
  path: fc
    .tuple(fc.array(word, { minLength: 1, maxLength: 3 }), fc.option(fc.array(word, { maxLength: 3 })))
    .map(([parts, query]) => `/${parts.join('/')}${query === null ? '' : `?${query.join('&')}`}`),
  headers: fc.dictionary(
    fc.constantFrom('Accept', 'X-Own', 'content-type', 'If-Match', 'x-other'),
    fc.oneof(word, fc.constantFrom(' padded ', 'application/json', 'text/plain; charset=utf-8', 'é')),
    { maxKeys: 3 },
  ),
  body: fc.option(anyText, { nil: undefined }),
});
