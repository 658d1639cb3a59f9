/** Commands that work on what is stored. */
import type { Broker } from '../broker/broker.ts';
import { type Config, secretVariables } from '../config/config.ts';
import { KeywardError } from '../errors.ts';
import { localPrincipal, type Principal } from '../principal.ts';
import type { Store } from '../store/store.ts';
import { auditChain } from '../vault/audit/audit-chain.ts';
import { adviceOnKeys } from '../vault/key-change.ts';
import type { AuditEvent } from '../vault/vault.ts';
import type { Invocation } from './command.ts';
import { exists, keySettings, openConfiguredStore, openKeyward } from './keyward.ts';
import { principalOf } from './person.ts';

/** Opens the configured store for this work, and closes it afterwards. `not_found` when there is no vault. */
export async function withStore<T>(
  { config }: Pick<Invocation, 'config'>,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  await requireVault(config);
  const store = await openConfiguredStore(config);
  try {
    const advice = await adviceOnKeys(store, keySettings(config));
    if (advice !== undefined) process.stderr.write(`${advice}\n`);
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Opens Keyward for this work, and closes it afterwards. Answers the exit code of a command that is done then. */
export async function withBroker(
  { config, log }: Pick<Invocation, 'config' | 'log'>,
  work: (broker: Broker) => Promise<void>,
): Promise<number> {
  const keyward = await openKeyward(config, log);
  try {
    await work(keyward.broker);
  } finally {
    await keyward.close();
  }
  return 0;
}

/**
 * Opens Keyward for work on the connections of one owner, and closes it afterwards. Nothing is made: `not_found` when there
 * is no vault. Answers the exit code that the work answers.
 *
 * @param client what the audit log and the owner's approval call the program that acts
 * @param own as of `openKeyward`
 */
export async function withConnections(
  invocation: Invocation,
  client: string,
  work: (broker: Broker, principal: Principal) => Promise<number>,
  own: Parameters<typeof openKeyward>[2] = {},
): Promise<number> {
  // They are read: whatever program the work starts, such as a browser, must not have the key to everything.
  for (const name of secretVariables(process.env)) delete process.env[name];
  await requireVault(invocation.config);
  const keyward = await openKeyward(invocation.config, invocation.log, own);
  try {
    return await work(keyward.broker, principalOf(invocation, client));
  } finally {
    await keyward.close();
  }
}

/** A typo in the configuration must not make a vault, only to say that there is nothing in it. */
async function requireVault({ store }: Config): Promise<void> {
  if (store.kind !== 'file' || (await exists(store.path))) return;
  throw new KeywardError('not_found', `There is no vault at ${store.path}.`, {
    hint: 'Set KEYWARD_HOME or KEYWARD_STORE as your MCP client does; keyward status shows where the vault is.',
  });
}

/** What the audit log calls commands that work on the store itself. */
export const commandLine = 'keyward command line';

/** Written before the effect: no audit, no change. */
export async function noteInAudit(store: Store, action: string, more: Partial<AuditEvent> = {}): Promise<void> {
  const { tenant, user } = localPrincipal;
  await auditChain(store).append({ tenant, user, client: commandLine, action, outcome: 'allowed', ...more });
}
