/** What a thief of the database finds. */
import pg from 'pg';
import { expect, it } from 'vitest';
import { localPrincipal as me } from '../../../src/principal.ts';
import { rotateDataKey } from '../../../src/vault/key-change.ts';
import { openVault } from '../../../src/vault/open.ts';
import { freshDatabase, openTestStore, postgresKey } from '../../support/servers/postgres.ts';
import { spellingsOf } from '../../support/spellings.ts';
import { ann, approvalRow, attemptRow, canary, newCredential } from '../../support/vault/vault-folder.ts';

/** Every row of every table of the database, with every column. */
async function dump(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      `select quote_ident(schemaname) || '.' || quote_ident(tablename) as name from pg_tables where schemaname = 'public'`,
    );
    const lines: string[] = [];
    for (const { name } of rows) {
      const found = await client.query<{ line: string }>(`select t::text as line from ${name} t`);
      lines.push(name, ...found.rows.map(({ line }) => line));
    }
    return lines.join('\n');
  } finally {
    await client.end();
  }
}

it('39. a dump of the database holds no canary, in any encoding', async () => {
  const url = await freshDatabase();
  const store = await openTestStore(url);
  const vault = await openVault(store);
  const { sealed: _, version: __, secretVersion: ___, createdAt: ____, updatedAt: _____, ...attempt } = attemptRow();
  const { sealed: _a, version: _b, secretVersion: _c, createdAt: _d, updatedAt: _e, ...approval } = approvalRow();
  const tokens = {
    kind: 'tokens' as const,
    accessToken: canary,
    tokenType: 'Bearer',
    refreshToken: canary,
    expiresAt: null,
    scopes: null,
    kept: { instance_url: canary },
  };
  const config = { id: crypto.randomUUID(), tenant: ann.tenant, owner: ann.user, connectorId: 'github', name: 'n' };
  const device = {
    deviceCode: canary,
    userCode: canary,
    verificationUri: canary,
    verificationUriComplete: canary,
    intervalSeconds: 5,
    nextPollAt: 0,
  };
  const first = newCredential({ name: 'what is no secret' });
  await vault.commit([
    { op: 'create', kind: 'credential', record: first, secret: tokens },
    {
      op: 'create',
      kind: 'credential',
      record: newCredential(),
      secret: { kind: 'inputs', inputs: { apiKey: canary } },
    },
    {
      op: 'create',
      kind: 'authConfig',
      record: { ...config, clientId: 'c', scopes: null },
      secret: { clientSecret: canary },
    },
    {
      op: 'create',
      kind: 'attempt',
      record: attempt,
      secret: { codeVerifier: canary, key: canary, inputs: { password: canary }, device },
    },
    { op: 'create', kind: 'approval', record: approval, secret: { key: canary } },
    {
      op: 'create',
      kind: 'signInCode',
      record: { id: crypto.randomUUID(), tenant: '', owner: '', expiresAt: 1 },
      secret: { tenant: 'acme', user: canary },
    },
  ]);
  const stored = await vault.get('credential', ann, first.id);
  if (stored === undefined) throw new Error('The credential is gone.');
  await vault.commit([{ op: 'update', kind: 'credential', record: stored, secret: tokens }]);
  await vault.audit({ ...me, action: 'credential.release', subject: first.id, outcome: 'allowed' });
  await vault.countTogether?.(new Map([[canary, 1]]), 60_000);
  await rotateDataKey(store);
  await store.withLease(`refresh:${first.id}`, { waitMs: 0 }, async () => {
    const content = await dump(url);
    // The search sees what is there.
    for (const known of [
      'what is no secret',
      'credential.release',
      `refresh:${first.id}`,
      'keyward_vault',
      'keyward_counts\n(',
    ]) {
      expect(content).toContain(known);
    }
    for (const spelling of [...spellingsOf(canary), ...spellingsOf(postgresKey.key ?? '')]) {
      expect(content.includes(spelling), spelling).toBe(false);
    }
  });
});
