/** A broker with a real vault in a folder of its own, real egress and a connector for a server on loopback. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Broker, BrokerSettings, Pages } from '../../src/broker/broker.ts';
import { finishCallback } from '../../src/broker/connect/callback.ts';
import { createCredential } from '../../src/broker/connect/create.ts';
import type { CreateInput } from '../../src/broker/connect/create-input.ts';
import { viewAttempt } from '../../src/broker/connect/page.ts';
import { createBroker } from '../../src/broker/create-broker.ts';
import { loadCatalogue } from '../../src/connectors/catalogue.ts';
import type { Facts, Log } from '../../src/log.ts';
import type { Egress } from '../../src/net/egress.ts';
import { createEgress } from '../../src/net/open-egress.ts';
import { localPrincipal, type Principal } from '../../src/principal.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { openVault } from '../../src/vault/open.ts';
import type { Attempt, Credential, CredentialSecret } from '../../src/vault/vault.ts';
import { clickThrough } from './clients/click-through.ts';
import type { DnsServer } from './servers/dns-server.ts';

export const acme = 'custom.acme';

/** The outer key of vaults that several processes of one test share; it protects nothing. */
export const sharedKey = Buffer.alloc(32, 7).toString('base64');

export type TestBroker = {
  readonly broker: Broker;
  readonly store: Store;
  /** Folder of the vault and the connector files. */
  readonly folder: string;
  /** Everything that was logged, as text. */
  readonly logged: () => string;
  /** Every audit event so far. */
  audited(): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
};

export type BrokerOptions = {
  /** Origin of the authorization server, and of the API. */
  readonly origin: string;
  /** Fields over those of the connector's `oauth2` entry. */
  readonly oauth2?: Readonly<Record<string, unknown>>;
  /** Fields over those of its verification call. */
  readonly verify?: Readonly<Record<string, unknown>>;
  readonly settings?: Partial<BrokerSettings>;
  /** Connector files besides Acme's and the shop's. */
  readonly definitions?: readonly { readonly id: string }[];
  /** Default: the system's resolver. */
  readonly resolve?: DnsServer['resolve'];
  /** Stands between the broker and its egress. */
  readonly through?: (egress: Egress) => Egress;
  /** More hosts on loopback that may be reached. */
  readonly allow?: readonly string[];
  readonly pages?: Partial<Pages>;
  /** Folder of a broker that runs already, to share its vault. Default: one of its own, removed at the end. */
  readonly folder?: string;
  /** URL of a PostgreSQL database to keep the vault in, instead of a file in the folder. */
  readonly database?: string | undefined;
};

/** A copy of a built-in definition needs a name of its own: one that reads like the built-in is refused. */
function asTwin(definition: { readonly id: string; readonly name?: string }): {
  readonly id: string;
  readonly name: string;
} {
  return { ...definition, name: `${definition.name} twin` };
}

