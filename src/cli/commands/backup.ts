/** `keyward migrate-store`, `backup` and `restore`: the same vault in another place. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Config, options } from '../../config/config.ts';
import { KeywardError } from '../../errors.ts';
import { openStore, type StoreSettings } from '../../store/open.ts';
import type { Kind, KindRow } from '../../store/store.ts';
import { underPassphrase } from '../../vault/key-change.ts';
import { openArchive, writeArchive } from '../../vault/move/archive.ts';
import { copyVault, type Moved, notRestored, passing, type Source } from '../../vault/move/move.ts';
import { type OwnerChange, readOwnerMap, underNewOwner } from '../../vault/move/owner-map.ts';
import type { Run } from '../command.ts';
import { keySettings, marksFolder } from '../keyward.ts';
import { askNewPassphrase } from '../terminal/ask.ts';
import { withProgress } from '../terminal/progress.ts';
import { noteInAudit, withStore } from '../with-store.ts';

export const migrateStore: Run = async ({ config, flags }) => {
  const from = storeAt(flags.get('from')) ?? { kind: 'file', path: join(config.dataDir, 'vault.json') };
  const to = storeAt(flags.get('to')) ?? config.store;
  if (JSON.stringify(from) === JSON.stringify(to)) {
    throw new KeywardError('config_invalid', '--from and --to are the same place.');
  }
  const owners = await ownersOf(flags.get('owners'));
  return withStore({ config: { ...config, store: from } }, async (source) => {
    await noteInAudit(source, 'vault.move');
    const moved = await intoStore(config, to, source, {
      change: (found) => underNewOwner(source, owners, found),
      left: passing,
    });
    process.stdout.write(`${inWords(moved)}: all of it is at the new place. The old one is as it was.\n`);
    return 0;
  });
};

export const backup: Run = (invocation) =>
  withStore(invocation, async (store) => {
    const { config, flags } = invocation;
    const file = resolve(required(flags.get('to'), '--to'));
    const settings = keySettings(config);
    const passphrase = flags.has('new-passphrase') ? await askNewPassphrase() : undefined;
    await noteInAudit(store, 'vault.backup');
    const keys = passphrase === undefined ? store.keys : await underPassphrase(store, settings, passphrase);
    const { records, auditLines } = await withProgress('Writing entry', (step) =>
      writeArchive(file, store, keys, step),
    );
    process.stdout.write(`${inWords({ records: { records }, auditLines })}: written to ${file}.\n`);
    if (['keychain', 'file'].includes(keys.outer.source)) {
      process.stderr.write('It opens with the key that Keyward made on this computer only; see --new-passphrase.\n');
    }
    return 0;
  });

export const restore: Run = async ({ config, flags }) => {
  const archive = await openArchive(resolve(required(flags.get('from'), '--from')), keySettings(config));
  // To its end, before anything is written: an archive that is cut short restores nothing.
  let tokens = 0;
  for await (const { kind } of archive.scan()) if (kind === 'session') tokens += 1;
  const moved = await intoStore(config, config.store, archive, { change: (found) => found, left: notRestored });
  await withStore({ config }, (store) => noteInAudit(store, 'vault.restore'));
  process.stdout.write(`${inWords(moved)}: restored.\n`);
  if (tokens > 0) {
    process.stderr.write(
      'Session tokens are not restored, as some may have been revoked since: keyward token create makes new ones.\n',
    );
  }
  return 0;
};

type Copying = { readonly change: (found: KindRow) => KindRow; readonly left: readonly Kind[] };

async function intoStore(config: Config, to: StoreSettings, source: Source, { change, left }: Copying) {
  const settings = { store: to, key: keySettings(config), marks: marksFolder(config) };
  const target = await openStore({ ...settings, adopt: source.keys });
  try {
    return await withProgress('Copying entry', (step) => copyVault(source, target, change, left, step));
  } finally {
    await target.close();
  }
}

function storeAt(text: string | undefined): StoreSettings | undefined {
  if (text === undefined) return undefined;
  if (options.store.holdsSecret?.(text)) {
    throw new KeywardError('config_invalid', 'A place must hold no password, which others could read.', {
      hint: 'Leave it out and set PGPASSWORD.',
    });
  }
  return options.store.parse(text);
}

async function ownersOf(file: string | undefined): Promise<readonly OwnerChange[]> {
  if (file === undefined) return [];
  const text = await readFile(resolve(file), 'utf8').catch(() => {
    throw new KeywardError('config_invalid', 'The file that --owners names can not be read.');
  });
  return readOwnerMap(text);
}

function required(value: string | undefined, flag: string): string {
  if (value !== undefined) return value;
  throw new KeywardError('config_invalid', `${flag} is missing: it names the file of the backup.`);
}

function inWords({
  records,
  auditLines,
}: {
  readonly records: Moved['records'] | { records: number };
  readonly auditLines: number;
}) {
  const total = Object.values(records).reduce((sum, count) => sum + count, 0);
  return `${total} ${total === 1 ? 'record' : 'records'} and ${auditLines} audit entries`;
}
