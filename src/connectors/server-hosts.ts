/** Where a definition sends what only the authorization server may have: codes, refresh tokens and client secrets. */

import { isOAuth, usesTokenEndpoint } from './auth-kinds.ts';
import type { AuthMethod, Connector, TokenMethod } from './connector.ts';
import { fillAllowed, urlParts, type Values, wholeVariable } from './template.ts';

/** The endpoints of a definition that get such secrets, and the issuer that names those which are left out; as templates. */
export function serverUrls(auth: TokenMethod): string[] {
  const { issuer, tokenEndpoint, revocationEndpoint } = auth;
  const own = auth.authenticationType === 'oauth2' ? [auth.refreshEndpoint, auth.deviceAuthorizationEndpoint] : [];
  return [issuer, tokenEndpoint, revocationEndpoint, ...own].filter((template) => template !== null);
}

/**
 * Their hosts, as the definition names them: written out, with {variables} before a fixed domain, or the allowed hosts
 * where one variable is the whole host. Of a URL that the connection names it is the host of `inputs`.
 */
export function serverHosts(auth: AuthMethod, inputs: Values): string[] {
  if (!usesTokenEndpoint(auth)) return [];
  const hosts = serverUrls(auth).flatMap((template) => {
    const whole = wholeVariable(template);
    if (whole !== null) return Object.hasOwn(inputs, whole) ? [fillAllowed(template, inputs)] : [];
    const { origin = null, authority = '' } = urlParts(template) ?? {};
    return origin !== null || /^\{[^{}]+\}$/.test(authority) ? auth.api.allowedHosts : [authority];
  });
  return [...new Set(hosts)];
}

/** The hosts that an OAuth client of this connector is entered for, whichever authentication type it is used with. */
export function clientHosts({ auth }: Connector, inputs: Values): string[] {
  return [...new Set(auth.filter(isOAuth).flatMap((one) => serverHosts(one, inputs)))];
}
