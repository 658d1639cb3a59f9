/**
 * A connector file may change. What was given for one authorization server goes to no other then: neither a refresh
 * token, nor a client secret, nor what a key signed.
 */
import { serverUrls } from '../../connectors/server-hosts.ts';
import { fillAllowed } from '../../connectors/template.ts';
import { KeywardError } from '../../errors.ts';
import { hostMatches } from '../../hosts.ts';
import { issuerOf, type Kept, type OAuthContext, variables } from './context.ts';
import { fillEndpoint } from './endpoints.ts';

/**
 * Refuses an endpoint, or the issuer that is to name it, off the hosts that the secrets at hand were made for.
 *
 * @throws KeywardError `reconnect_required`
 */
export function checkServerHost(context: OAuthContext, url: URL, kept?: Kept): void {
  const { hosts, connector } = context;
  if (hosts === null || hosts.some((host) => isHost(context, url, host, kept))) return;
  const made = hosts.join(' and ') || 'none';
  throw new KeywardError(
    'reconnect_required',
    `The file of ${connector.name} now names ${url.host} as its authorization server. What is stored was made for ${made}, and goes nowhere else.`,
    { hint: `Check the file of ${connector.id}. If it is right, connect again.` },
  );
}

/** The hosts that a grant is made for: those that its connection's secrets may go to when it is obtained. */
export function serverHostsOf(context: OAuthContext, kept: Kept): string[] {
  const { issuer } = context.auth;
  const hosts = serverUrls(context.auth).flatMap((template) => {
    try {
      const url = template === issuer ? new URL(issuerOf(context) ?? '') : fillEndpoint(context, template, kept);
      checkServerHost(context, url, kept);
      return [url.host];
    } catch {
      // Where nothing can be sent, nothing is allowed to go.
      return [];
    }
  });
  return [...new Set(hosts)];
}

/** An auth config's hosts hold variables: one client serves many customers of a service. */
function isHost(context: OAuthContext, url: URL, host: string, kept: Kept | undefined): boolean {
  if (!host.includes('{')) return hostMatches(url, host);
  try {
    return hostMatches(url, fillAllowed(host, variables(context, kept)));
  } catch {
    return false;
  }
}
