/** Connections whose definition gained an input after they were made. */
import type { AuthMethod, Connector } from '../../connectors/definition/definition.ts';
import { KeywardError } from '../../errors.ts';
import type { Credential, CredentialSecret } from '../../vault/vault.ts';
import { fieldsOf } from '../input/fields.ts';
import { quoted } from '../input/text.ts';

type Inputs = Readonly<Record<string, string>>;

/** The inputs of a connection, with the default of each that was not given. */
export function withDefaults(connector: Connector, auth: AuthMethod, inputs: Inputs): Inputs {
  const presets = Array.from(fieldsOf(connector, auth), ([name, { property }]) => [name, property.default] as const);
  const missing = presets.filter(([name, preset]) => preset !== undefined && !Object.hasOwn(inputs, name));
  return missing.length === 0 ? inputs : { ...inputs, ...(Object.fromEntries(missing) as Inputs) };
}

/**
 * The connection with the inputs that its definition asks for now.
 *
 * @param secret where it is at hand: a secret may have come to be required, too
 * @throws KeywardError `reconnect_required` for one without a default that only a person or program can give
 */
export function withCurrentInputs(
  connector: Connector,
  auth: AuthMethod,
  credential: Credential,
  secret?: CredentialSecret,
): Credential {
  const inputs = withDefaults(connector, auth, credential.inputs);
  const given = { ...inputs, ...secret?.inputs };
  const missing = Array.from(fieldsOf(connector, auth)).filter(
    ([name, { property, required }]) => required && (secret || !property.writeOnly) && !Object.hasOwn(given, name),
  );
  if (missing.length === 0) return { ...credential, inputs };
  const names = missing.map(([name]) => name).join(', ');
  // Secrets are typed on the page.
  const passed = missing.flatMap(([name, { property }]) => (property.writeOnly ? [] : [name]));
  throw new KeywardError(
    'reconnect_required',
    `${quoted(credential.name)} has to be connected again. By now ${connector.name} needs ${names}, which was not asked for then.`,
    {
      hint: `Call create_credential with ${[`credentialId ${credential.id}`, ...passed].join(' and ')}, and give the person the link.`,
    },
  );
}
