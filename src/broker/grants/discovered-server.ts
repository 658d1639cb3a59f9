/**
 * Connections that name their authorization server themselves: an MCP server, or any issuer. Keyward finds the server,
 * and registers there where the server lets it, so that nobody has to.
 */
import type { ServerMetadata } from 'openid-client';
import { namedServer } from '../../connectors/auth-kinds.ts';
import type { Connector, OAuth2Method } from '../../connectors/definition/definition.ts';
import { fillUrl } from '../../connectors/template.ts';
import { KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { Attempt } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { begin, issuerOf, type Operation, scopesOf } from '../oauth/context.ts';
import { protectedResource } from '../oauth/protected-resource.ts';
import { findMetadata, metadataOf, resourceOf } from '../oauth/server.ts';
import { authorize } from '../policy/policy.ts';
import {
  endRegistration,
  findAuthConfig,
  isDocument,
  newAuthConfig,
  type UsableAuthConfig,
  type Wanted,
} from './auth-configs.ts';
import { introduce, isEnded, isUsable, readsDocuments } from './introduce.ts';
import { redirectUriFor } from './redirect-uri.ts';

type Inputs = Readonly<Record<string, string>>;

/**
 * The inputs of a connection with what its server says of itself: a protected resource all, an issuer about scopes.
 *
 * @param asked the scopes that somebody wants, whatever the server names; null: those that it wants
 */
export async function discoverServer(
  broker: Broker,
  owner: Principal,
  { connector, auth, inputs }: Wanted & { readonly auth: OAuth2Method },
  asked: readonly string[] | null,
): Promise<Inputs> {
  if (auth.protectedResource === null) return withKnownScopes(broker, owner, connector, auth, inputs);
  await authorize(broker, owner, 'server.discover', { connectorId: connector.id });
  const address = fillUrl(auth.protectedResource, inputs, auth.api.allowedHosts);
  const tried: string[] = [];
  const note = (place: string, said: string) => void tried.push(`${place}: ${said}`);
  const operation = { ...operationFor(broker, connector, auth, inputs), asked: note };
  const { resource, issuers, scopes, trouble } = await protectedResource(operation, address);
  const of = (issuer: string): Operation => ({ ...operation, values: { ...inputs, issuer } });
  const search = issuers.length > 0 ? choose(broker, issuers, of) : ownServer(address, of(address.origin), trouble);
  const { issuer, metadata } = await search.catch((error: unknown) => {
    throw explained(error, tried);
  });
  // Where a server has it, a connection without it ends with its first access token.
  const offline = metadata.scopes_supported?.includes('offline_access') === true;
  const wanted = asked ?? (scopes === '' ? [] : scopes.split(' '));
  const more = offline && wanted.length > 0 && !wanted.includes('offline_access') ? ['offline_access'] : [];
  return { ...inputs, resource, issuer, scopes: [...wanted, ...more].join(' ') };
}

/** The error with everything that was asked, and what it said. */
function explained(error: unknown, tried: readonly string[]): unknown {
  if (!(error instanceof KeywardError) || tried.length === 0) return error;
  const { code, message, hint, details } = error;
  return new KeywardError(code, message, { hint: `${hint ?? ''} Asked were ${tried.join(', ')}.`.trim(), details });
}

type Found = { readonly issuer: string; readonly metadata: ServerMetadata };

/** Of the servers that a resource trusts, the first that registers Keyward; else the first that can be used at all. */
async function choose(broker: Broker, issuers: readonly string[], of: (issuer: string) => Operation): Promise<Found> {
  const found: (Found & { readonly fitness: number })[] = [];
  const failures: unknown[] = [];
  for (const issuer of issuers) {
    try {
      await refuseBuiltin(broker, issuer, of(issuer));
      const metadata = await metadataOf(of(issuer), issuer);
      const pkce = metadata.code_challenge_methods_supported?.includes('S256') === true;
      const registers = metadata.registration_endpoint !== undefined || readsDocuments(broker, metadata);
      if (pkce && registers) return { issuer, metadata };
      found.push({ issuer, metadata, fitness: pkce ? 2 : registers ? 1 : 0 });
    } catch (error) {
      failures.push(error);
    }
  }
  const [best] = found.toSorted((one, other) => other.fitness - one.fitness);
  if (best) return best;
  throw failures[0];
}

/** A server of somebody else's must not get tokens of a service that people have connections to under its own name. */
async function refuseBuiltin({ catalogue }: Broker, issuer: string, operation: Operation): Promise<void> {
  const { connector, auth } = operation;
  const resource = resourceOf(operation) ?? new URL(issuer);
  const [{ siteOf }, { builtinAt, isVendorOf }] = await Promise.all([
    import('../oauth/sites.ts'),
    import('../oauth/hand-over.ts'),
  ]);
  if (siteOf(issuer) === siteOf(resource.href) || isVendorOf(connector, auth, issuer)) return;
  const id = builtinAt(catalogue, issuer);
  if (id === undefined) return;
  const { name } = catalogue.require(id);
  const { host } = new URL(issuer);
  throw new KeywardError(
    'provider_refused',
    `${resource.host} wants a token of ${name} (${host}). Keyward does not give it one.`,
    {
      hint: `Connect ${name} itself with the connector ${id}. If ${resource.host} takes a fixed token, use the authentication type bearer.`,
    },
  );
}

/**
 * The origin of a resource that has no metadata, where it is an authorization server itself, as MCP 2025-03-26 has it.
 * Endpoints are never guessed: nothing would show that the server knows PKCE.
 */
async function ownServer({ origin, host }: URL, operation: Operation, trouble: KeywardError | null): Promise<Found> {
  const metadata = await findMetadata(operation, origin).catch((error: unknown) => {
    // What went wrong first is nearer to the cause.
    throw trouble ?? error;
  });
  if (metadata) return { issuer: origin, metadata };
  if (trouble !== null) throw trouble;
  throw new KeywardError('provider_refused', `${host} does not say which authorization server it trusts.`, {
    hint: 'Check the address. If the server takes a fixed token, use the authentication type bearer.',
  });
}

/**
 * Without `offline_access` where it is asked for by default only and the issuer does not have it: some, such as Google,
 * refuse a whole request for one scope that they do not know.
 */
async function withKnownScopes(
  broker: Broker,
  owner: Principal,
  connector: Connector,
  auth: OAuth2Method,
  inputs: Inputs,
): Promise<Inputs> {
  const name = auth.scopesInput ?? '';
  const preset = auth.inputs.properties[name]?.default;
  if (auth.issuer === null || preset === undefined || inputs[name] !== preset) return inputs;
  const scopes = preset.split(' ');
  if (!scopes.includes('offline_access')) return inputs;
  await authorize(broker, owner, 'server.discover', { connectorId: connector.id });
  const operation = operationFor(broker, connector, auth, inputs);
  const { scopes_supported: known } = await metadataOf(operation, issuerOf(operation) ?? '');
  if (known === undefined || known.includes('offline_access')) return inputs;
  return { ...inputs, [name]: scopes.filter((scope) => scope !== 'offline_access').join(' ') };
}

/**
 * The client to use at the server that the inputs name: a known one, else one that Keyward registers now. Undefined where
 * the server takes no registrations and a person has to register one.
 *
 * @param asked somebody named the scopes
 */
export async function ensureClient(
  broker: Broker,
  owner: Principal,
  { connector, auth, inputs }: Wanted & { readonly auth: OAuth2Method },
  asked: boolean,
): Promise<UsableAuthConfig | undefined> {
  const server = namedServer(auth, inputs);
  const known = await findAuthConfig(broker, owner, { connector, auth, inputs }, null);
  if (server === null) return known;
  const redirectUri = redirectUriFor(broker.pages.callbackOrigin, connector, auth, server);
  const operation = operationFor(broker, connector, auth, inputs);
  if (known && isUsable(broker, known, redirectUri, { wanted: scopesOf(operation), asked })) return known;
  const issuer = issuerOf(operation);
  if (issuer === null) return undefined;
  await authorize(broker, owner, 'server.register', { connectorId: connector.id });
  const refused = known !== undefined && isDocument({ ...known, ...known.client }) && isEnded(known.registration);
  const made = await introduce(broker, operation, { redirectUri, issuer, byDocument: !refused });
  if (!made) return undefined;
  const { client, registration } = made;
  const named = newAuthConfig(owner, { connector, auth, inputs }, new URL(issuer).host, client.clientId);
  const record = { ...named, registration };
  await broker.vault.commit([
    { op: 'create', kind: 'authConfig', record, secret: { clientSecret: client.clientSecret } },
  ]);
  return { id: record.id, client, scopes: null, hosts: record.hosts, registration };
}

/**
 * Another client for an attempt, where Keyward registered the one at hand before, since servers forget registrations, or
 * named it by its document, which a server need not like. Undefined for one that a person entered or that was registered
 * for this attempt, so that the person is asked next.
 */
export async function replaceClient(
  broker: Broker,
  owner: Principal,
  auth: OAuth2Method,
  {
    connectorId,
    authConfigId,
    inputs,
    askedScopes,
    createdAt,
  }: Pick<Attempt, 'connectorId' | 'authConfigId' | 'inputs' | 'askedScopes' | 'createdAt'>,
): Promise<UsableAuthConfig | undefined> {
  const config = authConfigId === null ? undefined : await broker.vault.get('authConfig', owner, authConfigId);
  if (!config || (config.createdAt >= createdAt && !isDocument(config))) return undefined;
  if (!(await endRegistration(broker, owner, config.id))) return undefined;
  const asked = (askedScopes ?? null) !== null;
  return ensureClient(broker, owner, { connector: broker.catalogue.require(connectorId), auth, inputs }, asked);
}

function operationFor(
  broker: Broker,
  connector: Connector,
  auth: OAuth2Method,
  values: Inputs,
): Operation<OAuth2Method> {
  const client = { clientId: 'keyward', clientSecret: null };
  return begin({ egress: broker.egress, connector, auth, values, client, scopes: null, hosts: null });
}
