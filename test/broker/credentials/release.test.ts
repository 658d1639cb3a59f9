/** Handing out raw secrets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { getConnection } from '../../../src/broker/credentials/manage.ts';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import type { ObtainedBy } from '../../../src/vault/vault.ts';
import { acme, principal, startBroker, storeTokens, type TestBroker } from '../../support/broker.ts';

const origin = 'http://127.0.0.1:9';
let keyward: TestBroker;
beforeAll(async () => {
  keyward = await startBroker({ origin });
});
afterAll(() => keyward.close());

const release = (id: string, from = keyward, who = me) =>
  getConnectionCredentials(from.broker, who, { connectionId: id });
const under = (setting: 'approve' | 'allow' | 'never') =>
  startBroker({ origin, folder: keyward.folder, settings: { release: setting } });

describe('release', () => {
  it('hands the owner what OAuth obtained, and never a refresh token or a client secret', async () => {
    const kept = { instance_url: 'https://eu.example' };
    const scopes = ['a', 'b'];
    const expiresAt = Date.now() + 3_600_000;
    const { id } = await storeTokens(keyward.broker, me, { kept, scopes, expiresAt, accessToken: 'at-1' });
    expect(await release(id)).toEqual({
      connectionId: id,
      credentials: {
        accessToken: 'at-1',
        tokenType: 'Bearer',
        expiresAt: new Date(expiresAt).toISOString(),
        scopes,
        ...kept,
      },
    });
    expect(JSON.stringify(await release(id))).not.toMatch(/rt-0|keyward-secret/);
  });

  it('hands the owner the inputs of other types, and metadata never holds them', async () => {
    const input = { connectorId: acme, authenticationType: 'basic', username: 'ann', password: 'correct horse' };
    const created = await createCredential(keyward.broker, me, input, { obtainedBy: 'tool' });
    if (created.kind !== 'created') throw new Error('Something was left to ask.');
    const { credentials } = await release(created.credentialId);
    expect(credentials).toEqual({ username: 'ann', password: 'correct horse' });
    const metadata = await getConnection(keyward.broker, me, { connectionId: created.credentialId });
    expect(JSON.stringify(metadata)).not.toContain('correct horse');
  });

  it('is refused under never, and under approve until the owner said yes, with how to go on', async () => {
    const { id } = await storeTokens(keyward.broker, me, { expiresAt: null });
    for (const [setting, code, next] of [
      ['never', 'release_refused', 'KEYWARD_RELEASE'],
      ['approve', 'approval_required', 'after signing in'],
    ] as const) {
      const strict = await under(setting);
      await expect(release(id, strict)).rejects.toMatchObject({
        code,
        hint: expect.stringContaining(next),
      });
      const last = (await strict.audited()).at(-1);
      expect(last).toMatchObject({ action: 'credential.release', subject: id, outcome: 'refused', code });
      await strict.close();
    }
  });

  it.each<[ObtainedBy, boolean]>([
    ['tool', true],
    ['page', true],
    ['rest', true],
    ['elicitation', false],
  ])('of what came by %s under allow: %s', async (obtainedBy, allowed) => {
    const record = await storeTokens(keyward.broker, me, { expiresAt: null });
    await keyward.broker.vault.commit([{ op: 'update', kind: 'credential', record: { ...record, obtainedBy } }]);
    if (allowed) expect(await release(record.id)).toMatchObject({ credentials: { accessToken: 'at-0' } });
    else await expect(release(record.id)).rejects.toMatchObject({ code: 'approval_required' });
  });

  it('7. a stranger gets the same answer for a foreign id as for a missing one', async () => {
    const { id } = await storeTokens(keyward.broker, me, { expiresAt: null });
    const missing = crypto.randomUUID();
    const answers: string[] = [];
    for (const asked of [id, missing]) {
      for (const who of [principal('bob'), principal('local', 'other')]) {
        const error = await release(asked, keyward, who).catch((one: Error) => one);
        answers.push(JSON.stringify([error, (error as Error).message]).replaceAll(asked, '<id>'));
      }
    }
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain('not_found');
  });
});
