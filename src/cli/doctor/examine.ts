/** The whole check-up: which checks are made, and in which order. */
import type { Config } from '../../config/config.ts';
import type { Invocation } from '../command.ts';
import { allConnections } from '../connection-name.ts';
import { exists, type Keyward, openKeyward } from '../keyward.ts';
import { principalOf } from '../person.ts';
import { clientCheck } from './clients.ts';
import { clockCheck, computerChecks } from './computer.ts';
import { connectionChecks, connectorCheck } from './connections.ts';
import { fileChecks } from './files.ts';
import { type Check, type Finding, findingsOf, unknown } from './finding.ts';
import { settingsChecks } from './settings.ts';
import { vaultCheck } from './vault.ts';

/** What decides which vault is meant. With a problem there, another one would be looked at. */
const vaultOptions = /^(KEYWARD_(HOME|STORE|KEY|KEY_FILE|PASSPHRASE)|--(home|store|key-file))\b/;

/**
 * Makes every check, one after the other, and tells each finding as it is known.
 *
 * @param invocation its configuration may have problems
 */
export async function examine(
  invocation: Pick<Invocation, 'config' | 'problems' | 'flags'>,
  env: NodeJS.ProcessEnv,
  tell: (finding: Finding) => void,
): Promise<void> {
  const { config, problems } = invocation;
  const make = async (checks: readonly Check[]) => {
    for (const check of checks) for (const finding of await findingsOf(check)) tell(finding);
  };
  await make(settingsChecks(invocation, env));
  await make([connectorCheck(config)]);
  const unclear = Object.keys(problems).find((name) => vaultOptions.test(name));
  if (unclear !== undefined) {
    const text = `not looked at before ${unclear} is right`;
    await make([
      { name: 'vault', look: async () => [unknown('vault', text)] },
      ...computerChecks(config, env, null, true),
    ]);
    return;
  }
  // Before the vault is opened, which closes to others what it finds open.
  await make(fileChecks(config));
  const there = config.store.kind === 'postgres' || (await exists(config.store.path));
  await make([vaultCheck(config, there)]);
  await make([clientCheck(env, there)]);
  const keyward = there ? await opened(config) : null;
  try {
    await make(computerChecks(config, env, keyward?.broker ?? null, there));
    if (keyward === null) return;
    const { broker } = keyward;
    const principal = principalOf(invocation, 'keyward doctor');
    const connections = await allConnections(broker, principal).catch(() => []);
    await make([clockCheck(broker, connections), ...connectionChecks(broker, principal, connections)]);
  } finally {
    await keyward?.close();
  }
}

/** Null where it does not open: the check of the vault says why. Nothing is logged, since each problem is a finding. */
function opened(config: Config): Promise<Keyward | null> {
  return openKeyward(config, { info() {}, warn() {}, error() {} }).catch(() => null);
}
