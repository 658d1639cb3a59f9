import { KeywardError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { Vault } from './vault.ts';

/** Opens the vault over a store. Closing the vault closes the store. */
export async function openVault(store: Store): Promise<Vault> {
  throw new KeywardError('internal', `The vault over ${store.location} is not built yet.`);
}
