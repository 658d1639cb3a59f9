/** Auth configs: the OAuth clients that people registered, from the environment or stored by their owner. */
import { randomUUID } from 'node:crypto';
import { namedServer } from '../../connectors/auth-kinds.ts';
import { isBuiltin } from '../../connectors/builtin.ts';
import type { AuthMethod, Connector } from '../../connectors/definition/definition.ts';
import { clientHosts, serverHosts } from '../../connectors/server-hosts.ts';
import { hasCode, KeywardError } from '../../errors.ts';
import type { Owner, Principal } from '../../principal.ts';
import type { AuthConfig, ClientRegistration } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { oneLine, readId, readName } from '../input/text.ts';
import type { OAuthClient } from '../oauth/context.ts';
import { isWithin } from '../policy/limits.ts';
import { authorize, requireWithin } from '../policy/policy.ts';
import { clientsFor, environmentClient, isEnteredFor } from './family-clients.ts';
import { readServer } from './named-server.ts';

/** Id of the auth config that the environment provides. */
export const defaultAuthConfigId = 'default';

/** Longest client id or client secret, in characters; some services use signed documents as client ids. */
const maxField = 4_096;

/** An auth config ready for use. */
export type UsableAuthConfig = {
  readonly id: string;
  /** Whose it is, where that is not whom it was looked up for but the backend that acts. */
  readonly owner?: string;
  readonly client: OAuthClient;
  /** Scopes to ask for instead of the connector's defaults. */
  readonly scopes: readonly string[] | null;
  /** As on the row; absent for the one of the environment, which belongs to whatever its connector says. */
  readonly hosts?: readonly string[];
  readonly registration?: ClientRegistration;
};

/** What an OAuth client is wanted for. */
export type Wanted = {
  readonly connector: Connector;
  readonly auth: AuthMethod;
  /** Inputs of the connection, which may name the server. */
  readonly inputs: Readonly<Record<string, string>>;
};

/** Whom a connection is for, and with `actor` the backend that connects it. */
type ConnectedFor = Owner & Pick<Principal, 'actor'>;

/** Whose auth configs a connection may use: those of the backend that acts come first, since it knows which it means. */
function holdersOf({ tenant, user, actor }: ConnectedFor): readonly Owner[] {
  const backend = actor === undefined ? [] : [{ tenant, user: actor }];
  return [...backend, { tenant, user }];
}

/** A client that Keyward registered by itself stays with whom it was registered for: another one is made as needed. */
function serves({ owner, registration }: AuthConfig, { user }: ConnectedFor): boolean {
  return owner === user || registration === undefined;
}

/**
 * The auth config with this id, or without an id the one to use: the environment's, else the newest stored one that
 * suits. One of the connector itself comes before one of its family, which serves people who sign in alone. Undefined when
 * there is none; `not_found` when an id was given that neither this owner nor whoever acts for it has. Where the connection names the authorization server, a client of another one is none here.
 */
export async function findAuthConfig(
  broker: Broker,
  owner: ConnectedFor,
  wanted: Wanted,
  id: string | null,
): Promise<UsableAuthConfig | undefined> {
  const server = namedServer(wanted.auth, wanted.inputs);
  const fromEnvironment = server === null ? environmentClient(broker, wanted) : undefined;
  if (fromEnvironment && (id === null || id === defaultAuthConfigId)) {
    return { id: defaultAuthConfigId, client: fromEnvironment, scopes: null };
  }
  for (const holder of holdersOf(owner)) {
    const stored =
      id === null ? await newest(broker, holder, owner, wanted) : await broker.vault.get('authConfig', holder, id);
    if (stored === undefined || !isEnteredFor(broker, stored, wanted)) continue;
    if ((stored.server ?? null) !== server || !serves(stored, owner)) continue;
    const { clientSecret } = await broker.vault.open('authConfig', stored);
    const { registration } = stored;
    const hosts = stored.hosts ?? (await noteHosts(broker, stored, wanted));
    return {
      id: stored.id,
      ...(holder.user === owner.user ? {} : { owner: holder.user }),
      client: { clientId: stored.clientId, clientSecret },
      scopes: stored.scopes,
      hosts,
      ...(registration ? { registration } : {}),
    };
  }
  if (id === null) return undefined;
  throw new KeywardError('not_found', `There is no auth config ${id} for ${wanted.connector.id}.`, {
    hint: 'Leave authConfigId out: Keyward uses the one it has, or asks the person on its page.',
  });
}

