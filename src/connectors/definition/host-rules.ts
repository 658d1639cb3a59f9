/** Where a credential and the secret of an OAuth client may go must be said by the definition, not by an input. */
import { serverInputName, usesTokenEndpoint } from '../auth-kinds.ts';
import { urlParts, variablesIn, wholeVariable } from '../template.ts';
import type { Place, Report } from './definition-problem.ts';

/** Checks the hosts of an authentication type: `api` and every endpoint. */
export function checkHosts(place: Place, report: Report): void {
  const { auth, path } = place;
  const { baseUrl, allowedHosts, verify } = auth.api;
  const offList = 'has a host that is not among allowedHosts';
  if (!covered(baseUrl, allowedHosts)) report(place.apiPath('baseUrl'), offList);
  if (verify?.baseUrl && !covered(verify.baseUrl, allowedHosts)) report(`${place.apiPath('verify')}.baseUrl`, offList);
  if (!usesTokenEndpoint(auth)) return;
  for (const [index, host] of allowedHosts.entries()) {
    // A connection that names its server has a client of its own there. Otherwise the input would decide who receives the
    // client secret and the tokens.
    const chosen = wholeVariable(host) !== null && serverInputName(auth) !== null;
    if (!chosen && variablesIn(host).length > 0 && !/\}(\.[a-z0-9-]+){2,}(:\d+)?$/.test(host)) {
      report(
        `${place.apiPath('allowedHosts')}.${index}`,
        'must end in a fixed domain, because OAuth sends secrets there',
      );
    }
  }
  const endpoints =
    auth.authenticationType === 'oauth2'
      ? ([
          'authorizationEndpoint',
          'tokenEndpoint',
          'refreshEndpoint',
          'revocationEndpoint',
          'deviceAuthorizationEndpoint',
        ] as const)
      : (['tokenEndpoint', 'revocationEndpoint'] as const);
  for (const name of endpoints) {
    const template: string | null = auth[name as 'tokenEndpoint'];
    const authority = template === null ? undefined : urlParts(template)?.authority;
    if (template !== null && authority?.includes('{') && !covered(template, allowedHosts)) {
      report(`${path}.${name}`, 'has a variable host that is not among allowedHosts');
    }
  }
}

/** A host that is one variable is compared when it is filled, against hosts that then have to be fixed or wildcards. */
function covered(template: string, allowedHosts: readonly string[]): boolean {
  if (wholeVariable(template) !== null) return allowedHosts.includes(template);
  const parts = urlParts(template);
  if (!parts) return false;
  const { authority } = parts;
  if (parts.origin !== null || /^\{[^{}]+\}$/.test(authority)) {
    return allowedHosts.some((host) => host === authority || variablesIn(host).length === 0);
  }
  const host = authority.replace(/:\d+$/, '');
  return allowedHosts.some(
    (allowed) =>
      allowed === authority || allowed === host || (allowed.startsWith('*.') && host.endsWith(allowed.slice(1))),
  );
}
