/** Which endpoints a connection talks to: the definition's, or those that its issuer publishes. */
import type { ServerMetadata } from 'openid-client';
import { type BoundedMap, boundedMap } from '../../bounded-map.ts';
import { serverInputName } from '../../connectors/auth-kinds.ts';
import type { ClientAuth } from '../../connectors/definition/definition.ts';
import { fillUrl } from '../../connectors/template.ts';
import { KeywardError } from '../../errors.ts';
import type { Egress } from '../../net/egress.ts';
import { issuerOf, type Kept, type OAuthContext, type Operation } from './context.ts';
import { discover } from './discovery.ts';
import { fillEndpoint } from './endpoints.ts';
import { garbled } from './failures.ts';
import { checkServerHost } from './server-hosts.ts';

type EndpointName =
  | 'authorizationEndpoint'
  | 'tokenEndpoint'
  | 'refreshEndpoint'
  | 'revocationEndpoint'
  | 'deviceAuthorizationEndpoint';

/** The endpoints that were asked for; the others are null. */
export type AuthorizationServer = { readonly [Name in EndpointName]: URL | null } & {
  /** Null when the definition names none. */
  readonly issuer: string | null;
  /** A callback without `iss` is refused (RFC 9207 §2.4). */
  readonly issDemanded: boolean;
  /** Methods of PKCE (RFC 7636) that it announces; empty where it announces none, null when nothing was discovered. */
  readonly pkceMethods: readonly string[] | null;
  /** How its clients may authenticate; null when nothing was discovered, or it does not say. */
  readonly authMethods: readonly string[] | null;
};

/** Endpoint → its name in server metadata (RFC 8414 §2). */
const published = {
  authorizationEndpoint: 'authorization_endpoint',
  tokenEndpoint: 'token_endpoint',
  refreshEndpoint: 'token_endpoint',
  revocationEndpoint: 'revocation_endpoint',
  deviceAuthorizationEndpoint: 'device_authorization_endpoint',
} as const satisfies Record<EndpointName, keyof ServerMetadata>;

/** Issuers asked through each outbound client, so that showing a page does not ask again. */
type Known = { readonly at: number; readonly metadata: ServerMetadata };
const known = new WeakMap<Egress, BoundedMap<string, Known>>();
const knownForMs = 10 * 60_000;
/** Callers may name any number of issuers: past this many, the oldest is forgotten. */
const maxKnown = 200;

/**
 * The server of this connection. What the definition leaves out and `needed` asks for is discovered from the issuer
 * (RFC 8414, then OpenID Connect Discovery), which must name itself exactly as the definition does.
 *
 * @param kept values that the callback or earlier answers left, for templates
 * @throws KeywardError `reconnect_required` when the definition now names another server than the secrets were made for
 */
export async function resolveServer(
  context: Operation,
  needed: readonly EndpointName[],
  kept?: Kept,
): Promise<AuthorizationServer> {
  const { auth } = context;
  const own: { readonly [Name in EndpointName]: string | null } = {
    authorizationEndpoint: null,
    deviceAuthorizationEndpoint: null,
    ...auth,
    refreshEndpoint: ('refreshEndpoint' in auth ? auth.refreshEndpoint : null) ?? auth.tokenEndpoint,
  };
  const missing = needed.some((name) => own[name] === null);
  const issuer = issuerOf(context);
  // An issuer's word on its endpoints is as good as its own host.
  if (missing && issuer !== null) checkServerHost(context, new URL(issuer), kept);
  const metadata = missing && issuer !== null ? await metadataOf(context, issuer) : null;
  const endpoint = (name: EndpointName) => {
    const template = own[name];
    if (!needed.includes(name)) return null;
    if (template !== null) {
      const url = fillEndpoint(context, template, kept);
      if (name !== 'authorizationEndpoint') checkServerHost(context, url, kept);
      return url;
    }
    const found = metadata?.[published[name]];
    return typeof found === 'string' ? discoveredUrl(context, found) : null;
  };
  return {
    authorizationEndpoint: endpoint('authorizationEndpoint'),
    tokenEndpoint: endpoint('tokenEndpoint'),
    refreshEndpoint: endpoint('refreshEndpoint'),
    revocationEndpoint: endpoint('revocationEndpoint'),
    deviceAuthorizationEndpoint: endpoint('deviceAuthorizationEndpoint'),
    issuer: metadata?.issuer ?? issuer,
    issDemanded:
      metadata?.authorization_response_iss_parameter_supported === true ||
      ('authorizationResponseIssParameterSupported' in auth && auth.authorizationResponseIssParameterSupported),
    pkceMethods: metadata ? (metadata.code_challenge_methods_supported ?? []) : null,
    authMethods: metadata?.token_endpoint_auth_methods_supported ?? null,
  };
}