/**
 * True where a client may be used: a connector file that names other hosts since it was entered would have its secret
 * sent to whoever wrote that.
 */
export function suits({ hosts }: Pick<AuthConfig, 'hosts'>, { connector, auth, inputs }: Wanted): boolean {
  if (hosts === undefined || isBuiltin(connector.id)) return true;
  return serverHosts(auth, inputs).every((host) => hosts.includes(host));
}

/** A client from before hosts were noted was entered for what its connector says now. */
async function noteHosts(broker: Broker, stored: AuthConfig, { inputs }: Wanted): Promise<string[]> {
  const hosts = clientHosts(broker.catalogue.require(stored.connectorId), inputs);
  await broker.vault
    .commit([{ op: 'update', kind: 'authConfig', record: { ...stored, hosts } }])
    .catch((error: unknown) => {
      // Somebody else has just noted the same.
      if (!hasCode(error, 'conflict')) throw error;
    });
  return hosts;
}

/** True when connecting needs no OAuth client from the person any more. What a token can't connect, it knows nothing of. */
export async function hasAuthConfig(
  broker: Broker,
  owner: ConnectedFor & Pick<Principal, 'limits'>,
  connector: Connector,
  auth: AuthMethod,
): Promise<boolean> {
  if (environmentClient(broker, { connector, auth }) !== undefined) return true;
  if (!isWithin(owner.limits, { id: null, connectorId: connector.id })) return false;
  const held = holdersOf(owner).map((holder) => newest(broker, holder, owner, { connector, auth, inputs: {} }));
  return (await Promise.all(held)).some((config) => config !== undefined);
}

/**
 * Notes that a server no longer knows a client that registered itself, so that the next connection registers anew. False
 * for a client that a person entered, which only a person can mend.
 *
 * @param patient leaves a client alone that the server reads about at each use: the document may be out of reach for a
 *   moment, or a clock wrong
 */
export async function endRegistration(
  broker: Broker,
  owner: Owner,
  authConfigId: string | null,
  { patient = false }: { readonly patient?: boolean } = {},
): Promise<boolean> {
  const config = authConfigId === null ? undefined : await broker.vault.get('authConfig', owner, authConfigId);
  if (!config?.registration) return false;
  const byKey = config.registration.tokenEndpointAuthMethod === 'private_key_jwt';
  if (patient && (byKey || isDocument(config))) return false;
  const record = { ...config, registration: { ...config.registration, expiresAt: Date.now() } };
  await broker.vault.commit([{ op: 'update', kind: 'authConfig', record }]).catch((error: unknown) => {
    // Somebody else has found out at the same moment.
    if (!hasCode(error, 'conflict')) throw error;
  });
  return true;
}

/** True for a client that Keyward named by the address of its metadata document; no server gives such an id itself. */
export function isDocument({ clientId, registration }: Pick<AuthConfig, 'clientId' | 'registration'>): boolean {
  return registration !== undefined && clientId.startsWith('https://');
}

/** What a connection is told whose client the server no longer knows. */
export const unknownRegistration =
  'The server no longer knows Keyward’s registration. Connect again: Keyward registers anew.';

/** What is wrong with an OAuth client as typed, by field; empty when nothing is. */
export function authConfigProblems(fields: { clientId: string; clientSecret: string }, secretNeeded: boolean) {
  const problems: Record<string, string> = {};
  const check = (name: 'clientId' | 'clientSecret', label: string, needed: boolean) => {
    const value = fields[name];
    if (value === '' && needed) problems[name] = `Enter the ${label}.`;
    else if (value.length > maxField) problems[name] = `The ${label} is longer than ${maxField} characters.`;
    else if (value !== '' && !/^[\x21-\x7e]+$/.test(value)) {
      problems[name] = `The ${label} can't contain spaces, line breaks or letters outside ASCII. Copy it again.`;
    }
  };
  check('clientId', 'client ID', true);
  check('clientSecret', 'client secret', secretNeeded);
  return problems;
}

/** A new auth config's record; the caller commits it, on its own or together with an attempt. */
export function newAuthConfig(
  { tenant, user }: Owner,
  { connector, auth, inputs }: Pick<Wanted, 'connector' | 'inputs'> & { readonly auth: AuthMethod | null },
  name: string,
  clientId: string,
) {
  const server = auth === null ? null : namedServer(auth, inputs);
  const hosts = clientHosts(connector, inputs);
  return {
    id: randomUUID(),
    tenant,
    owner: user,
    connectorId: connector.id,
    name,
    clientId,
    server,
    hosts,
    scopes: null,
  };
}

