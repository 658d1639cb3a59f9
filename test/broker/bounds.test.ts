/** What one user may have, and have under way, however hard it tries; and that others don't notice. */
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { callApi } from '../../src/broker/calls/call-api.ts';
import { checkAttempt } from '../../src/broker/connect/attempts.ts';
import { createCredential } from '../../src/broker/connect/create.ts';
import { fresh } from '../../src/broker/grants/refresh.ts';
import { acme, principal, startBroker, storeTokens, type TestBroker } from '../support/broker.ts';
import { type HttpServer, startHttpServer } from '../support/servers/http-server.ts';

const [mallory, victim] = [principal('mallory', 'evil'), principal('victim', 'good')];

let server: HttpServer;
let keyward: TestBroker;
/** Answers that a slow service still owes, while it hangs. */
let owed: ServerResponse[];
let hanging: boolean;

beforeEach(async () => {
  owed = [];
  hanging = true;
  server = await startHttpServer(({ url, body }, response) => {
    if (hanging && (body.includes('slow') || url.includes('slow'))) return void owed.push(response);
    answer(response);
  });
  keyward = await startBroker({ origin: server.origin });
});
afterEach(async () => {
  release();
  await keyward.close();
  await server.close();
});

function answer(response: ServerResponse): void {
  const tokens = { access_token: 'at-1', refresh_token: 'rt-1', token_type: 'Bearer', expires_in: 3600 };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(tokens));
}

/** Lets the slow service answer all that it owes, now and from now on. */
function release(): void {
  hanging = false;
  for (const response of owed.splice(0)) answer(response);
}

/** Resolves when the condition holds; fails after ten seconds. */
async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries > 1_000) throw new Error('It never came to that.');
    await sleep(10);
  }
}

const slowly = (count: number) =>
  Promise.all(Array.from({ length: count }, () => storeTokens(keyward.broker, mallory, { refreshToken: 'rt-slow' })));
const create = (who: typeof mallory, fields: Record<string, string> = {}) =>
  createCredential(
    keyward.broker,
    who,
    { connectorId: acme, authenticationType: 'oauth2', ...fields },
    { obtainedBy: 'tool' },
  );
const codes = (settled: readonly PromiseSettledResult<unknown>[]) =>
  settled.map((one) => (one.status === 'rejected' ? one.reason.code : 'done'));
const count = (all: readonly string[], one: string) => all.filter((code) => code === one).length;

it('130. of sixty attempts that one user starts at once twenty are stored, and another user still starts one', async () => {
  const started = await Promise.allSettled(Array.from({ length: 60 }, () => create(mallory)));
  expect(count(codes(started), 'done')).toBe(20);
  expect(count(codes(started), 'limit_reached')).toBe(40);
  expect(await keyward.store.held('attempt', mallory)).toMatchObject({ rows: 20, open: 20 });
  expect((await create(victim)).kind).toBe('attempt');
});

it('131. a hundred refreshes at a service that hangs delay no refresh of another user, in any process', async () => {
  const [stuck, [mine, mineToo]] = await Promise.all([
    slowly(100),
    Promise.all([storeTokens(keyward.broker, victim), storeTokens(keyward.broker, victim)]),
  ]);
  const flights = Promise.allSettled(stuck.map((credential) => fresh(keyward.broker, credential)));
  await until(() => owed.length >= 8);
  const second = await startBroker({ origin: server.origin, folder: keyward.folder });
  const begun = performance.now();
  const tokens = await Promise.race([
    Promise.all([fresh(keyward.broker, mine as typeof mineToo), fresh(second.broker, mineToo)]),
    sleep(5_000, 'too late'),
  ]);
  expect(tokens).toMatchObject([{ secret: { accessToken: 'at-1' } }, { secret: { accessToken: 'at-1' } }]);
  expect(performance.now() - begun).toBeLessThan(5_000);
  // However many hang, so many are under way: the rest take turns.
  expect(owed).toHaveLength(8);
  release();
  expect(count(codes(await flights), 'done')).toBe(100);
  await second.close();
});

it('132. one user has eight calls under way and 32 waiting; what is more is refused in words, and others still call', async () => {
  const key = { apiKey: 'acme_0000000000000000' };
  const connect = async (who: typeof mallory) => {
    const created = await create(who, { authenticationType: 'api_key', ...key });
    if (created.kind !== 'created') throw new Error('Not created.');
    return created.credentialId;
  };
  const [hers, theirs] = [await connect(mallory), await connect(victim)];
  const gone = new AbortController();
  const call = (options = {}) =>
    callApi(keyward.broker, mallory, { connectionId: hers, method: 'GET', path: '/slow' }, options);
  const calls = Array.from({ length: 40 }, (_, at) => call(at === 39 ? { signal: gone.signal } : {}));
  const settled = Promise.allSettled(calls);
  await until(() => owed.length >= 8);
  await expect(call()).rejects.toMatchObject({
    code: 'rate_limited',
    message: 'You have 8 calls under way and 32 more waiting.',
    hint: 'Wait until some of them have ended, then try again.',
  });
  expect(owed).toHaveLength(8);
  const other = await callApi(keyward.broker, victim, { connectionId: theirs, method: 'GET', path: '/me' });
  expect(other.status).toBe(200);
  // One that gives up waiting makes room for another.
  gone.abort();
  const late = call();
  release();
  expect(codes(await settled)).toEqual([...Array(39).fill('done'), 'cancelled']);
  expect((await late).status).toBe(200);
});

it('133. sixteen calls of one user wait for a person; one more is told to come later, and one that does not wait is answered', async () => {
  const started = await create(mallory);
  if (started.kind !== 'attempt') throw new Error('Nothing to wait for.');
  const { attemptId } = started;
  const gone = new AbortController();
  const wait = () => checkAttempt(keyward.broker, mallory, { attemptId, waitSeconds: 50 }, { signal: gone.signal });
  const waiting = Promise.allSettled(Array.from({ length: 16 }, wait));
  await expect(wait()).rejects.toMatchObject({ code: 'rate_limited' });
  expect(await checkAttempt(keyward.broker, mallory, { attemptId })).toEqual({ status: 'pending' });
  gone.abort();
  expect(count(codes(await waiting), 'cancelled')).toBe(16);
});
