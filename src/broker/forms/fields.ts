import type { AuthMethod, Connector, InputProperty } from '../../connectors/definition.ts';

/** The inputs of a connection, then those of the authentication type, by name. */
export function fieldsOf(
  connector: Pick<Connector, 'inputs'>,
  auth: Pick<AuthMethod, 'inputs'>,
): Map<string, { readonly property: InputProperty; readonly required: boolean }> {
  const fields = [connector.inputs, auth.inputs].flatMap((inputs) =>
    Object.entries(inputs.properties).map(([name, property]) => {
      // What has a default need not be given.
      const required = inputs.required?.includes(name) === true && property.default === undefined;
      return [name, { property, required }] as const;
    }),
  );
  return new Map(fields);
}

/** True when the service has the device flow (RFC 8628). */
export function offersDevice(auth: AuthMethod): boolean {
  return auth.authenticationType === 'oauth2' && auth.deviceAuthorizationEndpoint !== null;
}