/**
 * Stores an OAuth client for a connector.
 *
 * @param input `server`: the authorization server, as the connections that may use the client name it
 */
export async function addAuthConfig(
  broker: Broker,
  principal: Principal,
  input: {
    connectorId: string;
    clientId: string;
    clientSecret: string;
    server?: string | undefined;
    name?: string | undefined;
  },
): Promise<{ authConfigId: string }> {
  await requireWithin(broker, principal, 'auth_config.create');
  const connector = broker.catalogue.require(input.connectorId);
  const named = readServer(broker, connector, input.server);
  const problems = authConfigProblems(input, false);
  if (Object.keys(problems).length > 0) throw fieldsError(problems);
  const name = oneLine(input.name, 100) ?? `${connector.name} app`;
  const record = newAuthConfig(principal, { connector, ...named }, name, input.clientId);
  await authorize(broker, principal, 'auth_config.create', { subject: record.id, connectorId: connector.id });
  const secret = { clientSecret: input.clientSecret === '' ? null : input.clientSecret };
  await broker.vault.commit([{ op: 'create', kind: 'authConfig', record, secret }]);
  return { authConfigId: record.id };
}

/** Every auth config of the caller, without its secret. */
export async function listAuthConfigs(broker: Broker, principal: Principal): Promise<AuthConfig[]> {
  await authorize(broker, principal, 'auth_config.read');
  return broker.vault.list('authConfig', principal, {}, { limit: 1_000 });
}

/** Changes an auth config: its label, or the client secret after it was replaced at the service. */
export async function updateAuthConfig(
  broker: Broker,
  principal: Principal,
  input: { authConfigId: string; name?: string | undefined; clientSecret?: string | undefined },
): Promise<AuthConfig> {
  await requireWithin(broker, principal, 'auth_config.update');
  const record = await requireAuthConfig(broker, principal, input.authConfigId);
  const { clientSecret } = input;
  const problems = authConfigProblems({ clientId: record.clientId, clientSecret: clientSecret ?? '' }, false);
  if (input.name === undefined && clientSecret === undefined) problems.name = 'Pass name or clientSecret.';
  if (Object.keys(problems).length > 0) throw fieldsError(problems);
  const name = input.name === undefined ? record.name : readName(input.name);
  const about = { subject: record.id, connectorId: record.connectorId };
  await authorize(broker, principal, 'auth_config.update', about);
  const secret =
    clientSecret === undefined ? {} : { secret: { clientSecret: clientSecret === '' ? null : clientSecret } };
  await broker.vault.commit([{ op: 'update', kind: 'authConfig', record: { ...record, name }, ...secret }]);
  return requireAuthConfig(broker, principal, record.id);
}

/** Removes an auth config. Connections made with it stop refreshing, so the caller should say so first. */
export async function removeAuthConfig(broker: Broker, principal: Principal, id: string): Promise<void> {
  await requireWithin(broker, principal, 'auth_config.delete');
  const record = await requireAuthConfig(broker, principal, id);
  await authorize(broker, principal, 'auth_config.delete', { subject: id, connectorId: record.connectorId });
  await broker.vault.commit([{ op: 'delete', kind: 'authConfig', record }]);
}

async function requireAuthConfig(broker: Broker, owner: Owner, id: string): Promise<AuthConfig> {
  const record = await broker.vault.get('authConfig', owner, readId(id, 'authConfigId'));
  if (record) return record;
  throw new KeywardError('not_found', `There is no auth config ${id}.`, { hint: 'List them to see the ids.' });
}

function fieldsError(problems: Readonly<Record<string, string>>): KeywardError {
  return new KeywardError('invalid_input', Object.values(problems).join(' '), { details: { fields: problems } });
}

/** The newest one of the holder's that a connection for this owner may use. */
async function newest(
  broker: Broker,
  holder: Owner,
  owner: ConnectedFor,
  wanted: Wanted,
): Promise<AuthConfig | undefined> {
  const server = namedServer(wanted.auth, wanted.inputs);
  const all = await clientsFor(broker, holder, wanted);
  return all.filter((one) => (one.server ?? null) === server && serves(one, owner) && suits(one, wanted)).at(-1);
}
