/**
 * A process that writes to a vault: `node vault-writer.mjs <file> <key> <writers> <writes>`. Prints one line for every
 * acknowledged write: `<credential id> <number>`, the number being what the record's name says then.
 */
import { randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import path from 'node:path';
import { openStore } from '../../src/store/open.ts';
import { openVault } from '../../src/vault/open.ts';
import type { Credential, New } from '../../src/vault/vault.ts';

const [file = '', key = '', writers = '1', writes = '1'] = process.argv.slice(2);
const fallbackKeyFile = path.join(path.dirname(file), '..', 'config', 'vault.key');
const keySettings = key === '' ? { fallbackKeyFile, keychain: false } : { key, fallbackKeyFile, keychain: false };
const owner = { tenant: 'acme', user: 'ann' };

const store = await openStore({ store: { kind: 'file', path: file }, key: keySettings });
const vault = await openVault(store);
// Synchronous, so that a kill cannot lose a line that the parent should count.
const say = (line: string) => writeSync(1, `${line}\n`);
say(`vault ${store.keyring.vaultId}`);
await Promise.all(Array.from({ length: Number(writers) }, write));
await vault.close();

async function write(): Promise<void> {
  const id = randomUUID();
  for (let at = 1; at <= Number(writes); at++) {
    const secret = { kind: 'inputs' as const, inputs: { apiKey: `${id} ${at}` } };
    const stored = at === 1 ? undefined : await vault.get('credential', owner, id);
    await vault.commit([
      stored === undefined
        ? { op: 'create', kind: 'credential', record: record(id, at), secret }
        : { op: 'update', kind: 'credential', record: { ...stored, name: String(at) }, secret },
    ]);
    say(`${id} ${at}`);
  }
}

function record(id: string, at: number): New<Credential> {
  return {
    id,
    tenant: owner.tenant,
    owner: owner.user,
    connectorId: 'github',
    authenticationType: 'api_key',
    name: String(at),
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
