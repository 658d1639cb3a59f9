/** The two places that a vault can be in, for what both have to promise. */
import type { KeySettings } from '../../../src/seal/outer-key/sources.ts';
import { openStore, type StoreSettings } from '../../../src/store/open.ts';
import type { Store } from '../../../src/store/store.ts';
import { freshDatabase, postgresKey } from '../servers/postgres.ts';
import { vaultFolder } from './vault-folder.ts';

export const placeNames = ['a file', 'PostgreSQL'] as const;
export type PlaceName = (typeof placeNames)[number];

export type Place = {
  readonly store: StoreSettings;
  readonly key: KeySettings;
  /** As the first arguments of a child process: where the vault is, and its outer key. */
  readonly args: readonly [string, string];
};

/** A place without a vault; it is gone when the test ends. */
export async function freshPlace(name: PlaceName): Promise<Place> {
  if (name === 'PostgreSQL') {
    const url = await freshDatabase();
    return { store: { kind: 'postgres', url }, key: postgresKey, args: [url, postgresKey.key ?? ''] };
  }
  const { file, key } = vaultFolder();
  return { store: { kind: 'file', path: file }, key, args: [file, key.key ?? ''] };
}

/** Opens the vault of a place; whoever opens it closes it. */
export function openPlace({ store, key }: Pick<Place, 'store' | 'key'>): Promise<Store> {
  return openStore({ store, key });
}
