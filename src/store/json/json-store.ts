import { KeywardError } from '../../errors.ts';
import type { Keychain } from '../../seal/keychain.ts';
import type { KeySettings } from '../../seal/sources.ts';
import type { Store } from '../store.ts';

export type JsonStoreSettings = {
  readonly path: string;
  readonly key: KeySettings;
  readonly keychain: Keychain | null;
};

/** Opens the vault file, or makes it. */
export async function openJsonStore(settings: JsonStoreSettings): Promise<Store> {
  throw new KeywardError('internal', `The store at ${settings.path} is not built yet.`);
}