/** The endpoint, or `provider_refused` when neither the definition nor the issuer has it. */
export function requireEndpoint(context: OAuthContext, server: AuthorizationServer, name: EndpointName): URL {
  const url = server[name];
  if (url) return url;
  const what = published[name].replaceAll('_', ' ');
  throw new KeywardError('provider_refused', `${context.connector.name} has no ${what}.`, {
    hint: 'Use another way to connect; get_credential_metadata lists them.',
  });
}

/**
 * How the client authenticates: as the definition says, unless the connection names a server that takes something else
 * only (RFC 8414 §2).
 */
export function authMethodAt(
  { auth }: OAuthContext,
  { authMethods }: AuthorizationServer,
  wanted: ClientAuth,
): ClientAuth {
  if (authMethods === null || serverInputName(auth) === null || wanted === 'none' || wanted === 'private_key_jwt')
    return wanted;
  const usable = [wanted, 'client_secret_basic', 'client_secret_post'] as const;
  return usable.find((method) => authMethods.includes(method)) ?? wanted;
}

/** What the issuer publishes; `provider_garbled` for nothing. */
export async function metadataOf(context: Operation, issuer: string): Promise<ServerMetadata> {
  const metadata = await findMetadata(context, issuer);
  if (metadata) return metadata;
  throw garbled(context, `publishes no authorization server metadata at ${new URL(issuer).origin}`);
}

/** What the issuer publishes, asked at most once in ten minutes; null for nothing. */
export async function findMetadata(context: Operation, issuer: string): Promise<ServerMetadata | null> {
  const asked = known.get(context.egress) ?? boundedMap<string, Known>(maxKnown);
  known.set(context.egress, asked);
  const before = asked.get(issuer);
  const fresh = before !== undefined && Math.abs(Date.now() - before.at) < knownForMs;
  const metadata: ServerMetadata | null = fresh ? before.metadata : await discover(context, issuer);
  if (metadata === null) return null;
  if (!fresh) {
    asked.set(issuer, { at: Date.now(), metadata });
  }
  if (serverInputName(context.auth) !== null) await checkSites(context, metadata);
  return metadata;
}

/** Refuses a server that somebody named whose endpoints are where codes and tokens of others could end up. */
async function checkSites(context: OAuthContext, metadata: ServerMetadata): Promise<void> {
  for (const name of ['authorization_endpoint', 'token_endpoint', 'registration_endpoint', 'revocation_endpoint']) {
    const text = metadata[name];
    if (text !== undefined) discoveredUrl(context, String(text));
  }
  const { misplacedEndpoint } = await import('./sites.ts');
  const name = misplacedEndpoint(metadata, resourceOf(context)?.href ?? null);
  if (name === null) return;
  const { host } = new URL(metadata.issuer);
  throw new KeywardError('provider_refused', `${host} names a ${name.replace('_', ' ')} on another site.`, {
    hint: 'Keyward does not follow that: codes and tokens could end up with somebody else.',
  });
}

/** The protected resource that named the issuer; null where the connection did. */
export function resourceOf({ auth, values }: OAuthContext): URL | null {
  const template = auth.authenticationType === 'oauth2' ? auth.protectedResource : null;
  return template === null ? null : fillUrl(template, values, auth.api.allowedHosts);
}

/** An endpoint that a server published: https, or http when its issuer is reached by http too. */
export function discoveredUrl(context: OAuthContext, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const plain = url?.protocol === 'http:' && issuerOf(context)?.startsWith('http:');
  if (url && (url.protocol === 'https:' || plain) && url.username === '' && url.password === '') return url;
  throw garbled(context, 'publishes an endpoint that is no https address');
}
