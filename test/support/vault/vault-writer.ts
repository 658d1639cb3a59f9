/**
 * A process that writes to a vault: `node vault-writer.mjs <file> <key> <writers> <writes> [id,…]`. Each writer counts
 * up the name and the secret of one credential, `<writes>` times: its own one, or those given, which several writers
 * may share. Prints `<credential id> <number>` for every acknowledged write. An empty key stands for a generated one.
 */
import { randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import path from 'node:path';
import { hasCode } from '../../../src/errors.ts';
import { openStore } from '../../../src/store/open.ts';
import { openVault } from '../../../src/vault/open.ts';
import type { Credential, New, VaultChange } from '../../../src/vault/vault.ts';

const [file = '', key = '', writers = '1', writes = '1', given = ''] = process.argv.slice(2);
const fallbackKeyFile = path.join(path.dirname(file), '..', 'config', 'vault.key');
const keySettings = key === '' ? { fallbackKeyFile, keychain: false } : { key, fallbackKeyFile, keychain: false };
const owner = { tenant: 'acme', user: 'ann' };
const ids = given.split(',');

const store = await openStore({ store: { kind: 'file', path: file }, key: keySettings });
const vault = await openVault(store);
// Synchronous, so that a kill cannot lose a line that the parent should count.
const say = (line: string) => writeSync(1, `${line}\n`);
say(`vault ${store.keyring.vaultId}`);
await Promise.all(Array.from({ length: Number(writers) }, (_, at) => write(ids[at % ids.length] || randomUUID())));
await vault.close();

async function write(id: string): Promise<void> {
  for (let left = Number(writes); left > 0; ) {
    const stored = await vault.get('credential', owner, id);
    const next = Number(stored?.name ?? 0) + 1;
    try {
      await vault.commit([change(id, next, stored)]);
    } catch (error) {
      if (hasCode(error, 'conflict')) continue;
      throw error;
    }
    say(`${id} ${next}`);
    left -= 1;
  }
}

function change(id: string, next: number, stored: Credential | undefined): VaultChange {
  const secret = { kind: 'inputs' as const, inputs: { apiKey: `${id} ${next}` } };
  return stored === undefined
    ? { op: 'create', kind: 'credential', record: record(id, next), secret }
    : { op: 'update', kind: 'credential', record: { ...stored, name: String(next) }, secret };
}

function record(id: string, first: number): New<Credential> {
  return {
    id,
    tenant: owner.tenant,
    owner: owner.user,
    connectorId: 'github',
    authenticationType: 'api_key',
    name: String(first),
    status: 'active',
    statusReason: null,
    account: null,
    scopes: null,
    inputs: {},
    hosts: [],
    authConfigId: null,
    obtainedBy: 'tool',
    expiresAt: null,
    refreshedAt: null,
    refreshStartedAt: null,
    lastUsedAt: null,
  };
}
