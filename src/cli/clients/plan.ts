/** What Keyward changes in a client's file: its own entries, and nothing else. */
import { idIn } from '../../broker/input/text.ts';
import { KeywardError } from '../../errors.ts';
import { backupOf, type ClientConfig, readConfig } from './config-file.ts';
import type { Entry } from './format.ts';
import { editServer, readServers, type Server, sameContent } from './servers.ts';
import type { Launch } from './texts.ts';

/** The name of Keyward's own entry, in every client. */
const own = 'keyward';

/** A change of one file. It changes nothing when `text` is what the file holds. */
export type Plan = {
  readonly config: ClientConfig;
  /** What the file is to hold; null when it goes. */
  readonly text: string | null;
};

/** An entry: Keyward itself, or the MCP server of a connection. */
export type Wanted = {
  readonly launch: Launch;
  /** Null for Keyward itself. */
  readonly server: WantedServer | null;
};

type WantedServer = {
  /** The connection's id, by which its entry is known whatever that is called. */
  readonly id: string;
  /** What its entry is called, where nothing else has that name. */
  readonly name: string;
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
 * Makes the client start these. What a person added to an entry stays: other variables, the secrets that Keyward did not
 * write, settings of the client.
 *
 * @throws KeywardError `conflict` where the client reaches a Keyward over HTTP under that name
 */
export async function planSetup(config: ClientConfig, all: readonly Wanted[]): Promise<Plan> {
  let { text } = config;
  for (const wanted of all) text = await withEntry({ ...config, text }, wanted);
  return { config, text };
}

async function withEntry(config: ClientConfig, { launch, server }: Wanted): Promise<string> {
  const servers = await readServers(config);
  const name = server === null ? own : (entryOf(servers, server.id) ?? freeName(servers, server.name));
  const current = servers.get(name);
  const { typed } = config.client;
  if (current?.url !== undefined) {
    const { name: client, id } = config.client;
    throw new KeywardError('conflict', `${client} reaches a Keyward at an address already; nothing was changed.`, {
      hint: `If it is to start one itself, run keyward setup ${id} --remove first.`,
    });
  }
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
  return sameContent(current?.entry, entry) ? config.text : editServer(config, name, entry);
}

/** The name under which a client starts the MCP server of this connection, if it does. */
function entryOf(servers: ReadonlyMap<string, Server>, id: string): string | undefined {
  return [...servers].find(([, { args = [] }]) => args.some((arg, at) => arg === 'mcp' && args[at + 1] === id))?.[0];
}

/** The entry of that name, where setup made it for a connection: one that is gone is known by nothing else. */
function madeFor(servers: ReadonlyMap<string, Server>, name: string): readonly string[] {
  const args = servers.get(name)?.args ?? [];
  return args.some((arg, at) => arg === 'mcp' && idIn(args[at + 1]) !== null) ? [name] : [];
}

/** The client may reach the same service by itself already. */
function freeName(servers: ReadonlyMap<string, Server>, name: string): string {
  const names = [name, `${name}-keyward`, ...Array.from(servers, (_, at) => `${name}-keyward-${at + 2}`)];
  return names.find((one) => !servers.has(one)) ?? name;
}

/** What the entry of a connection is called: in letters that every client takes. */
export function entryName({ name, connectorId }: { readonly name: string; readonly connectorId: string }): string {
  const [word] = [name, connectorId]
    .map(
      (text) =>
        text
          .toLowerCase()
          .match(/[a-z0-9]+/g)
          ?.join('-') ?? '',
    )
    .filter(Boolean);
  return word === undefined || word === own ? 'mcp-server' : word.slice(0, 40);
}

/**
 * Takes entries away: Keyward's own, or those of these connections, which are ids, or names of entries. A file that is just
 * as setup left it becomes what it was before, to the byte.
 */
export async function planRemoval(config: ClientConfig, connections: readonly string[] | null): Promise<Plan> {
  const servers = await readServers(config);
  const names =
    connections === null ? [own] : connections.flatMap((one) => entryOf(servers, one) ?? madeFor(servers, one));
  const entries = [...servers].flatMap(([name, { entry }]) => (names.includes(name) ? [[name, entry] as const] : []));
  if (entries.length === 0) return { config, text: config.text };
  const made = async (before: ClientConfig) => {
    let { text } = before;
    for (const [name, entry] of entries) text = await editServer({ ...before, text }, name, entry);
    return text;
  };
  const as = (before: ClientConfig) =>
    made(before)
      .then((text) => text === config.text)
      .catch(() => false);
  const before = await oldConfig(
    config,
    entries.map(([name]) => name),
  );
  if (before !== null && (await as(before))) return { config, text: before.text };
  const fromNothing = { ...config, text: '', mark: '', bytes: null };
  if (config.mark === '' && before === null && (await as(fromNothing))) return { config, text: null };
  let { text } = config;
  for (const [name] of entries) text = await editServer({ ...config, text }, name, null);
  return { config, text };
}

/** The copy of the file from before Keyward's last change, if there is one and it holds none of these. */
async function oldConfig(config: ClientConfig, names: readonly string[]): Promise<ClientConfig | null> {
  try {
    const before = await readConfig({ client: config.client, path: await backupOf(config.path) });
    const servers = await readServers(before);
    const usable = before.bytes !== null && before.mark === config.mark && !names.some((name) => servers.has(name));
    return usable ? before : null;
  } catch {
    return null;
  }
}