export async function startBroker(options: BrokerOptions): Promise<TestBroker> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'keyward-broker-')));
  const connectors = join(folder, 'connectors');
  // A shared folder has the files already.
  const definitions =
    options.folder === undefined
      ? [acmeDefinition(options), shopDefinition, ...(options.definitions ?? []).map(asTwin)]
      : [];
  await mkdir(connectors, { recursive: true });
  for (const definition of definitions) {
    await writeFile(join(connectors, `${definition.id}.json`), JSON.stringify(definition));
  }
  const store = await openStore({
    store:
      options.database === undefined
        ? { kind: 'file', path: join(folder, 'vault', 'vault.json') }
        : { kind: 'postgres', url: options.database },
    key: { key: sharedKey, fallbackKeyFile: join(folder, 'vault.key'), keychain: false },
  });
  const vault = await openVault(store);
  const catalogue = await loadCatalogue(connectors);
  if (catalogue.problems.length > 0) throw new Error(JSON.stringify(catalogue.problems));
  const { resolve, allow = [] } = options;
  const direct = createEgress({ allow: [new URL(options.origin).host, ...allow], ...(resolve && { resolve }) });
  const egress = options.through?.(direct) ?? direct;
  const lines: string[] = [];
  const settings: BrokerSettings = {
    authConfigs: new Map([[acme, { clientId: 'keyward', clientSecret: 'keyward-secret' }]]),
    familyClients: new Map(),
    clientMetadataUrl: null,
    redirectUris: [],
    secretInput: 'any',
    release: 'allow',
    maxCalls: 8,
    shareTenants: { offers: false, pairs: [] },
    ...options.settings,
    anyHost: options.settings?.anyHost ?? (options.settings?.release === 'approve' ? 'page' : 'allow'),
  };
  const origin = 'http://127.0.0.1:7356';
  const pages = {
    callbackOrigin: 'http://127.0.0.1:7355',
    open: async () => origin,
    openApprovals: async () => origin,
    showLocally: null,
    ...options.pages,
  };
  const broker = createBroker({ vault, catalogue, egress, log: logTo(lines), settings, pages });
  return {
    broker,
    store,
    folder,
    logged: () => lines.join('\n'),
    async audited() {
      const events: Record<string, unknown>[] = [];
      for await (const line of store.readAudit()) events.push(JSON.parse(line));
      return events;
    },
    async close() {
      await broker.close();
      await vault.close();
      await egress.close();
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

function logTo(lines: string[]): Log {
  const write = (event: string, facts: Facts = {}) => void lines.push(JSON.stringify({ event, ...facts }));
  return { info: write, warn: write, error: write };
}

function acmeDefinition({ origin, oauth2, verify }: BrokerOptions) {
  return {
    id: acme,
    name: 'Acme',
    categories: ['testing'],
    docsUrl: 'https://acme.example/docs',
    appUrl: 'https://acme.example/apps',
    api: {
      baseUrl: `${origin}/v1`,
      allowedHosts: [new URL(origin).host],
      verify: { method: 'GET', path: '/me', accountPath: 'user.email', ...verify },
    },
    auth: [
      {
        authenticationType: 'oauth2',
        issuer: origin,
        authorizationEndpoint: `${origin}/auth`,
        tokenEndpoint: `${origin}/token`,
        revocationEndpoint: `${origin}/token/revocation`,
        deviceAuthorizationEndpoint: `${origin}/device/auth`,
        scopes: ['openid', 'offline_access'],
        authorizationParams: { prompt: 'consent' },
        refresh: { marginSeconds: 300, rotates: true },
        ...oauth2,
      },
      { authenticationType: 'oauth2_client_credentials', tokenEndpoint: `${origin}/token`, scopes: [] },
      {
        authenticationType: 'api_key',
        inputs: {
          type: 'object',
          properties: {
            apiKey: {
              type: 'string',
              title: 'API key',
              pattern: '^acme_[A-Za-z0-9]{16,}$',
              writeOnly: true,
              examples: ['acme_0000000000000000'],
            },
          },
          required: ['apiKey'],
        },
        inject: [{ in: 'header', name: 'x-api-key', value: '{apiKey}' }],
      },
      { authenticationType: 'basic' },
    ],
  };
}

/** A host for each customer, named by a connection input; nothing to verify with. */
const shopDefinition = {
  id: 'custom.shop',
  name: 'Shop',
  categories: ['testing'],
  docsUrl: 'https://shop.example/docs',
  appUrl: 'https://shop.example/apps',
  inputs: {
    type: 'object',
    properties: {
      shop: { type: 'string', pattern: '^[a-z]+$', examples: ['tea'] },
      region: { type: 'string', enum: ['eu', 'us'] },
    },
    required: ['shop', 'region'],
  },
  api: { baseUrl: 'https://{shop}.shop.example/v1', allowedHosts: ['{shop}.shop.example'] },
  auth: [{ authenticationType: 'bearer' }],
};

/** Somebody else than the local person, with every scope but acting for others. */
export function principal(user: string, tenant = 'local'): Principal {
  return { ...localPrincipal, tenant, user, client: 'Test Client' };
}

/** Starts connecting by OAuth and consents at the service; stops short of the callback. */
export async function consent(broker: Broker, who: Principal, input: Partial<CreateInput> = {}, login?: string) {
  const created = await createCredential(
    broker,
    who,
    { connectorId: acme, authenticationType: 'oauth2', ...input },
    { obtainedBy: 'tool' },
  );
  if (created.kind !== 'attempt') throw new Error('Nothing was left to ask.');
  const { attemptId } = created;
  const browser = randomBytes(16).toString('base64url');
  const view = await viewAttempt(broker, attemptId, browser, 'local');
  if (view.step !== 'authorize') throw new Error(`Not at the service but at ${view.step}.`);
  const back = await clickThrough(view.authorizationUrl, login === undefined ? {} : { login });
  // A server that was discovered has a redirect URI of its own.
  const connectorId = /^\/oauth\/callback\/(.+)$/.exec(back.pathname)?.[1] ?? null;
  return { attemptId, browser, connectorId, authorizationUrl: view.authorizationUrl, received: back.searchParams };
}

/** Connects by OAuth to the end, good or bad, and answers the attempt. */
export async function finishAttempt(
  broker: Broker,
  who: Principal,
  input: Partial<CreateInput> = {},
): Promise<Attempt> {
  const { attemptId, browser, connectorId, received } = await consent(broker, who, input);
  await finishCallback(broker, { received, connectorId, cookieOf: () => browser, visitor: 'local' });
  const attempt = await broker.vault.findAttempt(attemptId);
  if (attempt) return attempt;
  throw new Error('The attempt is gone.');
}

/** Connects by OAuth to the end and answers the new credential's id. */
export async function connectAcme(broker: Broker, who: Principal, input: Partial<CreateInput> = {}): Promise<string> {
  const { credentialId, error } = await finishAttempt(broker, who, input);
  if (credentialId !== null) return credentialId;
  throw new Error(`Not connected: ${JSON.stringify(error)}`);
}

export async function credentialOf(broker: Broker, who: Principal, id: string): Promise<Credential> {
  const credential = await broker.vault.get('credential', who, id);
  if (credential) return credential;
  throw new Error('The credential is gone.');
}

export type Tokens = Extract<CredentialSecret, { kind: 'tokens' }>;

export async function tokensOf(broker: Broker, who: Principal, id: string): Promise<Tokens> {
  const secret = await broker.vault.open('credential', await credentialOf(broker, who, id));
  if (secret.kind === 'tokens') return secret;
  throw new Error('There are no tokens.');
}

/** Lets the stored access token expire `inMs` milliseconds from now; negative for a while ago. */
export async function ageTokens(broker: Broker, who: Principal, id: string, inMs: number): Promise<void> {
  const record = await credentialOf(broker, who, id);
  const secret = { ...(await tokensOf(broker, who, id)), expiresAt: Date.now() + inMs };
  const refreshedAt = Date.now() - 3_600_000;
  const changed = { ...record, refreshedAt, expiresAt: secret.expiresAt };
  await broker.vault.commit([{ op: 'update', kind: 'credential', record: changed, secret }]);
}

/** Stores a credential with these tokens, as if it had been connected an hour ago. */
export async function storeTokens(broker: Broker, who: Principal, tokens: Partial<Tokens> = {}): Promise<Credential> {
  const id = crypto.randomUUID();
  const expiresAt = tokens.expiresAt === undefined ? Date.now() - 1_000 : tokens.expiresAt;
  const secret: Tokens = {
    kind: 'tokens',
    accessToken: 'at-0',
    tokenType: 'Bearer',
    refreshToken: 'rt-0',
    scopes: null,
    kept: {},
    ...tokens,
    expiresAt,
  };
  const record = {
    id,
    tenant: who.tenant,
    owner: who.user,
    connectorId: acme,
    authenticationType: 'oauth2',
    name: 'Acme',
    status: 'active',
    statusReason: null,
    account: null,
    scopes: null,
    inputs: {},
    hosts: broker.catalogue.require(acme).api.allowedHosts,
    authConfigId: 'default',
    obtainedBy: 'tool',
    expiresAt,
    refreshedAt: Date.now() - 3_600_000,
    refreshStartedAt: null,
    lastUsedAt: null,
  } as const;
  await broker.vault.commit([{ op: 'create', kind: 'credential', record, secret }]);
  return credentialOf(broker, who, id);
}
