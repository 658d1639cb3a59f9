/** Opens the store that the configuration names. The only place that knows which kinds of store exist. */
import { KeywardError } from '../errors.ts';
import { osKeychain } from '../seal/keychain.ts';
import type { KeySettings } from '../seal/sources.ts';
import { openJsonStore } from './json/json-store.ts';
import type { Store } from './store.ts';

export type StoreSettings =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'postgres'; readonly url: string };

/**
 * Opens the store, or makes a new one where there is none. Errors: `key_missing`, `key_wrong`, `vault_damaged`,
 * `vault_newer`, `vault_busy`, `storage_…`, `config_invalid`.
 */
export async function openStore(settings: {
  readonly store: StoreSettings;
  readonly key: KeySettings;
}): Promise<Store> {
  if (settings.store.kind === 'postgres') {
    throw new KeywardError('config_invalid', 'This version of Keyward cannot use PostgreSQL yet.', {
      hint: 'Leave KEYWARD_STORE unset, or set it to file:/path/to/vault.json.',
    });
  }
  return openJsonStore({
    path: settings.store.path,
    key: settings.key,
    keychain: settings.key.keychain ? osKeychain() : null,
  });
}
