/** Whose endpoints a server may name as its own. */
import type { ServerMetadata } from 'openid-client';
import { getDomain } from 'tldts';

const endpoints = ['authorization_endpoint', 'token_endpoint', 'revocation_endpoint', 'registration_endpoint'] as const;

/**
 * The first endpoint that lies where codes and tokens of somebody else could end up; null when there is none.
 *
 * A code may go to whom the person gave consent: to the site of the authorization endpoint. Where that is the issuer's own
 * site, the issuer may name a token endpoint elsewhere too (Google's is at googleapis.com): the codes are its own. Else a
 * server could name the authorization endpoint of another one and collect that one's codes (mix-up, RFC 9700 §4.4), where
 * `iss` does not give it away. Tokens are revoked at those sites only; registrations may also be at the issuer's.
 *
 * A site is a registrable domain, or one below a suffix that many share (github.io).
 */
export function misplacedEndpoint(metadata: ServerMetadata): (typeof endpoints)[number] | null {
  const own = siteOf(metadata.issuer);
  const token = siteOf(metadata.token_endpoint ?? metadata.issuer);
  const consent = siteOf(metadata.authorization_endpoint ?? metadata.issuer);
  const codes = consent === own ? [own, token] : [consent];
  const places: Readonly<Record<(typeof endpoints)[number], readonly string[]>> = {
    authorization_endpoint: [own, token],
    token_endpoint: codes,
    revocation_endpoint: codes,
    registration_endpoint: [own, ...codes],
  };
  const wrong = (name: (typeof endpoints)[number]) => {
    const url = metadata[name];
    return url !== undefined && !places[name].includes(siteOf(url));
  };
  return endpoints.find(wrong) ?? null;
}

function siteOf(url: string): string {
  return getDomain(url, { allowPrivateDomains: true }) ?? new URL(url).hostname;
}
