/** Acting on a vault as a command of Keyward does, without a process for it: starting one takes half a second. */
import type { Broker } from '../../../src/broker/broker.ts';
import { listCredentials } from '../../../src/broker/credentials/manage.ts';
import { openKeyward } from '../../../src/cli/keyward.ts';
import { readConfig } from '../../../src/config/config.ts';
import { localPrincipal } from '../../../src/principal.ts';

const silent = { info() {}, warn() {}, error() {} };

/** Opens the vault of these options, or makes it, and closes it after the work. Other processes may be working on it. */
export async function onVault<T>(env: NodeJS.ProcessEnv, work: (broker: Broker) => Promise<T>): Promise<T> {
  const keyward = await openKeyward(readConfig(new Map(), env, null), silent);
  return work(keyward.broker).finally(keyward.close);
}

/** The connections of the local person, as `keyward list` reads them. */
export async function connectionsOn(env: NodeJS.ProcessEnv) {
  return (await onVault(env, (broker) => listCredentials(broker, localPrincipal, {}))).credentials;
}
