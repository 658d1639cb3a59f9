/** What a program finds in its environment in place of secrets: base URLs of a gateway of its own, and the token for it. */
import type { Broker } from '../../broker/broker.ts';
import { KeywardError } from '../../errors.ts';
import type { Found } from './handed-out.ts';

/** The gateway, as far as variables name it. */
type Gateway = { readonly token: string; baseUrl(connectionId: string): string };

/**
 * `NAME_BASE_URL` and `NAME_TOKEN` for each reference. NAME itself, which would have been the secret, is the token too, and
 * so are the variables that the vendor's own libraries read, where they can mean one connection only.
 *
 * @throws KeywardError `invalid_input` where two connections would need one variable
 */
export function gatewayVariables(broker: Broker, found: readonly Found[], gateway: Gateway): Record<string, string> {
  const variables: Record<string, string> = {};
  const add = (name: string, value: string): void => {
    if ((variables[name] ?? value) !== value) throw taken(name);
    variables[name] = value;
  };
  const ofVendors = new Map<string, Set<string>>();
  for (const { reference, connection } of found) {
    const baseUrl = gateway.baseUrl(connection.credentialId);
    add(reference.variable, gateway.token);
    add(`${reference.variable}_TOKEN`, gateway.token);
    add(`${reference.variable}_BASE_URL`, baseUrl);
    const sdk = sdkOf(broker, connection);
    if (sdk) ofVendors.set(sdk.baseUrl, (ofVendors.get(sdk.baseUrl) ?? new Set()).add(baseUrl));
    if (sdk) add(sdk.key, gateway.token);
  }
  for (const [name, [baseUrl, ...others]] of ofVendors) {
    if (baseUrl !== undefined && others.length === 0) add(name, baseUrl);
  }
  return variables;
}

function sdkOf(broker: Broker, { connectorId, authenticationType }: Found['connection']) {
  const { auth = [] } = broker.catalogue.get(connectorId) ?? {};
  return auth.find((one) => one.authenticationType === authenticationType)?.api.sdk ?? null;
}

function taken(name: string): KeywardError {
  return new KeywardError('invalid_input', `Two connections need the variable ${name}.`, {
    hint: 'Give one of them another name.',
  });
}
