/** Refreshes that go wrong: the service is down, slow, garbled or wrong, or its answer can't be stored. */
import { rename } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { deleteCredential } from '../../../src/broker/credentials/delete.ts';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import { fresh } from '../../../src/broker/grants/refresh.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import { ageTokens, credentialOf, startBroker, storeTokens, type TestBroker, tokensOf } from '../../support/broker.ts';
import { type HttpServer, type Seen, startHttpServer } from '../../support/servers/http-server.ts';

type Answer = (request: Seen, response: ServerResponse) => void | Promise<void>;

let server: HttpServer;
let answer: Answer;
let keyward: TestBroker;

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Answer => {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };
};
const granted = (n: number) =>
  json(200, { access_token: `at-${n}`, refresh_token: `rt-${n}`, token_type: 'Bearer', expires_in: 3600 });
const refusedGrant = json(400, { error: 'invalid_grant' });

/** Different answers to the next requests; the last one stays. */
const inTurn = (...answers: readonly Answer[]): Answer => {
  let next = 0;
  return (request, response) => answers[Math.min(next++, answers.length - 1)]?.(request, response);
};

beforeAll(async () => {
  server = await startHttpServer((request, response) => answer(request, response));
});
afterAll(() => server.close());
beforeEach(async () => {
  keyward = await startBroker({ origin: server.origin });
});
afterEach(async () => {
  vi.useRealTimers();
  await keyward.close();
});

const read = async (id: string, { broker }: TestBroker = keyward) =>
  (await getConnectionCredentials(broker, me, { connectionId: id })).credentials.accessToken;
/** As if the time had passed for which a failed service is left alone. */
const endCoolDown = (id: string) => {
  const cooling = keyward.broker.coolDowns.get(id);
  if (cooling) keyward.broker.coolDowns.set(id, { ...cooling, until: 0 });
};
const asked = (since: number) => server.seen.length - since;
const valid = () => ({ expiresAt: Date.now() + 60_000 });

