/** Connecting a connection again from its owner's own page: with all that it has, so that only what is secret is asked for. */
import type { Principal } from '../../principal.ts';
import type { Broker } from '../broker.ts';
import { requireCredential } from '../policy/access.ts';
import { createCredential } from './create.ts';
import type { Created } from './create-input.ts';

/**
 * Errors as those of {@link createCredential}.
 */
export async function reconnect(
  broker: Broker,
  principal: Principal,
  input: { readonly credentialId: string },
): Promise<Created> {
  const asked = { field: 'credentialId', action: 'credential.reconnect' } as const;
  const { id, connectorId, authenticationType } = await requireCredential(broker, principal, input.credentialId, asked);
  const again = { connectorId, authenticationType, credentialId: id };
  return createCredential(broker, principal, again, { obtainedBy: 'page' });
}
