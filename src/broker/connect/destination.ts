/** Where the secrets of a connection go, for whoever is about to type them. */
import { isOAuth, namedServer } from '../../connectors/auth-kinds.ts';
import { isBuiltin } from '../../connectors/builtin.ts';
import type { AuthMethod, Connector } from '../../connectors/definition/definition.ts';
import { namedHosts } from '../../connectors/named-hosts.ts';
import { clientHosts, serverHosts } from '../../connectors/server-hosts.ts';
import { fillAllowed, variablesIn } from '../../connectors/template.ts';
import type { Attempt } from '../../vault/vault.ts';

/**
 * Where the secrets of this connection go, in words: to the hosts that somebody gave, and to those of a connector file,
 * which may call itself anything. Whoever types a secret must see that.
 */
export function destinationOf(connector: Connector, auth: AuthMethod, inputs: Attempt['inputs']): string | null {
  const server = namedServer(auth, inputs);
  const hosts = [
    ...(isBuiltin(connector.id) ? namedHosts(connector, auth, inputs).values() : hostsOfFile(connector, auth, inputs)),
    ...(server === null || !URL.canParse(server) ? [] : [new URL(server).host]),
  ];
  return hosts.length === 0 ? null : [...new Set(hosts)].join(' and ');
}

/** The hosts that a connector file names, with what was given for this connection. */
function hostsOfFile(connector: Connector, auth: AuthMethod, inputs: Attempt['inputs']): string[] {
  // An OAuth client is kept for all that its connector may do with it.
  const servers = isOAuth(auth) ? clientHosts(connector, inputs) : serverHosts(auth, inputs);
  return (
    [...auth.api.allowedHosts, ...servers]
      // What a service names later is one of the others, or below them.
      .filter((host) => variablesIn(host).every((name) => Object.hasOwn(inputs, name)))
      .map((host) => fillAllowed(host, inputs))
  );
}
