/** Vaults of a given size to measure with, in temporary homes. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { openKeyward } from '../../src/cli/keyward.ts';
import { readConfig } from '../../src/config/config.ts';
import { createLog } from '../../src/log.ts';
import { localPrincipal, type Owner } from '../../src/principal.ts';
import { openStore } from '../../src/store/open.ts';
import type { Within } from '../../src/store/quota.ts';
import type { Change, Store } from '../../src/store/store.ts';
import { made } from '../../src/store/under-keys.ts';
import { openVault } from '../../src/vault/open.ts';
import type { Credential, CredentialSecret, Vault } from '../../src/vault/vault.ts';

export type Home = {
  /** The environment of a Keyward that uses it. */
  readonly env: Readonly<Record<string, string>>;
  readonly vaultFile: string;
  readonly credentialIds: readonly string[];
  remove(): Promise<void>;
};

/**
 * A home whose vault holds so many credentials of one owner, by default of the local person.
 *
 * @param database URL of an empty PostgreSQL database for the vault; without one it is a file in the home
 */
export async function makeHome(credentials: number, owner: Owner = localPrincipal, database?: string): Promise<Home> {
  const home = await mkdtemp(join(tmpdir(), 'keyward-bench-'));
  const key = randomBytes(32).toString('base64');
  const store: Record<string, string> = database === undefined ? {} : { KEYWARD_STORE: database };
  const bounds = { KEYWARD_MAX_CREDENTIALS: '100000', KEYWARD_MAX_CONNECTIONS: '4000' };
  const env = { KEYWARD_HOME: home, KEYWARD_KEY: key, KEYWARD_RELEASE: 'allow', ...bounds, ...store };
  const vault = await openVault(withoutQuotas(await storeOf(env)));
  const records = Array.from({ length: credentials }, () => record(owner));
  await vault.commit(records.map((one) => ({ op: 'create', kind: 'credential', record: one, secret: secret() })));
  await vault.close();
  return {
    env,
    vaultFile: vault.location,
    credentialIds: records.map(({ id }) => id),
    remove: () => rm(home, { recursive: true, force: true }),
  };
}

/** The vault of a home, opened in this process. */
export async function vaultOf(env: Home['env']): Promise<Vault> {
  return openVault(await storeOf(env), undefined, readConfig(new Map(), env).maxCredentials);
}

/** An empty database of this name on a server; answers its URL. */
export async function newDatabase(server: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  return Object.assign(new URL(server), { pathname: `/${name}` }).href;
}

export function storeOf(env: Home['env']): Promise<Store> {
  const { store, key, configDir } = readConfig(new Map(), env);
  return openStore({ store, key: { ...key, fallbackKeyFile: join(configDir, 'vault.key'), keychain: false } });
}

/** A quota counts all that its owner has, for each new row: filling a vault with many at once would take hours. */
function withoutQuotas(store: Store): Store {
  const without = (change: Change & Within): Change => {
    const { within: _, ...rest } = change;
    return rest as Change;
  };
  const commit: Store['commit'] = (changes) => store.commit((keyring) => made(changes, keyring).map(without));
  return Object.create(store, { commit: { value: commit } }) as Store;
}

/** Everything below the transports, opened in this process. */
export function keywardOf(env: Home['env']) {
  return openKeyward(readConfig(new Map(), env), createLog());
}

/** OAuth tokens of usual lengths, good for a year; with its metadata about 1.3 KB in the file. */
export function secret(): CredentialSecret {
  return {
    kind: 'tokens',
    accessToken: randomBytes(150).toString('base64url'),
    tokenType: 'Bearer',
    refreshToken: randomBytes(48).toString('base64url'),
    expiresAt: Date.now() + 365 * 24 * 3_600_000,
    scopes: ['repo', 'read:user'],
    kept: {},
  };
}

function record({ tenant, user }: Owner): Omit<Credential, 'version' | 'secretVersion' | 'createdAt' | 'updatedAt'> {
  return {
    id: randomUUID(),
    tenant,
    owner: user,
    connectorId: 'github',
    authenticationType: 'oauth2',
    name: 'GitHub of the bench',
    status: 'active',
    statusReason: null,
    account: 'bench@example.com',
    scopes: ['repo', 'read:user'],
    inputs: {},
    hosts: ['api.github.com'],
    authConfigId: 'default',
    obtainedBy: 'page',
    expiresAt: Date.now() + 365 * 24 * 3_600_000,
    refreshedAt: Date.now(),
    refreshStartedAt: null,
    lastUsedAt: null,
  };
}
