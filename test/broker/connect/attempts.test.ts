/** Pending connect flows: who may finish them, how often, and how they end. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { cancelAttempt, checkAttempt, resumeAttempt } from '../../../src/broker/connect/attempts.ts';
import { finishCallback } from '../../../src/broker/connect/callback.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import type { CreateInput } from '../../../src/broker/connect/create-input.ts';
import { viewAttempt } from '../../../src/broker/connect/page.ts';
import {
  cancelFromPage,
  startDeviceFromPage,
  submitAuthConfig,
  submitInputs,
} from '../../../src/broker/connect/page-forms.ts';
import { listCredentials } from '../../../src/broker/credentials/manage.ts';
import type { Visitor } from '../../../src/broker/visitors/visitor.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import { acme, consent, principal, startBroker, type TestBroker, tokensOf } from '../../support/broker.ts';
import { approveDevice } from '../../support/clients/click-through.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../../support/servers/authorization-server.ts';

let server: AuthorizationServer;
let keyward: TestBroker;
let second: TestBroker;
beforeAll(async () => {
  server = await startAuthorizationServer();
  keyward = await startBroker({ origin: server.issuer });
  second = await startBroker({ origin: server.issuer, folder: keyward.folder });
});
afterAll(async () => {
  await second.close();
  await keyward.close();
  await server.close();
});
afterEach(() => void vi.useRealTimers());

const oauth = { connectorId: acme, authenticationType: 'oauth2' };
const exchanges = () => server.calls.authorization_code ?? 0;
const newBrowser = () => randomBytes(16).toString('base64url');

async function start(input: CreateInput, from = keyward) {
  const created = await createCredential(from.broker, me, input, { obtainedBy: 'tool' });
  if (created.kind === 'attempt') return created;
  throw new Error('Nothing was left to ask.');
}
const check = (attemptId: string, waitSeconds = 0, from = keyward) =>
  checkAttempt(from.broker, me, { attemptId, waitSeconds });
const finish = (received: URLSearchParams, browser: string | null, from = keyward, connectorId: string | null = null) =>
  finishCallback(from.broker, { received, connectorId, cookieOf: () => browser, visitor: 'local' });

describe('a callback', () => {
  it('finishes the attempt, in whichever process it arrives', async () => {
    const { attemptId, browser, received } = await consent(keyward.broker, me);
    expect(await check(attemptId)).toEqual({ status: 'pending' });
    const waiting = check(attemptId, 10);
    await finish(received, browser, second);
    const done = await waiting;
    expect(done).toMatchObject({ status: 'completed', credentialId: expect.any(String) });
    const { accessToken } = await tokensOf(keyward.broker, me, done.credentialId ?? '');
    expect(await server.isActive(accessToken)).toBe(true);
  });

  it('15. with a state that is missing, altered, doubled or of another attempt is refused without a call to the service', async () => {
    const { attemptId, browser, received } = await consent(keyward.broker, me);
    const other = await consent(keyward.broker, me);
    const state = received.get('state') ?? '';
    const flipped = state.slice(0, -2) + (state.at(-2) === 'A' ? 'B' : 'A') + state.slice(-1);
    const before = exchanges();
    for (const wrong of [null, '', 'x', flipped, `${state}x`, state.toUpperCase(), other.received.get('state')]) {
      const query = new URLSearchParams(received);
      if (wrong === null) query.delete('state');
      else query.set('state', wrong);
      await expect(finish(query, browser), String(wrong)).rejects.toMatchObject({ code: 'forbidden' });
    }
    const doubled = new URLSearchParams(received);
    doubled.append('state', state);
    await expect(finish(doubled, browser)).rejects.toMatchObject({ code: 'forbidden' });
    expect(exchanges()).toBe(before);
    expect(await check(attemptId)).toEqual({ status: 'pending' });
    await finish(received, browser);
    expect(await check(attemptId)).toMatchObject({ status: 'completed' });
  });

  it('15. that comes after the attempt has expired is refused without a call to the service', async () => {
    const { attemptId, browser, received } = await consent(keyward.broker, me);
    const before = exchanges();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 601_000 });
    await expect(finish(received, browser)).rejects.toMatchObject({ code: 'attempt_expired' });
    expect(await check(attemptId)).toMatchObject({ status: 'expired', error: { code: 'attempt_expired' } });
    expect(exchanges()).toBe(before);
  });

  it('16. that is replayed is refused, also at the same moment, and the first result stays', async () => {
    const { attemptId, browser, received } = await consent(keyward.broker, me);
    const before = exchanges();
    const outcomes = await Promise.allSettled(
      [keyward, second, keyward, second].map((from) => finish(received, browser, from)),
    );
    expect(outcomes.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
    await expect(finish(received, browser)).rejects.toMatchObject({ code: 'attempt_used' });
    expect(exchanges() - before).toBe(1);
    const { credentialId = '' } = await check(attemptId);
    expect(await server.isActive((await tokensOf(keyward.broker, me, credentialId)).accessToken)).toBe(true);
  });

  it('17. that arrives in another browser is refused: a code of an attacker never becomes a victim’s credential', async () => {
    const attacker = await consent(keyward.broker, me);
    const victim = await consent(keyward.broker, me);
    const before = exchanges();
    for (const browser of [null, '', victim.browser, newBrowser()]) {
      await expect(finish(attacker.received, browser)).rejects.toMatchObject({ code: 'forbidden' });
    }
    // The attacker's code under the victim's state: PKCE ties it to the attacker's own verifier.
    const mixed = new URLSearchParams(victim.received);
    mixed.set('code', attacker.received.get('code') ?? '');
    expect(exchanges()).toBe(before);
    await finish(mixed, victim.browser);
    expect(await check(victim.attemptId)).toMatchObject({ status: 'failed', error: { code: 'provider_refused' } });
    expect(await check(attacker.attemptId)).toEqual({ status: 'pending' });
  });

  it('at the redirect URI of another server is refused', async () => {
    const { browser, received } = await consent(keyward.broker, me);
    await expect(finish(received, browser, keyward, 'custom.shop')).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('19. whose iss is another one ends the attempt, and the code goes nowhere', async () => {
    const { attemptId, browser, received } = await consent(keyward.broker, me);
    received.set('iss', 'https://evil.example');
    const before = exchanges();
    await finish(received, browser);
    expect(await check(attemptId)).toMatchObject({ status: 'failed', error: { code: 'provider_garbled' } });
    expect(exchanges()).toBe(before);
  });

  it('23. that brings an error shows none of its text', async () => {
    const { attemptId, browser, received } = await consent(keyward.broker, me);
    const script = '<script>alert(1)</script>';
    const denied = new URLSearchParams({ state: received.get('state') ?? '', iss: server.issuer });
    denied.set('error', 'access_denied');
    denied.set('error_description', script);
    await finish(denied, browser);
    const outcome = await check(attemptId);
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'provider_refused' } });
    expect(JSON.stringify(outcome)).not.toContain('script');
  });
});

describe('an attempt', () => {
  it('27. is not changed by being looked at, by however many browsers', async () => {
    const { attemptId, browser, received } = await consent(keyward.broker, me);
    const before = await keyward.broker.vault.findAttempt(attemptId);
    for (let n = 0; n < 20; n += 1) await viewAttempt(keyward.broker, attemptId, newBrowser(), 'local');
    expect(await keyward.broker.vault.findAttempt(attemptId)).toEqual(before);
    await finish(received, browser);
    expect(await check(attemptId)).toMatchObject({ status: 'completed' });
  });

  it('11. of somebody else is as good as missing', async () => {
    const { attemptId } = await start(oauth);
    const stranger = principal('bob');
    const missing = crypto.randomUUID();
    const answers: string[] = [];
    for (const id of [attemptId, missing]) {
      const failures = await Promise.all([
        checkAttempt(keyward.broker, stranger, { attemptId: id }).catch((error: Error) => error),
        cancelAttempt(keyward.broker, stranger, id).catch((error: Error) => error),
        resumeAttempt(keyward.broker, stranger, id, oauth).catch((error: Error) => error),
      ]);
      for (const failure of failures) expect(failure).toMatchObject({ code: 'not_found' });
      answers.push(JSON.stringify(failures.map((one) => [one, (one as Error).message])).replaceAll(id, '<id>'));
    }
    expect(answers[0]).toBe(answers[1]);
    expect(await check(attemptId)).toEqual({ status: 'pending' });
  });

  it('11. is resumed with the arguments that started it and refused with any other', async () => {
    const input = { ...oauth, name: 'Mine' };
    const { attemptId, url } = await start(input);
    expect(await resumeAttempt(second.broker, me, attemptId, { name: 'Mine', ...oauth })).toMatchObject({
      attemptId,
      url,
    });
    for (const other of [
      oauth,
      { ...input, name: 'Yours' },
      { ...input, extra: '1' },
      { ...input, connectorId: 'github' },
    ]) {
      const resuming = resumeAttempt(keyward.broker, me, attemptId, other);
      await expect(resuming).rejects.toMatchObject({ code: 'forbidden' });
    }
  });

  it('that is cancelled stays so, whatever comes back afterwards', async () => {
    const { attemptId, browser, received } = await consent(keyward.broker, me);
    await cancelAttempt(keyward.broker, me, attemptId);
    await cancelAttempt(keyward.broker, me, attemptId);
    const before = exchanges();
    await expect(finish(received, browser)).rejects.toMatchObject({ code: 'attempt_used' });
    expect(await check(attemptId)).toMatchObject({ status: 'failed', error: { code: 'cancelled' } });
    expect(exchanges()).toBe(before);
  });

  it('is waited for as long as asked, tells how long, and can be left waiting', async () => {
    const { attemptId } = await start(oauth);
    const told: number[] = [];
    const options = { onWait: (elapsed: number) => void told.push(elapsed) };
    const outcome = await checkAttempt(keyward.broker, me, { attemptId, waitSeconds: 2 }, options);
    expect([outcome.status, told]).toEqual(['pending', [1]]);
    const signal = AbortSignal.timeout(50);
    await expect(checkAttempt(keyward.broker, me, { attemptId, waitSeconds: 50 }, { signal })).rejects.toMatchObject({
      code: 'cancelled',
    });
  });

  it.each([864_000_000, -864_000_000])('is over, and never stuck, when the clock jumps by %i ms', async (jump) => {
    const { attemptId } = await start(oauth);
    const cut = await start(oauth);
    const record = await keyward.broker.vault.findAttempt(cut.attemptId);
    if (!record) throw new Error('There is no attempt.');
    await keyward.broker.vault.commit([{ op: 'update', kind: 'attempt', record: { ...record, status: 'exchanging' } }]);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + jump });
    expect(await check(attemptId, 5)).toMatchObject({ status: 'expired' });
    expect(await check(cut.attemptId, 5)).toMatchObject({ status: 'failed' });
    vi.useRealTimers();
    expect(await check(attemptId)).toEqual({ status: 'pending' });
  });
});

describe('a form', () => {
  const secretForm = { connectorId: acme, authenticationType: 'basic', username: 'ann' };

  it('is taken from its own page only, and once', async () => {
    const { attemptId } = await start(secretForm);
    const [mine, other] = [newBrowser(), newBrowser()];
    const { csrf } = await viewAttempt(keyward.broker, attemptId, mine, 'local');
    const fields = { username: 'ann', password: 'correct horse' };
    for (const [browser, token] of [
      [null, csrf],
      [other, csrf],
      [mine, ''],
      [mine, `${csrf}x`],
    ] as const) {
      const sending = submitInputs(
        keyward.broker,
        attemptId,
        { browser: browser, csrf: token, visitor: 'local' },
        fields,
      );
      await expect(sending).rejects.toMatchObject({ code: 'forbidden' });
      await expect(
        cancelFromPage(keyward.broker, attemptId, { browser: browser, csrf: token, visitor: 'local' }),
      ).rejects.toMatchObject({
        code: 'forbidden',
      });
    }
    expect(await check(attemptId)).toEqual({ status: 'pending' });
    const count = async () => (await listCredentials(keyward.broker, me, { limit: 100 })).credentials.length;
    const before = await count();
    await Promise.allSettled(
      [keyward, second, keyward].map(({ broker }) =>
        submitInputs(broker, attemptId, { browser: mine, csrf: csrf, visitor: 'local' }, fields),
      ),
    );
    expect(await check(attemptId)).toMatchObject({ status: 'completed' });
    expect((await count()) - before).toBe(1);
    await expect(
      submitInputs(keyward.broker, attemptId, { browser: mine, csrf: csrf, visitor: 'local' }, fields),
    ).rejects.toMatchObject({
      code: 'attempt_used',
    });
  });

  it('with a client that the service refuses says so, stores nothing, and takes the right one then', async () => {
    const plain = await startBroker({ origin: server.issuer, settings: { authConfigs: new Map() } });
    const { attemptId } = await start({ connectorId: acme, authenticationType: 'oauth2_client_credentials' }, plain);
    const browser = newBrowser();
    const { csrf, ...view } = await viewAttempt(plain.broker, attemptId, browser, 'local');
    expect(view).toMatchObject({ step: 'auth_config', secretNeeded: true });
    const submit = (clientSecret: string) =>
      submitAuthConfig(
        plain.broker,
        attemptId,
        { browser: browser, csrf: csrf, visitor: 'local' },
        { clientId: 'keyward', clientSecret },
      );
    expect(await submit('wrong')).toMatchObject({ problems: { clientId: expect.stringContaining('client') } });
    expect(await plain.broker.vault.list('authConfig', me, {}, { limit: 10 })).toEqual([]);
    expect(await submit('keyward-secret')).toBeNull();
    expect(await check(attemptId, 0, plain)).toMatchObject({ status: 'completed' });
    expect(await plain.broker.vault.list('authConfig', me, {}, { limit: 10 })).toHaveLength(1);
    await plain.close();
  });
});

describe('the device flow', () => {
  /** The owner opens the page, knows what is asked for, and has the code shown. */
  async function shown() {
    const { attemptId, ...started } = await start({ ...oauth, flow: 'device' });
    const browser = newBrowser();
    const look = (visitor: Visitor = me) => viewAttempt(keyward.broker, attemptId, browser, visitor);
    const { csrf } = await look();
    const go = (visitor: Visitor = me) => startDeviceFromPage(keyward.broker, attemptId, { browser, csrf, visitor });
    return { attemptId, started, look, go };
  }

  it('90. begins on the page of its owner, and a link that is passed on is worth nothing', async () => {
    const { attemptId, started, look, go } = await shown();
    expect(started).not.toHaveProperty('userCode');
    expect(new URL(started.url).pathname).toBe(`/connect/${attemptId}`);
    expect(await look()).toMatchObject({ step: 'device_start', scopes: ['openid', 'offline_access'] });
    const victim = { tenant: 'local', user: 'victim' };
    for (const stranger of [victim, 'unknown'] as const) {
      await expect(look(stranger)).rejects.toMatchObject({ code: /unauthenticated|forbidden/ });
      await expect(go(stranger)).rejects.toMatchObject({ code: /unauthenticated|forbidden/ });
    }
    // Opening it asks the service for nothing.
    expect(await look()).toMatchObject({ step: 'device_start' });
    await go();
    expect(await look()).toMatchObject({ step: 'device', scopes: ['openid', 'offline_access'] });
    await expect(look(victim)).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('ends in a credential with two processes polling, and none asks more often than it may', async () => {
    const { attemptId, look, go } = await shown();
    await go();
    const view = await look();
    if (view.step !== 'device') throw new Error(`At ${view.step}.`);
    const waiting = Promise.all([check(attemptId, 30), check(attemptId, 30, second)]);
    await approveDevice(view.verificationUriComplete ?? '');
    const [one, two] = await waiting;
    expect(one).toMatchObject({ status: 'completed', credentialId: expect.any(String) });
    expect(two).toEqual(one);
    expect(await server.isActive((await tokensOf(keyward.broker, me, one.credentialId ?? '')).accessToken)).toBe(true);
    expect(server.errors.slow_down).toBeUndefined();
  });

  it('ends when the person says no', async () => {
    const { attemptId, look, go } = await shown();
    await go();
    const view = await look();
    if (view.step !== 'device') throw new Error(`At ${view.step}.`);
    await approveDevice(view.verificationUriComplete ?? '', { decision: 'deny' });
    expect(await check(attemptId, 30)).toMatchObject({ status: 'failed', error: { code: 'provider_refused' } });
  });
});
