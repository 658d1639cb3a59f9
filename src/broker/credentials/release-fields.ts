/** What the release of a connection holds, by its definition: known before anything is released. */
import { usesTokenEndpoint } from '../../connectors/auth-kinds.ts';
import { KeywardError } from '../../errors.ts';
import type { Broker } from '../broker.ts';
import { requireAuth } from '../grants/oauth-context.ts';
import { fieldsOf } from '../input/fields.ts';

/** Which connection: a row of the vault, or a view of it. */
type Described = { readonly connectorId: string; readonly authenticationType: string; readonly name: string };

/** Names of the fields, and of those among them that are secret. */
type ReleaseFields = { readonly all: readonly string[]; readonly secret: readonly string[] };

/** The fields that a release of this connection can hold, as texts. */
export function releaseFields(broker: Broker, connection: Described): ReleaseFields {
  const connector = broker.catalogue.require(connection.connectorId);
  const auth = requireAuth(connector, connection.authenticationType);
  if (usesTokenEndpoint(auth)) {
    const callback = auth.authenticationType === 'oauth2' ? auth.callbackParams : [];
    const kept = [...auth.tokenResponse.keep, ...callback];
    return { all: ['accessToken', 'tokenType', 'expiresAt', ...kept], secret: ['accessToken'] };
  }
  const fields = [...fieldsOf(connector, auth)];
  return {
    all: fields.map(([name]) => name),
    secret: fields.flatMap(([name, { property }]) => (property.writeOnly ? [name] : [])),
  };
}

/**
 * The field that is meant: the one that was named, or else the only secret one.
 *
 * @throws KeywardError `invalid_input` that names the fields, when there is no such one or there are several secret ones
 */
export function fieldMeant(broker: Broker, connection: Described, named: string | null): string {
  const { all, secret } = releaseFields(broker, connection);
  if (named !== null && all.includes(named)) return named;
  const [only] = secret;
  if (named === null && secret.length === 1 && only !== undefined) return only;
  const message =
    named === null
      ? `The connection ${connection.name} has ${secret.length === 0 ? 'no secret' : 'several secrets'}.`
      : `The connection ${connection.name} has no field ${named}.`;
  throw new KeywardError('invalid_input', message, {
    hint: `Name one of its fields: ${(named === null && secret.length > 0 ? secret : all).join(', ')}.`,
  });
}
