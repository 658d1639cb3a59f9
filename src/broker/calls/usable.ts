import type { AuthMethod, Connector } from '../../connectors/definition/definition.ts';
import type { Credential } from '../../vault/vault.ts';
import type { Broker, Opened } from '../broker.ts';
import { asDefined } from '../grants/current-inputs.ts';
import { fresh } from '../grants/refresh.ts';

/** A connection as a call needs it: with a secret that is good now, and the inputs that its definition asks for now. */
export async function usable(
  broker: Broker,
  connector: Connector,
  auth: AuthMethod,
  seen: Credential,
  options: { force?: boolean } = {},
): Promise<Opened> {
  const { credential, secret } = await fresh(broker, seen, options);
  return { credential: asDefined(connector, auth, credential, secret), secret };
}
