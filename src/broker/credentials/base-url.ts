/** Where the calls of a connection go, for whoever writes their paths. */
import { fillUrl, urlParts, variablesIn } from '../../connectors/template.ts';
import { KeywardError } from '../../errors.ts';
import type { Credential } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { withDefaults } from '../grants/current-inputs.ts';

/**
 * The URL that the paths of calls are below. Undefined where a secret or an answer of the service is part of it, and for
 * others than the owner where the owner typed its path, which may hold what only the owner should know.
 */
export function baseUrlOf({ catalogue }: Broker, credential: Credential, own: boolean): string | undefined {
  const connector = catalogue.get(credential.connectorId);
  const auth = connector?.auth.find(({ authenticationType }) => authenticationType === credential.authenticationType);
  if (connector === undefined || auth === undefined) return undefined;
  const { baseUrl, allowedHosts } = auth.api;
  if (!own && variablesIn(urlParts(baseUrl)?.path ?? '{path}').length > 0) return undefined;
  try {
    return fillUrl(baseUrl, withDefaults(connector, auth, credential.inputs), allowedHosts).href;
  } catch (error) {
    // It names what only the sealed part knows.
    if (error instanceof KeywardError) return undefined;
    throw error;
  }
}
