/** What Keyward changes in a client's file: its own entry, and nothing else. */
import { KeywardError } from '../../errors.ts';
import { backupOf, type ClientConfig, readConfig } from './config-file.ts';
import type { Entry } from './format.ts';
import { editServer, readServers, sameContent } from './servers.ts';
import type { Launch } from './texts.ts';

/** The name of Keyward's entry, in every client. */
const own = 'keyward';

/** A change of one file. It changes nothing when `text` is what the file holds. */
export type Plan = {
  readonly config: ClientConfig;
  /** What the file is to hold; null when it goes. */
  readonly text: string | null;
};

/** True when there is something to do. */
export function changes({ config, text }: Plan): boolean {
  return text !== config.text;
}

/** True when the client starts Keyward already, in whatever way. */
export async function hasKeyward(config: ClientConfig): Promise<boolean> {
  return (await readServers(config)).has(own);
}

/**
 * Makes the client start Keyward in this way. What a person added to the entry stays: other variables, the secrets that
 * Keyward did not write, settings of the client.
 *
 * @throws KeywardError `conflict` where the client reaches a Keyward over HTTP under that name
 */
export async function planSetup(config: ClientConfig, launch: Launch): Promise<Plan> {
  const current = (await readServers(config)).get(own);
  if (current?.url !== undefined) {
    const { name, id } = config.client;
    throw new KeywardError('conflict', `${name} reaches a Keyward at an address already; nothing was changed.`, {
      hint: `If it is to start one itself, run keyward setup ${id} --remove first.`,
    });
  }
  const { typed } = config.client;
  const old = current?.entry.env;
  const env = { ...(typeof old === 'object' && old), ...launch.env };
  const entry: Entry = {
    ...current?.entry,
    ...(typed && { type: 'stdio' }),
    command: launch.command,
    args: [...launch.args],
    ...(Object.keys(env).length > 0 && { env }),
  };
  // A client may have laid it out in its own way.
  if (sameContent(current?.entry, entry)) return { config, text: config.text };
  return { config, text: await editServer(config, own, entry) };
}

/** Takes Keyward's entry away. A file that is just as setup left it becomes what it was before, to the byte. */
export async function planRemoval(config: ClientConfig): Promise<Plan> {
  const entry = (await readServers(config)).get(own)?.entry;
  if (entry === undefined) return { config, text: config.text };
  const made = (before: ClientConfig) => editServer(before, own, entry).catch(() => null);
  const before = await oldConfig(config);
  if (before !== null && (await made(before)) === config.text) return { config, text: before.text };
  const fromNothing = { ...config, text: '', mark: '', bytes: null };
  if (config.mark === '' && before === null && (await made(fromNothing)) === config.text) return { config, text: null };
  return { config, text: await editServer(config, own, null) };
}

/** The copy of the file from before Keyward's last change, if there is one and it does not hold Keyward. */
async function oldConfig(config: ClientConfig): Promise<ClientConfig | null> {
  try {
    const before = await readConfig({ client: config.client, path: await backupOf(config.path) });
    const usable = before.bytes !== null && before.mark === config.mark && !(await hasKeyward(before));
    return usable ? before : null;
  } catch {
    return null;
  }
}