describe('a verdict on the grant', () => {
  it.each(['invalid_grant', 'invalid_request'])(
    '28. (%s) is none while a sibling rotated: its tokens are used',
    async (error) => {
      const sibling = await startBroker({ origin: server.origin, folder: keyward.folder });
      const { id } = await storeTokens(keyward.broker, me);
      answer = async (request, response) => {
        const record = await credentialOf(sibling.broker, me, id);
        const secret = { ...(await tokensOf(sibling.broker, me, id)), accessToken: 'siblings', ...valid() };
        await sibling.broker.vault.commit([{ op: 'update', kind: 'credential', record, secret }]);
        await json(400, { error })(request, response);
      };
      expect(await read(id)).toBe('siblings');
      expect(await credentialOf(keyward.broker, me, id)).toMatchObject({ status: 'active', statusReason: null });
      await sibling.close();
    },
  );

  it('is final when nobody else rotated, and says when an earlier refresh was cut off', async () => {
    const { id } = await storeTokens(keyward.broker, me);
    // The first answer is lost on the way; the token had rotated.
    answer = inTurn((_, response) => void response.destroy(), refusedGrant);
    const before = server.seen.length;
    await expect(read(id)).rejects.toMatchObject({ code: 'reconnect_required' });
    expect(asked(before)).toBe(2);
    const { statusReason } = await credentialOf(keyward.broker, me, id);
    expect(statusReason).toContain('interrupted');
  });

  it('does not blame an interruption when the service had only been busy', async () => {
    const { id } = await storeTokens(keyward.broker, me);
    answer = json(429, {}, { 'retry-after': '0' });
    await expect(read(id)).rejects.toMatchObject({ code: 'provider_unavailable' });
    expect(await credentialOf(keyward.broker, me, id)).toMatchObject({ refreshStartedAt: null });
    keyward.broker.coolDowns.clear();
    answer = refusedGrant;
    await expect(read(id)).rejects.toMatchObject({ code: 'reconnect_required' });
    const { statusReason } = await credentialOf(keyward.broker, me, id);
    expect(statusReason).not.toContain('interrupted');
  });

  it.each(['interaction_required', 'consent_required', 'login_required'])(
    'is final where the service wants the person (%s), and says what it wants',
    async (error) => {
      const { id } = await storeTokens(keyward.broker, me);
      answer = json(400, { error });
      await expect(read(id)).rejects.toMatchObject({ code: 'reconnect_required' });
      const { status, statusReason } = await credentialOf(keyward.broker, me, id);
      expect({ status, statusReason }).toEqual({
        status: 'reconnect_required',
        statusReason: expect.stringMatching(/^The service wants the person to (sign in there|agree) again/),
      });
    },
  );

  it.each([
    [400, 'invalid_request'],
    [403, 'unauthorized_client'],
    [401, 'invalid_token'],
  ])('is final when %i %s comes again after the service was left alone, not before', async (status, error) => {
    const { id } = await storeTokens(keyward.broker, me);
    answer = json(status, { error });
    await expect(read(id)).rejects.toMatchObject({ code: 'provider_refused' });
    await expect(read(id)).rejects.toMatchObject({ code: 'provider_refused' });
    expect(await credentialOf(keyward.broker, me, id)).toMatchObject({ status: 'active' });
    endCoolDown(id);
    await expect(read(id)).rejects.toMatchObject({ code: 'reconnect_required' });
    expect(await credentialOf(keyward.broker, me, id)).toMatchObject({ status: 'reconnect_required' });
  });

  it('is not final when the service gave another reason before, or was only in trouble', async () => {
    const { id } = await storeTokens(keyward.broker, me);
    for (const trouble of [json(503, {}), json(400, { error: 'invalid_request' }), json(503, {})]) {
      answer = trouble;
      await expect(read(id)).rejects.toThrow();
      endCoolDown(id);
    }
    expect(await credentialOf(keyward.broker, me, id)).toMatchObject({ status: 'active' });
  });

  it('is not read into a refused OAuth client: once the client is mended, the grant goes on', async () => {
    const { id } = await storeTokens(keyward.broker, me);
    answer = json(401, { error: 'invalid_client' });
    await expect(read(id)).rejects.toMatchObject({ code: 'provider_refused' });
    const before = server.seen.length;
    await expect(read(id)).rejects.toMatchObject({ code: 'provider_refused' });
    expect(asked(before)).toBe(0);
    expect(await credentialOf(keyward.broker, me, id)).toMatchObject({ status: 'active' });
    keyward.broker.coolDowns.clear();
    answer = granted(1);
    expect(await read(id)).toBe('at-1');
  });
});

