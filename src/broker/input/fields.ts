/** The fields that connecting with an authentication type asks for: the connector’s and the type’s own. */
import type { AuthMethod, Connector, InputProperty } from '../../connectors/definition/definition.ts';

type Field = { readonly property: InputProperty; readonly required: boolean };
type Fields = ReadonlyMap<string, Field>;

/** The inputs of a connection, then those of the authentication type, by name. */
export function fieldsOf(connector: Pick<Connector, 'inputs'>, auth: Pick<AuthMethod, 'inputs'>): Fields {
  const ofConnector = known.get(connector.inputs) ?? new WeakMap<object, Fields>();
  known.set(connector.inputs, ofConnector);
  const fields = ofConnector.get(auth.inputs) ?? new Map([...fieldsIn(connector.inputs), ...fieldsIn(auth.inputs)]);
  ofConnector.set(auth.inputs, fields);
  return fields;
}

/** By the inputs of connector and entry: they are read once, and every call asks for them. */
const known = new WeakMap<object, WeakMap<object, Fields>>();

function fieldsIn({ properties, required }: AuthMethod['inputs']): [string, Field][] {
  // What has a default need not be given.
  return Object.entries(properties).map(([name, property]) => [
    name,
    { property, required: required?.includes(name) === true && property.default === undefined },
  ]);
}

/** True when the service has the device flow (RFC 8628). */
export function offersDevice(auth: AuthMethod): boolean {
  return auth.authenticationType === 'oauth2' && auth.deviceAuthorizationEndpoint !== null;
}
