/** `keyward key …`: the data keys of the vault, and the outer key around them. */
import { dirname, resolve } from 'node:path';
import { KeywardError } from '../../errors.ts';
import type { KeySettings } from '../../store/open.ts';
import { keyUse, outerKeyInWords, rewrapDataKeys, rotateDataKey } from '../../vault/key-change.ts';
import { askNewPassphrase } from '../ask.ts';
import type { Invocation, Run } from '../command.ts';
import { keySettings } from '../keyward.ts';
import { table } from '../table.ts';
import { noteInAudit, withStore } from '../with-store.ts';

export const status: Run = (invocation) =>
  withStore(invocation, async (store) => {
    const rows = (await keyUse(store)).map(({ keyId, current, records }) => [
      keyId,
      String(records),
      current ? 'seals everything new' : records > 0 ? 'waits for keyward key rotate' : 'kept for the audit log',
    ]);
    process.stdout.write(`The outer key is ${outerKeyInWords(store, keySettings(invocation.config))}.\n\n`);
    process.stdout.write(table([['data key', 'records', ''], ...rows]));
    return 0;
  });

export const rotate: Run = (invocation) =>
  withStore(invocation, async (store) => {
    await noteInAudit(store, 'key.rotate');
    const { resumed, resealed } = await rotateDataKey(store, keySettings(invocation.config));
    const done = `${resealed} ${resealed === 1 ? 'record' : 'records'} sealed anew under ${store.keyring.currentKeyId}.\n`;
    process.stdout.write(resumed ? `Finished a rotation that was interrupted: ${done}` : done);
    return 0;
  });

export const rewrap: Run = (invocation) =>
  withStore(invocation, async (store) => {
    const next = await newKey(invocation);
    const { config } = invocation;
    await noteInAudit(store, 'key.rewrap');
    const folder = config.store.kind === 'file' ? dirname(config.store.path) : null;
    await rewrapDataKeys(store, keySettings(config), next, folder);
    process.stdout.write(`From the next start on the vault opens with ${outerKeyInWords(store, next)}.\n`);
    return 0;
  });

/** Exactly one place for the new key. */
async function newKey({ config, flags }: Invocation): Promise<KeySettings> {
  const given = ['new-key-file', 'new-passphrase', 'generated'].filter((name) => flags.has(name));
  if (given.length !== 1) {
    throw new KeywardError(
      'config_invalid',
      'keyward key rewrap needs one of --new-key-file, --new-passphrase, --generated.',
    );
  }
  const { fallbackKeyFile, keychain } = keySettings(config);
  const file = flags.get('new-key-file');
  if (file !== undefined) return { keyFile: resolve(file), fallbackKeyFile, keychain };
  if (!flags.has('new-passphrase')) return { fallbackKeyFile, keychain };
  return { passphrase: await askNewPassphrase(), fallbackKeyFile, keychain };
}
