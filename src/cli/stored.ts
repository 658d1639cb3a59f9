/** Commands that work on a vault which is there. */
import type { Config } from '../config.ts';
import { KeywardError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { Invocation } from './commands.ts';
import { exists, openConfiguredStore } from './keyward.ts';

/** Opens the configured store for this work, and closes it afterwards. `not_found` when there is no vault. */
export async function withStore<T>(
  { config }: Pick<Invocation, 'config'>,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  await requireVault(config);
  const store = await openConfiguredStore(config);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** A typo in the configuration must not make a vault, only to say that there is nothing in it. */
async function requireVault({ store }: Config): Promise<void> {
  if (store.kind !== 'file' || (await exists(store.path))) return;
  throw new KeywardError('not_found', `There is no vault at ${store.path}.`, {
    hint: 'Set KEYWARD_HOME or KEYWARD_STORE as your MCP client does; keyward status shows where the vault is.',
  });
}
