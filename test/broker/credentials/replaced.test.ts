/** Connecting an existing connection again: who may do it unseen (nobody), and the secret from before, kept for a day. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { decide, openApprovals } from '../../../src/broker/approvals/page.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { viewAttempt } from '../../../src/broker/connect/page.ts';
import { submitInputs } from '../../../src/broker/connect/page-forms.ts';
import { deleteCredential } from '../../../src/broker/credentials/delete.ts';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import { listReconnected, revertReconnect } from '../../../src/broker/credentials/replaced.ts';
import { shareConnection } from '../../../src/broker/credentials/share.ts';
import { localPrincipal, type Principal } from '../../../src/principal.ts';
import { keyUse, rotateDataKey } from '../../../src/vault/key-change.ts';
import { acme, connectAcme, credentialOf, principal, startBroker, type TestBroker } from '../../support/broker.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../../support/servers/authorization-server.ts';
import { makeDatabase } from '../../support/servers/postgres.ts';
import { placeNames } from '../../support/vault/places.ts';

const claude: Principal = { ...localPrincipal, client: 'claude' };
const keyOf = (digit: string) => `acme_${digit.repeat(20)}`;
const input = { connectorId: acme, authenticationType: 'api_key' };
const dayMs = 86_400_000;

let server: AuthorizationServer;
beforeAll(async () => {
  server = await startAuthorizationServer();
});
afterAll(() => server.close());

describe.each(placeNames)('in %s', (place) => {
  let keyward: TestBroker;
  /** A broker on this vault, where acts need no approval. */
  let trusting: TestBroker;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    const { url: database, drop: gone } =
      place === 'PostgreSQL' ? await makeDatabase() : { url: undefined, drop: async () => {} };
    drop = gone;
    const pages = { showLocally: async () => false };
    const common = { origin: server.issuer, database, pages };
    keyward = await startBroker({ ...common, settings: { release: 'approve' } });
    trusting = await startBroker({ ...common, folder: keyward.folder, settings: { release: 'allow' } });
  });
  afterAll(async () => {
    await trusting.close();
    await keyward.close();
    await drop();
  });

  const create = (fields: Record<string, string>, on = keyward, from: 'tool' | 'rest' = 'tool') =>
    createCredential(on.broker, claude, { ...input, ...fields }, { obtainedBy: from });
  async function connected(digit: string): Promise<string> {
    const made = await create({ apiKey: keyOf(digit) });
    if (made.kind !== 'created') throw new Error('Something was left to ask.');
    return made.credentialId;
  }
  const apiKeyOf = async (id: string) => {
    const secret = await keyward.broker.vault.open('credential', await credentialOf(keyward.broker, claude, id));
    return secret.kind === 'inputs' ? secret.inputs.apiKey : 'tokens';
  };
  /** A person types it on the page. */
  async function typeOnPage(credentialId: string, apiKey: string): Promise<void> {
    const made = await create({ credentialId });
    if (made.kind !== 'attempt') throw new Error('Nothing was left to ask.');
    const view = await viewAttempt(keyward.broker, made.attemptId, 'browser', 'local');
    expect(view).toMatchObject({ step: 'inputs', reconnects: { name: 'Acme credential' } });
    const sender = { browser: 'browser', csrf: view.csrf, visitor: 'local' } as const;
    expect(await submitInputs(keyward.broker, made.attemptId, sender, { apiKey })).toBeNull();
  }

  it('82. a secret in a tool’s arguments takes no connection over: the person types it, and sees which one it is', async () => {
    const id = await connected('0');
    await expect(create({ credentialId: id, apiKey: keyOf('9') })).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'Another secret for an existing connection is taken on Keyward’s page only: apiKey.',
    });
    expect(await apiKeyOf(id)).toBe(keyOf('0'));
    await typeOnPage(id, keyOf('1'));
    expect(await apiKeyOf(id)).toBe(keyOf('1'));
  });

  it('82. a program without pages asks for it, and a yes is for the very secret that it brought', async () => {
    const id = await connected('0');
    await expect(create({ credentialId: id, apiKey: keyOf('1') }, keyward, 'rest')).rejects.toMatchObject({
      code: 'approval_required',
    });
    const [request] = await openApprovals(keyward.broker, claude);
    expect(request).toMatchObject({
      act: 'reconnect',
      facts: { service: 'Acme', connection: { name: 'Acme credential' } },
    });
    expect(JSON.stringify(request)).not.toContain(keyOf('1'));
    await decide(keyward.broker, localPrincipal, request?.approvalId ?? '', { answer: 'once' });
    await expect(create({ credentialId: id, apiKey: keyOf('9') }, keyward, 'rest')).rejects.toMatchObject({
      code: 'approval_required',
    });
    expect(await apiKeyOf(id)).toBe(keyOf('0'));
    const [again] = await openApprovals(keyward.broker, claude);
    await decide(keyward.broker, localPrincipal, again?.approvalId ?? '', { answer: 'once' });
    await create({ credentialId: id, apiKey: keyOf('9') }, keyward, 'rest');
    expect(await apiKeyOf(id)).toBe(keyOf('9'));
  });

  it('82. a code that anybody could enter, and a client’s own credentials, wait for the owner, too', async () => {
    const id = await connectAcme(trusting.broker, claude);
    const byCode = create({ authenticationType: 'oauth2', credentialId: id, flow: 'device' });
    await expect(byCode).rejects.toMatchObject({ code: 'approval_required' });
    const own = await create({ authenticationType: 'oauth2_client_credentials' });
    if (own.kind !== 'created') throw new Error('Something was left to ask.');
    await expect(
      create({ authenticationType: 'oauth2_client_credentials', credentialId: own.credentialId }),
    ).rejects.toMatchObject({ code: 'approval_required' });
  });

  it('83. the secret before is kept, and its owner brings it back; shares stay, approvals of the newer one end', async () => {
    const id = await connected('0');
    const share = { connectionId: id, with: 'user:bob', permission: 'view' } as const;
    await shareConnection(trusting.broker, claude, share);
    await create({ credentialId: id, apiKey: keyOf('9') }, trusting);
    expect(await listReconnected(keyward.broker, claude)).toContainEqual(
      expect.objectContaining({ credentialId: id, client: 'claude', account: null }),
    );
    const release = () => getConnectionCredentials(keyward.broker, claude, { connectionId: id });
    await expect(release()).rejects.toMatchObject({ code: 'approval_required' });
    const request = (await openApprovals(keyward.broker, claude)).find(({ act }) => act === 'release');
    await decide(keyward.broker, localPrincipal, request?.approvalId ?? '', { answer: 'minutes', minutes: 60 });
    expect(await release()).toMatchObject({ credentials: { apiKey: keyOf('9') } });

    await expect(revertReconnect(keyward.broker, principal('mallory'), { credentialId: id })).rejects.toMatchObject({
      code: 'not_found',
    });
    await revertReconnect(keyward.broker, claude, { credentialId: id });
    expect(await apiKeyOf(id)).toBe(keyOf('0'));
    expect((await credentialOf(keyward.broker, claude, id)).shares).toMatchObject([{ with: 'user:bob' }]);
    await expect(release()).rejects.toMatchObject({ code: 'approval_required' });
    // Once: what was replaced by that is gone.
    await expect(revertReconnect(keyward.broker, claude, { credentialId: id })).rejects.toMatchObject({
      code: 'not_found',
    });
    const acts = (await keyward.audited()).filter(({ subject }) => subject === id).map(({ action }) => action);
    expect(acts).toContain('credential.revert');
  });

  it('83. it is one, sealed under the key in force, and gone with its day or its connection', async () => {
    const [kept, deleted] = [await connected('0'), await connected('0')];
    for (const digit of ['1', '2']) await create({ credentialId: kept, apiKey: keyOf(digit) }, trusting);
    await create({ credentialId: deleted, apiKey: keyOf('1') }, trusting);
    const { vault } = keyward.broker;
    const rows = async () =>
      (await vault.list('replacedSecret', claude, {}, { limit: 500 })).filter(({ id }) => [kept, deleted].includes(id));
    expect(await rows()).toHaveLength(2);
    await rotateDataKey(keyward.store);
    const { keys } = await keyUse(keyward.store);
    expect(keys.filter(({ state }) => state !== 'seals')).toMatchObject([{ state: 'audit', records: 0 }]);
    const [first] = await rows();
    expect(first && (await vault.open('replacedSecret', first))).toMatchObject({ inputs: { apiKey: keyOf('1') } });

    await deleteCredential(keyward.broker, claude, { credentialId: deleted });
    expect((await rows()).map(({ id }) => id)).toEqual([kept]);
    await vault.purge('replacedSecret', Date.now());
    expect(await rows()).toHaveLength(1);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + dayMs + 1 });
    await expect(revertReconnect(keyward.broker, claude, { credentialId: kept })).rejects.toMatchObject({
      code: 'not_found',
    });
    expect((await listReconnected(keyward.broker, claude)).map(({ credentialId }) => credentialId)).not.toContain(kept);
    await vault.purge('replacedSecret', Date.now());
    vi.useRealTimers();
    expect(await rows()).toEqual([]);
    expect(await apiKeyOf(kept)).toBe(keyOf('2'));
  });

  it('83. none is kept that the service had refused already', async () => {
    const id = await connected('0');
    const record = await credentialOf(keyward.broker, claude, id);
    const refused = { ...record, status: 'reconnect_required', statusReason: 'revoked' } as const;
    await keyward.broker.vault.commit([{ op: 'update', kind: 'credential', record: refused }]);
    await typeOnPage(id, keyOf('1'));
    expect((await listReconnected(keyward.broker, claude)).map(({ credentialId }) => credentialId)).not.toContain(id);
  });
});
