/**
 * A process that does one thing to a vault when it is told to: `node vault-step.mjs <file> <key> create|commit|read|add <id>`.
 * Says `ready`, waits for a line on stdin, acts, says `done` or the code of the error, and so on until stdin ends.
 * `create` opens the vault for the first time, `commit` counts up one credential in a vault that is open already, `add`
 * does the same in one that is not, `read` fails unless the credential is there.
 */
import { writeSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { KeywardError } from '../../../src/errors.ts';
import { openStore } from '../../../src/store/open.ts';
import type { Store } from '../../../src/store/store.ts';
import { ann, credentialRow } from './rows.ts';

const [file = '', key = '', what = '', id = ''] = process.argv.slice(2);
const fallbackKeyFile = path.join(path.dirname(file), '..', 'config', 'vault.key');
const keySettings = key === '' ? { fallbackKeyFile, keychain: false } : { key, fallbackKeyFile, keychain: false };
const say = (line: string) => writeSync(1, `${line}\n`);

let store: Store | undefined;
if (what === 'commit') await act();

say('ready');
for await (const _ of createInterface({ input: process.stdin })) {
  try {
    await act();
    say('done');
  } catch (error) {
    say(error instanceof KeywardError ? error.code : String(error));
  }
}
await store?.close();

async function act(): Promise<void> {
  store ??= await openStore({ store: { kind: 'file', path: file }, key: keySettings });
  if (what === 'create') return;
  const stored = await store.get('credential', ann, id);
  if (what === 'read') return stored === undefined ? Promise.reject(new Error('It is not there.')) : undefined;
  const row = credentialRow({ ...stored, id, name: String(Number(stored?.name ?? 0) + 1) });
  await store.commit([
    stored === undefined
      ? { op: 'insert', kind: 'credential', row }
      : { op: 'update', kind: 'credential', row: { ...row, version: row.version + 1 }, ifVersion: row.version },
  ]);
}
