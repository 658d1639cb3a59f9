/** `keyward key …`: the data keys of the vault, and the outer key around them. */
import { dirname, resolve } from 'node:path';
import { KeywardError } from '../../errors.ts';
import type { KeySettings } from '../../store/open.ts';
import type { Store } from '../../store/store.ts';
import {
  type DamagedRecord,
  keyUse,
  outerKeyInWords,
  type Rotated,
  rewrapDataKeys,
  rotateDataKey,
} from '../../vault/key-change.ts';
import type { Invocation, Run } from '../command.ts';
import { keySettings } from '../keyward.ts';
import { askNewPassphrase } from '../terminal/ask.ts';
import { withProgress } from '../terminal/progress.ts';
import { table } from '../terminal/table.ts';
import { noteInAudit, withStore } from '../with-store.ts';

const states = {
  seals: 'seals everything new',
  opens: 'waits for keyward key rotate',
  audit: 'retired; verifies the audit log',
} as const;

export const status: Run = (invocation) =>
  withStore(invocation, async (store) => {
    const { keys, damaged } = await keyUse(store);
    const rows = keys.map(({ keyId, state, records }) => [keyId, String(records), states[state]]);
    process.stdout.write(`The outer key is ${outerKeyInWords(store.keys, keySettings(invocation.config))}.\n\n`);
    process.stdout.write(table([['data key', 'records', ''], ...rows]));
    if (damaged.length > 0) process.stdout.write(`\n${setAsideInWords(damaged)}`);
    return 0;
  });

export const rotate: Run = (invocation) =>
  withStore(invocation, async (store) => {
    await noteInAudit(store, 'key.rotate');
    const rotated = await withProgress('Sealing record', (step) => rotateDataKey(store, noteDamaged(store), step));
    if (rotated.resumed) process.stdout.write('Finished a rotation that was interrupted.\n');
    return report(store, rotated);
  });

export const rewrap: Run = (invocation) =>
  withStore(invocation, async (store) => {
    const reason = reasonToKeep(invocation);
    const next = await newKey(invocation);
    const { config } = invocation;
    await noteInAudit(store, 'key.rewrap', reason === undefined ? {} : { reason });
    const folder = config.store.kind === 'file' ? dirname(config.store.path) : null;
    const keepDataKey = reason !== undefined;
    const changed = await rewrapDataKeys(store, next, folder, { keepDataKey, onDamaged: noteDamaged(store) });
    process.stdout.write(`The vault opens with ${outerKeyInWords(store.keys, next)} now.\n`);
    process.stdout.write(
      keepDataKey
        ? 'The data key stays: whoever had the old outer key and a copy of the vault reads what is stored from now on, too.\n'
        : 'Its data key was rotated with it. A Keyward that runs with the old key stops serving: start it again.\n',
    );
    process.stdout.write("Every client's configuration needs the new key from its next start on.\n");
    return keepDataKey ? 0 : report(store, changed);
  });

/** A record that does not open is in the audit log before it is set aside. */
function noteDamaged(store: Store): (record: DamagedRecord) => Promise<void> {
  return ({ id }) => noteInAudit(store, 'key.set-aside', { subject: id, outcome: 'failed', code: 'vault_damaged' });
}

/** Says what was done; the exit code is 1 when a record was set aside. */
function report(store: Store, { resealed, damaged }: Omit<Rotated, 'resumed'>): number {
  const records = resealed === 1 ? 'record' : 'records';
  process.stdout.write(`${resealed} ${records} sealed anew under ${store.keyring.currentKeyId}.\n`);
  if (damaged.length > 0) process.stderr.write(setAsideInWords(damaged));
  return damaged.length > 0 ? 1 : 0;
}

function setAsideInWords(damaged: readonly DamagedRecord[]): string {
  const names = damaged.map(({ kind, id }) => `  ${kind} ${id}\n`).join('');
  return `Did not open, and set aside; they are kept, and can not be used until they are connected again:\n${names}`;
}

/** Why the data key stays, in words; undefined when it goes. */
function reasonToKeep({ flags }: Invocation): string | undefined {
  const reason = flags.get('keep-data-key');
  if (reason === undefined || /\S\s+\S/.test(reason)) return reason?.trim();
  throw new KeywardError('config_invalid', '--keep-data-key needs a reason in words, which the audit log keeps.', {
    hint: 'For example: --keep-data-key "the old key was never out of our hands"',
  });
}

/** One place for the new key; a key file and a passphrase can be made necessary together. */
async function newKey({ config, flags }: Invocation): Promise<KeySettings> {
  const given = ['new-key-file', 'new-passphrase', 'generated'].filter((name) => flags.has(name));
  if (given.length === 0 || (given.includes('generated') && given.length > 1)) {
    throw new KeywardError(
      'config_invalid',
      'keyward key rewrap needs --new-key-file, --new-passphrase, both of them, or --generated.',
    );
  }
  const { fallbackKeyFile, keychain } = keySettings(config);
  const file = flags.get('new-key-file');
  return {
    ...(file !== undefined && { keyFile: resolve(file) }),
    ...(flags.has('new-passphrase') && { passphrase: await askNewPassphrase() }),
    fallbackKeyFile,
    keychain,
  };
}
