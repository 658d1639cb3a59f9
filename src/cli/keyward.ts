/** Puts Keyward together: key → store → vault → broker. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Broker, DefaultAuthConfig, Pages } from '../broker/broker.ts';
import { createBroker } from '../broker/create-broker.ts';
import { type Config, connectorVariable } from '../config/config.ts';
import { type Catalogue, loadCatalogue } from '../connectors/catalogue.ts';
import { type ClientFamily, familyNames } from '../connectors/families.ts';
import { createLoopbackPages } from '../http/loopback/loopback.ts';
import type { Log } from '../log.ts';
import { createEgress } from '../net/open-egress.ts';
import { type KeySettings, openStore } from '../store/open.ts';
import type { Store } from '../store/store.ts';
import { closeToOthers } from '../trusted-files.ts';
import { adviceOnKeys, retireUnused } from '../vault/key-change.ts';
import { openVault } from '../vault/open.ts';
import type { AuditEvent } from '../vault/vault.ts';

export type Keyward = {
  readonly broker: Broker;
  /** Ends everything in order: what is counted or written lazily is on disk afterwards. */
  close(): Promise<void>;
};

/** What a transport or a command has of its own. */
type Own = {
  /** Without these, pages are served on loopback while they are needed. */
  readonly pages?: Pages;
  /** Is told of each event that the audit log holds. */
  readonly observe?: (event: AuditEvent) => void;
  /** Leaves data keys that nothing needs any more: nobody expects a change of the vault. */
  readonly keepsKeys?: true;
};

/** Opens the vault, or makes it where there is none, and everything that works on it. */
export async function openKeyward(config: Config, log: Log, own: Own = {}): Promise<Keyward> {
  // Whoever can put files into it decides where credentials go.
  await closeToOthers(config.configDir);
  const [store, catalogue] = await Promise.all([openConfiguredStore(config, own), loadCatalogue(config.connectorsDir)]);
  const vault = await openVault(store, own.observe, config.maxCredentials);
  // Judging a passphrase takes a moment, for which nobody waits.
  void adviceOnKeys(store, keySettings(config)).then(
    (advice) => advice && log.warn('key_advice', { advice }),
    () => undefined,
  );
  const egress = createEgress({ allow: config.egressAllow, only: config.hostsAllow, proxy: config.proxy });
  for (const { file, field, rule } of catalogue.problems) log.warn('connector_invalid', { file, field, rule });
  const { found, families, unknown } = matchAuthConfigs(config, catalogue);
  for (const connector of unknown) log.warn('auth_config_unknown_connector', { connector });

  const loopback = createLoopbackPages({ ...loopbackPlace(config), broker: () => broker });
  const { clientMetadataUrl, redirectUris, secretInput, release, anyHost, maxCalls, shareTenants } = config;
  const client = { authConfigs: found, familyClients: families, clientMetadataUrl, redirectUris };
  const settings = { ...client, secretInput, release, anyHost, maxCalls, shareTenants };
  const broker: Broker = createBroker({ vault, catalogue, egress, log, settings, pages: own.pages ?? loopback });
  return {
    broker,
    async close() {
      await loopback.close();
      await broker.close();
      await vault.close();
      await egress.close();
    },
  };
}

/** Where pages on loopback are, and how another holder of the callback's port is asked who it is. */
export function loopbackPlace({ host, port, publicUrl }: Config) {
  const egressTo = (hostAndPort: string) => createEgress({ allow: [hostAndPort] });
  return { host, port, publicUrl, egressTo };
}

/** The store that is configured, with its outer key. Data keys that nothing needs are retired, but for `keepsKeys`. */
export async function openConfiguredStore(config: Config, { keepsKeys }: Pick<Own, 'keepsKeys'> = {}): Promise<Store> {
  const store = await openStore({ store: config.store, key: keySettings(config), marks: marksFolder(config) });
  try {
    if (!keepsKeys) await retireUnused(store);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Where this computer keeps what it remembers of vaults: beside the key, away from them. */
export function marksFolder({ configDir }: Config): string {
  return join(configDir, 'marks');
}

/** What the configuration says about the outer key. */
export function keySettings(config: Config): KeySettings {
  const { key, keyFile, passphrase } = config.key;
  return {
    ...(key !== undefined && { key }),
    ...(keyFile !== undefined && { keyFile }),
    ...(passphrase !== undefined && { passphrase }),
    fallbackKeyFile: fallbackKeyFile(config),
    keychain: true,
    noKeyFile: config.servesOneTree,
  };
}

/** True when the file is there. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Where the outer key is kept when none is configured and no keychain answers: never beside the vault. */
export function fallbackKeyFile(config: Config): string {
  return join(config.configDir, 'vault.key');
}

/** The environment's auth configs by connector id and by family, and the names that fit neither, or more than one. */
export function matchAuthConfigs({ authConfigs }: Config, catalogue: Catalogue) {
  const found = new Map<string, DefaultAuthConfig>();
  const families = new Map<ClientFamily, DefaultAuthConfig>();
  const unknown: string[] = [];
  for (const [variable, client] of authConfigs) {
    const [id, ...others] = catalogue.ids().filter((one) => connectorVariable(one) === variable);
    const family = familyNames.find((one) => connectorVariable(one) === variable);
    // A client secret goes to one service or family. Where the name could mean two, neither gets it.
    if (others.length > 0 || (id === undefined) === (family === undefined)) unknown.push(variable);
    else if (id !== undefined) found.set(id, client);
    else if (family !== undefined) families.set(family, client);
  }
  return { found, families, unknown };
}

/** Resolves with the signal that tells this process to stop. */
export function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => resolve(signal));
  });
}
