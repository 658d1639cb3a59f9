/** What a built-in definition of a vendor's family must keep: the family's clients go to the vendor's hosts and nowhere else. */
import { isOAuth, serverInputName } from '../src/connectors/auth-kinds.ts';
import type { Connector } from '../src/connectors/definition/definition.ts';
import type { Report } from '../src/connectors/definition/definition-problem.ts';
import { clientFamilies } from '../src/connectors/families.ts';
import { clientHosts } from '../src/connectors/server-hosts.ts';
import { isListed, parseHost } from '../src/hosts.ts';

/** Every host that could get the secret of the family's client must be of the family, and every OAuth type must have such a host. */
export function checkFamily(connector: Connector, report: Report): void {
  const { clientFamily } = connector;
  if (clientFamily === null) return;
  const rules = clientFamilies[clientFamily].hosts.flatMap((host) => parseHost(host) ?? []);
  const isOurs = (host: string) => URL.canParse(`https://${host}`) && isListed(new URL(`https://${host}`), rules);
  const ways = connector.auth.filter(isOAuth);
  if (ways.length === 0) report('clientFamily', 'is for connectors with OAuth');
  if (ways.some((auth) => serverInputName(auth) !== null))
    report('clientFamily', 'is not for a connection that names its authorization server');
  for (const host of new Set([...clientHosts(connector, {}), ...authorizationHosts(connector)])) {
    if (!isOurs(host)) report('clientFamily', `sends its client to ${host}, which is no host of ${clientFamily}`);
  }
}

/** Where people agree: what their browser brings back is exchanged with the client's secret. */
function authorizationHosts({ auth }: Connector): string[] {
  return auth.flatMap((one) =>
    one.authenticationType === 'oauth2' && one.authorizationEndpoint !== null
      ? [new URL(one.authorizationEndpoint.replace(/\{[^{}]*\}/g, 'x')).host]
      : [],
  );
}
