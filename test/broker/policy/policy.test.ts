/** Who may do what, and that it is written down before it happens. */
import { mkdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { deleteCredential } from '../../../src/broker/credentials/delete.ts';
import { getConnection, listCredentials, updateCredential } from '../../../src/broker/credentials/manage.ts';
import { getCredentialMetadata, listConnectors } from '../../../src/broker/credentials/metadata.ts';
import { readAudit } from '../../../src/broker/credentials/read-audit.ts';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import { verifyCredential } from '../../../src/broker/credentials/verify.ts';
import { addAuthConfig, listAuthConfigs } from '../../../src/broker/grants/auth-configs.ts';
import { localPrincipal as me, type Principal, type Scope, scopes } from '../../../src/principal.ts';
import { verifyAudit } from '../../../src/vault/audit/audit-verify.ts';
import type { AuditEvent } from '../../../src/vault/vault.ts';
import { acme, principal, startBroker, storeTokens, type TestBroker } from '../../support/broker.ts';
import { type HttpServer, startHttpServer } from '../../support/servers/http-server.ts';

let server: HttpServer;
let keyward: TestBroker;
beforeEach(async () => {
  server = await startHttpServer((_, response) => void response.writeHead(200).end('{}'));
  keyward = await startBroker({ origin: server.origin });
});
afterEach(async () => {
  await keyward.close();
  await server.close();
});

const without = (scope: Scope): Principal => ({ ...me, scopes: new Set(scopes.filter((one) => one !== scope)) });
const live = (owner = me) => storeTokens(keyward.broker, owner, { expiresAt: null });
const apiKey = { connectorId: acme, authenticationType: 'api_key', apiKey: 'acme_0123456789abcdef' };

/** Every operation, the scope it needs, and the action it is audited as when it is allowed. */
const operations: readonly [string, Scope, string | null, (who: Principal, id: string) => Promise<unknown>][] = [
  ['listing connectors', 'credentials:read', null, (who) => listConnectors(keyward.broker, who, {})],
  [
    'reading metadata',
    'credentials:read',
    null,
    (who) => getCredentialMetadata(keyward.broker, who, { connectorId: acme }, 'model'),
  ],
  ['listing credentials', 'credentials:read', null, (who) => listCredentials(keyward.broker, who, {})],
  [
    'reading a connection',
    'credentials:read',
    null,
    (who, id) => getConnection(keyward.broker, who, { connectionId: id }),
  ],
  ['listing auth configs', 'credentials:read', null, (who) => listAuthConfigs(keyward.broker, who)],
  [
    'creating',
    'credentials:write',
    'credential.create',
    (who) => createCredential(keyward.broker, who, apiKey, { obtainedBy: 'tool' }),
  ],
  [
    'starting an attempt',
    'credentials:write',
    'attempt.start',
    (who) =>
      createCredential(
        keyward.broker,
        who,
        { connectorId: acme, authenticationType: 'basic', username: 'ann' },
        { obtainedBy: 'tool' },
      ),
  ],
  [
    'renaming',
    'credentials:write',
    'credential.update',
    (who, id) => updateCredential(keyward.broker, who, { credentialId: id, name: 'New' }),
  ],
  [
    'deleting',
    'credentials:write',
    'credential.delete',
    (who, id) => deleteCredential(keyward.broker, who, { credentialId: id }),
  ],
  [
    'storing an auth config',
    'credentials:write',
    'auth_config.create',
    (who) => addAuthConfig(keyward.broker, who, { connectorId: acme, clientId: 'c', clientSecret: 's' }),
  ],
  [
    'verifying',
    'credentials:use',
    'credential.verify',
    (who, id) => verifyCredential(keyward.broker, who, { credentialId: id }),
  ],
  [
    'releasing',
    'credentials:release',
    'credential.release',
    (who, id) => getConnectionCredentials(keyward.broker, who, { connectionId: id }),
  ],
];

describe('scopes', () => {
  it.each(operations)('%s needs its scope, and a refusal changes nothing and is audited', async (_, scope, __, act) => {
    const { id } = await live();
    const before = server.seen.length;
    await expect(act(without(scope), id)).rejects.toMatchObject({ code: 'insufficient_scope' });
    expect(server.seen.length).toBe(before);
    expect((await listCredentials(keyward.broker, me, {})).credentials).toHaveLength(1);
    expect(await keyward.audited()).toEqual([
      expect.objectContaining({ user: 'local', outcome: 'refused', code: 'insufficient_scope' }),
    ]);
  });

  it.each(operations)(
    '%s with its scope is done, and audited when it is more than reading',
    async (_, __, action, act) => {
      const { id } = await live();
      await act(me, id);
      const actions = (await keyward.audited()).map((event) => [event.action, event.outcome]);
      expect(actions).toEqual(action === null ? [] : [[action, 'allowed']]);
    },
  );

  it('without the scope to write, no client credentials are asked for at the service', async () => {
    const input = { connectorId: acme, authenticationType: 'oauth2_client_credentials' };
    const creating = createCredential(keyward.broker, without('credentials:write'), input, { obtainedBy: 'tool' });
    await expect(creating).rejects.toMatchObject({ code: 'insufficient_scope' });
    expect(server.seen).toEqual([]);
  });

  it('5. the id of another person is refused, and the owner stays who it was', async () => {
    await live();
    const input = { ...apiKey, userId: 'bob' };
    await expect(createCredential(keyward.broker, me, input, { obtainedBy: 'tool' })).rejects.toMatchObject({
      code: 'forbidden',
    });
    await expect(listCredentials(keyward.broker, me, { userId: 'bob' })).rejects.toMatchObject({ code: 'forbidden' });
    expect((await listCredentials(keyward.broker, principal('bob'), {})).credentials).toEqual([]);
    expect((await listCredentials(keyward.broker, me, { userId: 'local' })).credentials).toHaveLength(1);
  });
});

describe('audit', () => {
  it('43. no secret is read, used or changed while the log can not be written', async () => {
    const { id } = await live();
    await getConnectionCredentials(keyward.broker, me, { connectionId: id });
    const before = server.seen.length;
    const log = join(keyward.folder, 'vault', 'audit.log');
    await rename(log, `${log}.away`);
    await mkdir(log);
    const refused: string[] = [];
    for (const [name, , action, act] of operations) {
      if (action === null) continue;
      const failure = await act(me, id).catch((error: unknown) => error);
      expect(failure, name).toMatchObject({ code: 'audit_unavailable' });
      refused.push(name);
    }
    expect(refused).toHaveLength(7);
    expect(server.seen.length).toBe(before);
    await rmdir(log);
    await rename(`${log}.away`, log);
    expect((await listCredentials(keyward.broker, me, {})).credentials).toMatchObject([{ name: 'Acme' }]);
    const { credentials } = await getConnectionCredentials(keyward.broker, me, { connectionId: id });
    expect(credentials.accessToken).toBe('at-0');
  });

  it('repeated refusals are two lines: the first, and how many followed', async () => {
    const { id } = await live();
    const stranger = without('credentials:release');
    const tries = Array.from({ length: 100 }, () =>
      getConnectionCredentials(keyward.broker, stranger, { connectionId: id }).catch(() => undefined),
    );
    await Promise.all(tries);
    await keyward.broker.close();
    const refusals = (await keyward.audited()).filter((event) => event.outcome === 'refused');
    expect(refusals).toMatchObject([{ action: 'credential.release' }, { action: 'credential.release', count: 99 }]);
    expect(refusals[0]).not.toHaveProperty('count');
  });

  it('refusals of many kinds do not fill memory, and none of them is lost', async () => {
    const event = { tenant: 'local', action: 'credential.release', outcome: 'refused', code: 'forbidden' } as const;
    for (let n = 0; n < 1_200; n += 1) {
      await keyward.broker.refusals.note({ ...event, user: `user ${n}` });
      await keyward.broker.refusals.note({ ...event, user: `user ${n}` });
    }
    // The 200 oldest kinds were written out to make room.
    expect((await keyward.audited()).filter((one) => one.count !== undefined)).toHaveLength(200);
    await keyward.broker.close();
    let total = 0;
    for (const { count } of await keyward.audited()) total += typeof count === 'number' ? count : 1;
    expect(total).toBe(2_400);
  });

  const refusal = { tenant: 'acme', user: 'ann', action: 'credential.release', outcome: 'refused', code: 'forbidden' };
  const note = (different: object = {}) => keyward.broker.refusals.note({ ...refusal, ...different } as AuditEvent);

  it.each([
    { tenant: 'other' },
    { user: 'bob' },
    { onBehalfOf: 'carol' },
    { action: 'credential.call' },
    { code: 'insufficient_scope' },
    { connectorId: acme },
  ])('a refusal that differs in %j is written at once, and counted by itself', async (different) => {
    for (const one of [{}, {}, different, different, different]) await note(one);
    expect(await keyward.audited()).toMatchObject([refusal, { ...refusal, ...different }]);
    await keyward.broker.close();
    const counted = (await keyward.audited()).slice(2);
    expect(counted).toMatchObject([
      { ...refusal, count: 1 },
      { ...refusal, ...different, count: 2 },
    ]);
  });

  it('7. whoever tries an id that is somebody else’s is in the log, as with one that nobody has', async () => {
    const stranger = principal('eve', 'acme');
    const { id } = await live();
    const missing = crypto.randomUUID();
    const seen: unknown[] = [];
    for (const tried of [id, missing]) {
      const before = (await keyward.audited()).length;
      const release = getConnectionCredentials(keyward.broker, stranger, { connectionId: tried });
      await expect(release).rejects.toMatchObject({ code: 'not_found' });
      await keyward.broker.refusals.flush();
      seen.push((await keyward.audited()).slice(before));
    }
    const noted = { tenant: 'acme', user: 'eve', action: 'credential.release', outcome: 'refused', code: 'not_found' };
    expect(seen[0]).toMatchObject([{ ...noted, subject: id }]);
    expect(seen[1]).toMatchObject([{ ...noted, subject: missing }]);
  });

  it('a refusal that goes on is written anew every minute, with how many there were before', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    for (const after of [0, 30_000, 30_000, 60_000]) {
      vi.advanceTimersByTime(after);
      await note();
    }
    const counts = (await keyward.audited()).map(({ count }) => count);
    // The second minute had one refusal only: there is nothing to count.
    expect(counts).toEqual([undefined, 1, undefined, undefined]);
  });

  it('a refusal stands where it can not be written, and the log says so', async () => {
    const { id } = await live();
    const log = join(keyward.folder, 'vault', 'audit.log');
    await rm(log, { force: true });
    await mkdir(log);
    const release = getConnectionCredentials(keyward.broker, without('credentials:release'), { connectionId: id });
    await expect(release).rejects.toMatchObject({ code: 'insufficient_scope' });
    expect(keyward.logged()).toContain('audit.refusal_not_written');
    await rmdir(log);
  });

  it('is read in pages of the size that was asked for', async () => {
    for (let n = 0; n < 5; n += 1) await note({ tenant: me.tenant, user: `user ${n}` });
    const sizes: number[] = [];
    for (let cursor: string | undefined; sizes.length < 9; ) {
      const page = await readAudit(keyward.broker, me, { limit: 2, cursor });
      sizes.push(page.events.length);
      cursor = page.nextCursor;
      if (cursor === undefined) break;
    }
    expect(sizes).toEqual([2, 2, 1]);
  });

  it('139. is read no further for one page than 10,000 lines, whosever they are, and the next page goes on there', async () => {
    const other = { tenant: 'other', user: 'noisy', action: 'credential.call', outcome: 'allowed' } as const;
    await Promise.all(Array.from({ length: 10_050 }, () => keyward.broker.vault.audit(other)));
    await note({ tenant: me.tenant, user: 'quiet' });
    const first = await readAudit(keyward.broker, me, { limit: 2 });
    expect(first).toEqual({ events: [], nextCursor: expect.any(String) });
    const second = await readAudit(keyward.broker, me, { limit: 2, cursor: first.nextCursor });
    expect(second).toEqual({ events: [expect.objectContaining({ user: 'quiet' })] });
  });

  it('the chain of what was written verifies, and holds no secret', async () => {
    const { id } = await live();
    for (const [, , , act] of operations) await act(me, id).catch(() => undefined);
    expect(await verifyAudit(keyward.store)).toMatchObject({ ok: true, problems: [] });
    const text = JSON.stringify(await keyward.audited());
    expect(text).not.toMatch(/at-0|rt-0|acme_0123456789abcdef|keyward-secret/);
  });
});
