import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Broker } from '../../../src/broker/broker.ts';
import { deleteCredential } from '../../../src/broker/credentials/delete.ts';
import { updateCredential } from '../../../src/broker/credentials/manage.ts';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import {
  ageTokens,
  connectAcme,
  credentialOf,
  startBroker,
  storeTokens,
  type TestBroker,
  tokensOf,
} from '../../support/broker.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../../support/servers/authorization-server.ts';

let server: AuthorizationServer;
let first: TestBroker;
/** A second process's view of the same vault. */
let second: TestBroker;

beforeAll(async () => {
  server = await startAuthorizationServer();
  first = await startBroker({ origin: server.issuer });
  second = await startBroker({ origin: server.issuer, folder: first.folder });
});
afterAll(async () => {
  await second.close();
  await first.close();
  await server.close();
});

const refreshes = () => server.calls.refresh_token ?? 0;
const read = async (broker: Broker, id: string) =>
  (await getConnectionCredentials(broker, me, { connectionId: id })).credentials.accessToken;

describe('refreshing against a server that kills the grant when a refresh token is used twice', () => {
  it('fifty readers of an expired token make one refresh and all get the new token', async () => {
    const { broker } = first;
    const id = await connectAcme(broker, me);
    const old = (await tokensOf(broker, me, id)).accessToken;
    await ageTokens(broker, me, id, -1_000);
    const before = refreshes();
    const tokens = await Promise.all(Array.from({ length: 50 }, () => read(broker, id)));
    expect(refreshes() - before).toBe(1);
    expect(new Set(tokens).size).toBe(1);
    expect(tokens[0]).not.toBe(old);
    expect(await server.isActive(String(tokens[0]))).toBe(true);
  });

  it('readers of two processes make one refresh, and the waiting one adopts it', async () => {
    const id = await connectAcme(first.broker, me);
    await ageTokens(first.broker, me, id, -1_000);
    const before = refreshes();
    const readers = Array.from({ length: 20 }, (_, n) => read(n % 2 ? first.broker : second.broker, id));
    expect(new Set(await Promise.all(readers)).size).toBe(1);
    expect(refreshes() - before).toBe(1);
  });

  it('a token is renewed before it expires, and not at all while it has time', async () => {
    const { broker } = first;
    const id = await connectAcme(broker, me);
    const before = refreshes();
    await ageTokens(broker, me, id, 301_000);
    await read(broker, id);
    expect(refreshes() - before).toBe(0);
    await ageTokens(broker, me, id, 299_000);
    await read(broker, id);
    expect(refreshes() - before).toBe(1);
  });

  it('tokens that live shorter than the margin are used for half of their life', async () => {
    const { broker } = first;
    const id = await connectAcme(broker, me);
    const before = refreshes();
    const live = async (lifetime: number, age: number) => {
      const now = await credentialOf(broker, me, id);
      const tokens = { ...(await tokensOf(broker, me, id)), expiresAt: Date.now() + lifetime - age };
      const refreshedAt = Date.now() - age;
      await broker.vault.commit([
        { op: 'update', kind: 'credential', record: { ...now, refreshedAt }, secret: tokens },
      ]);
      await read(broker, id);
    };
    await live(60_000, 20_000);
    expect(refreshes() - before).toBe(0);
    await live(60_000, 40_000);
    expect(refreshes() - before).toBe(1);
  });

  it('a grant that the service has forgotten ends in reconnect_required with the reason, and is not asked again', async () => {
    const { broker } = first;
    const credential = await storeTokens(broker, me, { refreshToken: 'never-issued' });
    const before = refreshes();
    await expect(read(broker, credential.id)).rejects.toMatchObject({ code: 'reconnect_required' });
    await expect(read(broker, credential.id)).rejects.toMatchObject({ code: 'reconnect_required' });
    await expect(read(second.broker, credential.id)).rejects.toMatchObject({ code: 'reconnect_required' });
    expect(refreshes() - before).toBe(1);
    expect(await credentialOf(broker, me, credential.id)).toMatchObject({
      status: 'reconnect_required',
      statusReason: expect.stringContaining('no longer accepts the refresh token'),
      refreshStartedAt: null,
    });
  });

  it('a token without refresh token is used until its last second, then a person has to connect again', async () => {
    const { broker } = first;
    const credential = await storeTokens(broker, me, { refreshToken: null, expiresAt: Date.now() + 30_000 });
    expect(await read(broker, credential.id)).toBe('at-0');
    await ageTokens(broker, me, credential.id, -1);
    await expect(read(broker, credential.id)).rejects.toMatchObject({ code: 'reconnect_required' });
  });

  it('renaming and refreshing at the same time both succeed', async () => {
    const { broker } = first;
    const id = await connectAcme(broker, me);
    for (let round = 0; round < 5; round += 1) {
      await ageTokens(broker, me, id, -1_000);
      const name = `Round ${round}`;
      await Promise.all([
        read(broker, id),
        updateCredential(broker, me, { credentialId: id, name }),
        updateCredential(second.broker, me, { credentialId: id, name }),
      ]);
      expect(await credentialOf(broker, me, id)).toMatchObject({ name, status: 'active', refreshStartedAt: null });
    }
  });

  it('reconnecting while a refresh is under way keeps the new grant', async () => {
    const { broker } = first;
    const id = await connectAcme(broker, me);
    for (let round = 0; round < 5; round += 1) {
      await ageTokens(broker, me, id, -1_000);
      const [, token] = await Promise.all([
        connectAcme(broker, me, { credentialId: id }),
        read(second.broker, id).catch((error: unknown) => error),
      ]);
      expect(token).toEqual(expect.any(String));
      const { accessToken } = await tokensOf(broker, me, id);
      expect(await server.isActive(accessToken)).toBe(true);
      expect(await credentialOf(broker, me, id)).toMatchObject({ status: 'active', version: expect.any(Number) });
    }
  });

  it('deleting while a refresh is under way revokes what the refresh obtained', async () => {
    const { broker } = first;
    const id = await connectAcme(broker, me);
    await ageTokens(broker, me, id, -1_000);
    const { version } = await credentialOf(broker, me, id);
    const reading = read(broker, id);
    // The refresh has begun, or is over: the deletion has to come after it either way.
    while ((await credentialOf(broker, me, id)).version === version) await new Promise(setImmediate);
    const deleted = await deleteCredential(second.broker, me, { credentialId: id });
    expect(deleted.revocation).toBe('revoked');
    expect(await server.isActive(String(await reading))).toBe(false);
    await expect(read(broker, id)).rejects.toMatchObject({ code: 'not_found' });
  });
});