describe('a service in trouble', () => {
  const troubles: readonly [string, Answer][] = [
    ['is down', json(503, {})],
    ['asks for patience', json(429, {}, { 'retry-after': '7' })],
    ['answers with a page', (_, response) => void response.writeHead(200).end('<html>Sign in to the Wi-Fi</html>')],
    ['answers with garbage', (_, response) => void response.writeHead(200).end('\u0000\u0001{')],
    ['closes the connection', (_, response) => void response.destroy()],
    ['does not know the client', json(401, { error: 'invalid_client' })],
    ['never ends', (_, response) => void response.writeHead(200).end(Buffer.alloc(2_000_000, ' '))],
  ];

  it.each(troubles)('that %s costs nothing while the token at hand still works', async (_, trouble) => {
    const { id } = await storeTokens(keyward.broker, me, valid());
    answer = trouble;
    expect(await read(id)).toBe('at-0');
    const before = server.seen.length;
    expect(await read(id)).toBe('at-0');
    expect(asked(before)).toBe(0);
  });

  it.each(troubles)(
    'that %s is a typed error once the token has expired, and the grant survives',
    async (_, trouble) => {
      const { id } = await storeTokens(keyward.broker, me);
      answer = trouble;
      const failure = await read(id).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: expect.stringMatching(/^provider_|^egress_too_large$/) });
      keyward.broker.coolDowns.clear();
      answer = granted(2);
      expect(await read(id)).toBe('at-2');
    },
  );

  it('is left alone as long as it asks for, whatever the clock says, and asked again afterwards', async () => {
    const { id } = await storeTokens(keyward.broker, me);
    answer = json(429, {}, { 'retry-after': '90' });
    const begun = performance.now();
    await expect(read(id)).rejects.toMatchObject({ details: { retryAfterSeconds: 90 } });
    const until = keyward.broker.coolDowns.get(id)?.until ?? 0;
    expect(until - begun).toBeGreaterThan(89_000);
    expect(until - begun).toBeLessThan(100_000);
    const before = server.seen.length;
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 864_000_000 });
    await expect(read(id)).rejects.toMatchObject({ code: 'provider_unavailable' });
    expect(asked(before)).toBe(0);
    keyward.broker.coolDowns.set(id, { until: performance.now(), error: new Error('over') });
    answer = granted(3);
    expect(await read(id)).toBe('at-3');
    expect(keyward.broker.coolDowns.size).toBe(0);
  });

  it('fifty readers of an expired token ask it once', async () => {
    const { id } = await storeTokens(keyward.broker, me);
    answer = json(503, {}, { 'retry-after': '1' });
    const before = server.seen.length;
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => read(id)));
    expect(outcomes.every((one) => one.status === 'rejected')).toBe(true);
    expect(asked(before)).toBe(1);
  });

  it('a forced renewal never answers the token that was refused', async () => {
    const credential = await storeTokens(keyward.broker, me, valid());
    answer = json(503, {});
    await expect(fresh(keyward.broker, credential, { force: true })).rejects.toMatchObject({
      code: 'provider_unavailable',
    });
    keyward.broker.coolDowns.clear();
    answer = granted(4);
    const before = server.seen.length;
    const all = await Promise.all([1, 2, 3].map(() => fresh(keyward.broker, credential, { force: true })));
    expect(all.map(({ secret }) => secret)).toEqual(Array(3).fill(expect.objectContaining({ accessToken: 'at-4' })));
    expect(asked(before)).toBe(1);
  });

  it('keeps scopes and the refresh token that an answer leaves out', async () => {
    const { id } = await storeTokens(keyward.broker, me, {
      scopes: ['a', 'b'],
      kept: { instance_url: 'https://x.example' },
    });
    answer = json(200, { access_token: 'at-5', token_type: 'Bearer', expires_in: 3600 });
    const { credentials } = await getConnectionCredentials(keyward.broker, me, { connectionId: id });
    expect(credentials).toMatchObject({ accessToken: 'at-5', scopes: ['a', 'b'], instance_url: 'https://x.example' });
    expect(await tokensOf(keyward.broker, me, id)).toMatchObject({ refreshToken: 'rt-0' });
  });
});

