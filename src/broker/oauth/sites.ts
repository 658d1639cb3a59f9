/** Whose endpoints a server may name as its own, and whose tokens a connection hands to whom. */
import type { ServerMetadata } from 'openid-client';
import { getDomain } from 'tldts';

const endpoints = ['authorization_endpoint', 'token_endpoint', 'revocation_endpoint', 'registration_endpoint'] as const;
type Endpoint = (typeof endpoints)[number];

/**
 * The first endpoint that lies where codes and tokens of somebody else could end up; null when there is none.
 *
 * Where a protected resource chose the issuer, everything must be at the issuer's own site or at the resource's: else a
 * resource could be an issuer itself that names the endpoints of another one, and be sent that one's tokens.
 *
 * Where the connection itself names the issuer, a code may go to whom the person gave consent: to the site of the
 * authorization endpoint. Where that is the issuer's own site, the issuer may name a token endpoint elsewhere too
 * (Google's is at googleapis.com): the codes are its own. Else a server could name the authorization endpoint of another
 * one and collect that one's codes (mix-up, RFC 9700 §4.4), where `iss` does not give it away. Tokens are revoked at those
 * sites only; registrations may also be at the issuer's.
 *
 * @param resource the address of the protected resource that chose the issuer, if one did
 */
export function misplacedEndpoint(metadata: ServerMetadata, resource: string | null): Endpoint | null {
  const own = siteOf(metadata.issuer);
  const token = siteOf(metadata.token_endpoint ?? metadata.issuer);
  const consent = siteOf(metadata.authorization_endpoint ?? metadata.issuer);
  const codes = consent === own ? [own, token] : [consent];
  const chosen = resource === null ? null : [own, siteOf(resource), ...pagesOf(metadata)];
  const places: Readonly<Record<Endpoint, readonly string[]>> = {
    authorization_endpoint: chosen ?? [own, token],
    token_endpoint: chosen ?? codes,
    revocation_endpoint: chosen ?? codes,
    registration_endpoint: chosen ?? [own, ...codes],
  };
  const wrong = (name: Endpoint) => {
    const url = metadata[name];
    return url !== undefined && !places[name].includes(siteOf(url));
  };
  return endpoints.find(wrong) ?? null;
}

/** An issuer of Amazon Cognito has the pages and tokens of its pool at a domain that Amazon gave it. */
function pagesOf({ issuer, authorization_endpoint: pages = issuer }: ServerMetadata): string[] {
  const cognito = /^cognito-idp\.[a-z0-9-]+\.amazonaws\.com$/.test(new URL(issuer).hostname);
  return cognito && /\.amazoncognito\.com$/.test(new URL(pages).hostname) ? [siteOf(pages)] : [];
}

/** Sites whose tokens, or codes, are handed to other sites. */
export type HandOver = { readonly tokenOf: readonly string[]; readonly givenTo: readonly string[] };

/** Who hands something to a site that is not its own; null when everybody keeps to themselves. */
export function handOverBetween(from: readonly string[], to: readonly string[]): HandOver | null {
  const others = (sites: readonly string[], than: readonly string[]) => [
    ...new Set(sites.filter((site) => than.some((other) => other !== site))),
  ];
  const [senders, receivers] = [from.map(siteOf), to.map(siteOf)];
  const tokenOf = others(senders, receivers);
  return tokenOf.length === 0 ? null : { tokenOf, givenTo: others(receivers, senders) };
}

/** A registrable domain, one below a suffix that many share (github.io), or the host where there is no such thing. */
export function siteOf(url: string): string {
  return getDomain(url, { allowPrivateDomains: true }) ?? new URL(url).hostname;
}
