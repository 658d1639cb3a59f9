/** A process that audits without end: `node vault-auditor.mjs <file> <key>`. Prints a number for every acknowledged event. */
import { writeSync } from 'node:fs';
import { openStore } from '../../../src/store/open.ts';
import { openVault } from '../../../src/vault/open.ts';

const [file = '', key = ''] = process.argv.slice(2);
const vault = await openVault(
  await openStore({
    store: { kind: 'file', path: file },
    key: { key, fallbackKeyFile: '/nowhere/key', keychain: false },
  }),
);
for (let at = 0; ; at++) {
  await vault.audit({
    tenant: 'acme',
    user: 'ann',
    action: 'credential.release',
    subject: String(at),
    outcome: 'allowed',
  });
  writeSync(1, `${at}\n`);
}