describe('an answer that can not be stored', () => {
  /** A granting service; the vault's folder goes away, as an unplugged disk does, before it answers. */
  function unpluggingAnswer(n: number): { readonly answer: Answer; plugIn(): Promise<void> } {
    const folder = join(keyward.folder, 'vault');
    return {
      answer: async (request, response) => {
        await rename(folder, `${folder}.away`);
        await granted(n)(request, response);
      },
      plugIn: () => rename(`${folder}.away`, folder),
    };
  }

  it('is not used, is kept, and is stored by the next reader without asking again', async () => {
    const { id } = await storeTokens(keyward.broker, me);
    const unplugging = unpluggingAnswer(6);
    answer = unplugging.answer;
    await expect(read(id)).rejects.toMatchObject({ code: expect.stringMatching(/^(storage_|vault_)/) });
    await unplugging.plugIn();
    expect((await tokensOf(keyward.broker, me, id)).accessToken).toBe('at-0');
    const before = server.seen.length;
    expect(await read(id)).toBe('at-6');
    expect(asked(before)).toBe(0);
    expect(await tokensOf(keyward.broker, me, id)).toMatchObject({ accessToken: 'at-6', refreshToken: 'rt-6' });
  });

  it('is stored when Keyward ends, and brings back a connection that another process gave up meanwhile', async () => {
    const { id } = await storeTokens(keyward.broker, me);
    const sibling = await startBroker({ origin: server.origin, folder: keyward.folder });
    const unplugging = unpluggingAnswer(7);
    answer = unplugging.answer;
    await expect(read(id)).rejects.toThrow();
    await unplugging.plugIn();
    answer = refusedGrant;
    await expect(read(id, sibling)).rejects.toMatchObject({ code: 'reconnect_required' });
    await keyward.broker.close();
    expect(await read(id, sibling)).toBe('at-7');
    expect(await credentialOf(sibling.broker, me, id)).toMatchObject({ status: 'active', statusReason: null });
    await sibling.close();
  });

  it('revives a connection that another process gave up meanwhile, at the next read', async () => {
    const { id } = await storeTokens(keyward.broker, me);
    const sibling = await startBroker({ origin: server.origin, folder: keyward.folder });
    const unplugging = unpluggingAnswer(9);
    answer = unplugging.answer;
    await expect(read(id)).rejects.toThrow();
    await unplugging.plugIn();
    answer = refusedGrant;
    await expect(read(id, sibling)).rejects.toMatchObject({ code: 'reconnect_required' });
    const before = server.seen.length;
    expect(await read(id)).toBe('at-9');
    expect(asked(before)).toBe(0);
    expect(await read(id, sibling)).toBe('at-9');
    await sibling.close();
  });

  it('does not replace what a person connected meanwhile', async () => {
    const { id } = await storeTokens(keyward.broker, me);
    const unplugging = unpluggingAnswer(10);
    answer = unplugging.answer;
    await expect(read(id)).rejects.toThrow();
    await unplugging.plugIn();
    const record = await credentialOf(keyward.broker, me, id);
    const secret = { ...(await tokensOf(keyward.broker, me, id)), accessToken: 'reconnected', ...valid() };
    await keyward.broker.vault.commit([{ op: 'update', kind: 'credential', record, secret }]);
    answer = json(503, {});
    expect(await read(id)).toBe('reconnected');
    await keyward.broker.close();
    expect((await tokensOf(keyward.broker, me, id)).accessToken).toBe('reconnected');
  });

  it('is what a deletion revokes', async () => {
    const { id } = await storeTokens(keyward.broker, me);
    const unplugging = unpluggingAnswer(8);
    answer = unplugging.answer;
    await expect(read(id)).rejects.toThrow();
    await unplugging.plugIn();
    answer = json(200, {});
    expect(await deleteCredential(keyward.broker, me, { credentialId: id })).toMatchObject({ revocation: 'revoked' });
    expect(new URLSearchParams(server.seen.at(-1)?.body).get('token')).toBe('rt-8');
  });
});

describe('clock jumps', () => {
  it.each([864_000_000, -864_000_000])('of %i ms there and back cost one refresh each at most', async (jump) => {
    const { id } = await storeTokens(keyward.broker, me, valid());
    let n = 10;
    answer = (request, response) => granted(++n)(request, response);
    await read(id);
    const real = Date.now();
    for (const now of [real + jump, real, real + jump, real]) {
      vi.useFakeTimers({ toFake: ['Date'], now });
      const before = server.seen.length;
      for (let turn = 0; turn < 10; turn += 1) await read(id);
      expect(asked(before)).toBeLessThanOrEqual(1);
    }
  });

  it('a token that was obtained while the clock was ahead is renewed, since its expiry is not known', async () => {
    const { id } = await storeTokens(keyward.broker, me, valid());
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 864_000_000 });
    answer = granted(21);
    expect(await read(id)).toBe('at-21');
    vi.useRealTimers();
    answer = granted(22);
    expect(await read(id)).toBe('at-22');
    expect((await credentialOf(keyward.broker, me, id)).expiresAt).toBeLessThan(Date.now() + 3_700_000);
  });
});

describe('deleting and reconnecting', () => {
  it('a deleted credential costs no further call', async () => {
    const { id } = await storeTokens(keyward.broker, me);
    answer = json(503, {});
    await deleteCredential(keyward.broker, me, { credentialId: id });
    const before = server.seen.length;
    await expect(read(id)).rejects.toMatchObject({ code: 'not_found' });
    expect(asked(before)).toBe(0);
  });

  it('client credentials are renewed by asking for new ones, and stay alive without a refresh token', async () => {
    answer = inTurn(granted(7), granted(8));
    const created = await createCredential(
      keyward.broker,
      me,
      { connectorId: 'custom.acme', authenticationType: 'oauth2_client_credentials' },
      { obtainedBy: 'tool' },
    );
    if (created.kind !== 'created') throw new Error('Something was left to ask.');
    expect(await read(created.credentialId)).toBe('at-7');
    await ageTokens(keyward.broker, me, created.credentialId, -1);
    expect(await read(created.credentialId)).toBe('at-8');
  });
});
