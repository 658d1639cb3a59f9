/** Connections that name their own server: whether the token of one party would be given to another. */
import { serverInputName } from '../../connectors/auth-kinds.ts';
import { isBuiltin } from '../../connectors/builtin.ts';
import type { Catalogue } from '../../connectors/catalogue.ts';
import type { AuthMethod, Connector } from '../../connectors/definition/definition.ts';
import { serverHosts } from '../../connectors/server-hosts.ts';
import { fillAllowed, fixedBaseUrl, urlParts } from '../../connectors/template.ts';
import { begin, issuerOf, type OAuthContext, scopesOf } from './context.ts';
import { findMetadata, resolveServer } from './server.ts';
import { type HandOver, handOverBetween, siteOf } from './sites.ts';

export type { HandOver } from './sites.ts';

/** A scope that a protected resource wants; `known` when the authorization server says itself that it has it. */
export type WantedScope = { readonly name: string; readonly known: boolean };

/**
 * What would be handed over, and with it the scopes where the receiver chose them; null when token and connection are of
 * one site, or when the authorization server itself lists the resource among those that it protects (RFC 9728 §4).
 */
export async function handOverOf(given: OAuthContext): Promise<(HandOver & { scopes: WantedScope[] | null }) | null> {
  const context = begin(given);
  const { auth, values } = context;
  if (serverInputName(auth) === null) return null;
  const isCode = auth.authenticationType === 'oauth2';
  const server = await resolveServer(context, isCode ? ['authorizationEndpoint', 'tokenEndpoint'] : ['tokenEndpoint']);
  const issuer = issuerOf(context);
  const metadata = issuer === null ? null : await findMetadata(context, issuer);
  const from = [server.authorizationEndpoint, server.tokenEndpoint].flatMap((url) => url?.href ?? []);
  // Where no issuer vouches for the token endpoint, it is a receiver too: of codes.
  const codes = metadata === null && server.tokenEndpoint ? [server.tokenEndpoint.href] : [];
  const hosts = auth.api.allowedHosts.map((host) => `https://${fillAllowed(host, values)}`);
  const found = handOverBetween(from, [...hosts, ...codes]);
  if (found === null) return null;
  const chosenByResource = isCode && auth.protectedResource !== null;
  const listed: unknown = metadata?.protected_resources;
  const ownWord = issuer !== null && from.every((url) => siteOf(url) === siteOf(issuer));
  if (chosenByResource && ownWord && Array.isArray(listed) && listed.includes(values.resource)) return null;
  if (chosenByResource && ownWord && isVendorOf(context.connector, auth, issuer)) return null;
  const known = metadata?.scopes_supported ?? [];
  const scopes = scopesOf(context).map((name) => ({ name, known: known.includes(name) }));
  return { ...found, scopes: chosenByResource ? scopes : null };
}

/**
 * True where Keyward's own catalogue says that this issuer and this server are one vendor's: the definition is built in, its
 * server has one address, and its OAuth clients are registered (`appUrl`) at the issuer's site. A server whose address
 * somebody typed has no such vendor, nor has a file of somebody's own, which may call itself anything.
 */
export function isVendorOf({ id, appUrl }: Connector, auth: AuthMethod, issuer: string): boolean {
  return isBuiltin(id) && fixedBaseUrl(auth.api) !== null && siteOf(issuer) === siteOf(appUrl);
}

/** The built-in connector for whose service people consent at this issuer's site; undefined where it is nobody's. */
export function builtinAt(catalogue: Catalogue, issuer: string): string | undefined {
  const hostsOf = (auth: AuthMethod) => {
    if (auth.authenticationType !== 'oauth2') return [];
    const { authority = '' } = urlParts(auth.authorizationEndpoint ?? '') ?? {};
    return [...serverHosts(auth, {}), authority];
  };
  const isAt = (host: string) => {
    // `*.example.com` and `{shop}.example.com` stand for every host below a fixed domain.
    const fixed = host.replace(/^.*[*}]/, '');
    if (fixed !== host) return fixed.startsWith('.') && new URL(issuer).host.endsWith(fixed);
    return URL.canParse(`https://${host}`) && siteOf(issuer) === siteOf(`https://${host}`);
  };
  return catalogue.list().find(({ id, auth }) => isBuiltin(id) && auth.some((one) => hostsOf(one).some(isAt)))?.id;
}
